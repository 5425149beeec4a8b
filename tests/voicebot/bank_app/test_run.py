"""Starting the example: what it says when a part cannot live, and that nothing is left running."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import run

from dialogs.data.bundle import load_bundle
from voicebot.config.loading import load_settings

LIVES = (
    "import json, os, time\nprint(json.dumps({'listening': '127.0.0.1:5060', 'pid': os.getpid()}), flush=True)\ntime.sleep(600)"
)
DIES = "import sys\nprint('the first line'); print('no voice here', file=sys.stderr); sys.exit(3)"


def plan(folder: Path) -> run.Plan:
    return run.Plan(folder, "192.0.2.10", "192.0.2.10:5070", 5060, 8080, 8081)


def program(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    monkeypatch.setattr(run, "HERE", folder)


async def test_a_part_that_cannot_start_is_told_with_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(monkeypatch, tmp_path, "agent.py", DIES)
    monkeypatch.setattr(run, "own_address", lambda: "127.0.0.1")
    assert await run.run(tmp_path / "demo", check=False) == 1
    told = capsys.readouterr().err
    assert "the agent ended with 3" in told
    assert "no voice here" in told


async def test_a_part_that_lives_is_ended_with_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, tmp_path, "agent.py", LIVES)
    with pytest.raises(run.NotStarted):  # noqa: PT012 - the second part dies while the first lives
        async with AsyncExitStack() as stack:
            parts = run.Parts(stack)
            assert await parts.agent("127.0.0.1") == "127.0.0.1:5060"
            pid = json.loads(parts.all[0].last[0])["pid"]
            program(monkeypatch, tmp_path, "bank.py", DIES)
            await parts.bank(plan(tmp_path))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_machine_without_a_network_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def alone() -> str:
        raise run.NotStarted("connect it to a network")

    monkeypatch.setattr(run, "own_address", alone)
    assert await run.run(tmp_path / "demo", check=False) == 1
    assert "connect it to a network" in capsys.readouterr().err


def test_what_is_written_is_what_voicebot_takes_and_secrets_stay_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan(tmp_path)
    made.write()
    for name, secret in made.environment().items():
        monkeypatch.setenv(name, secret)
    settings = load_settings(tmp_path / "voicebot.yml")
    bundle = load_bundle(settings.bundle)
    assert bundle.routes.lines["main"].app_confirmation == tuple(run.CONFIRMED)
    assert made.token not in (tmp_path / "voicebot.yml").read_text()
    assert settings.identity.web_calls.enabled
    for name in ("bank-app", "desk"):
        assert '"d"' not in (tmp_path / f"{name}.jwks.json").read_text()
    assert stat.S_IMODE((tmp_path / "bank.json").stat().st_mode) == 0o600


async def test_ctrl_c_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    program(monkeypatch, tmp_path, "agent.py", "import time\nprint('silent', flush=True)\ntime.sleep(600)")
    monkeypatch.setattr(run, "own_address", lambda: "127.0.0.1")
    running = asyncio.create_task(run.run(tmp_path / "demo", check=False))
    while "finds their voice" not in capsys.readouterr().out:
        await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 0
