"""An app that can only relay, behind coturn with the configuration that we give away; and what that coturn refuses to relay."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiortc")

NAMESPACE = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")


def missing() -> str:
    """Why it cannot be tried here; "" when it can."""
    if lacking := [name for name in ("turnserver", "ip", "unshare") if shutil.which(name) is None]:
        return f"not installed here: {', '.join(lacking)} (make test installs coturn, as root)"
    if os.geteuid() or subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        return "no network of its own can be made here (needs root, or CAP_SYS_ADMIN)"
    return ""


MISSING = missing()


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
async def test_an_app_talks_through_coturn_which_relays_to_nobody_else(tmp_path: Path) -> None:
    """With the password that came with its ticket; with a wrong one, or one that has expired, it relays nothing."""
    scenario = await asyncio.create_subprocess_exec(
        *(*NAMESPACE, sys.executable, "-m", "tests.voicebot.endpoints.web_call.behind_turn", str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        out, log = await asyncio.wait_for(scenario.communicate(), 90)
    finally:
        if scenario.returncode is None:
            scenario.kill()  # and with it all that it has started
            await scenario.wait()
    assert scenario.returncode == 0, log.decode()[-3000:]
    told: dict[str, Any] = json.loads(out.decode().splitlines()[-1])
    assert told == {
        "candidates": [["10.9.9.2", "relay"]],
        "talked": True,
        "service": ["relays"],
        "elsewhere": ["no relaying: 403"] * 4,
        "wrong": ["no allocation: 401"],
        "expired": ["no allocation: 401"],
    }
