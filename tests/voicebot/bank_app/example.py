"""The example in a browser: the bank's server and the agent's telephone as programs of their own, the service with real ears."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import journey
import pytest
import run

from audio.recognisers.load import load_recogniser
from audio.recognisers.settings import RecogniserSettings
from tests.voicebot.endpoints.web_call.bank import needs_address
from tests.voicebot.endpoints.web_call.test_chromium import CHROMIUM
from tests.voicebot.running import open_service
from voicebot.endpoints.sip.ports import free_port

needs_all_of_it = [
    needs_address,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
    pytest.mark.timeout(240),
]
SHOTS = os.environ.get("BANK_APP_SCREENSHOTS")
"""A folder for the pictures, for a person to look at."""


@asynccontextmanager
async def example(folder: Path, *, hears: bool) -> AsyncIterator[journey.World]:
    """All of the example, with the service's quick parts; with the recogniser where somebody speaks."""
    async with AsyncExitStack() as stack:
        host, parts = run.own_address(), run.Parts(stack)
        queue = await parts.agent(host, folder / "heard")
        plan = run.Plan(folder, host, queue, free_port(host), run.free_web_port(), run.free_web_port())
        plan.write()
        await parts.bank(plan)
        recognisers = {}
        if hears:
            english = load_recogniser(RecogniserSettings(engine="whisper"))
            assert english is not None
            stack.callback(english.close)
            recognisers["en"] = english
        sections = plan.settings()
        sections["sip"] |= {"net_interface": host}
        sections["web"] |= {"token": plan.token}
        sections["handoff"]["webhook"] |= {"secret": plan.secret}
        await stack.enter_async_context(open_service(folder / "state", recognisers=recognisers, **sections))
        pictures = Path(SHOTS) if SHOTS else folder / "pictures"
        yield await stack.enter_async_context(
            journey.opened(plan.bank_url, f"{host}:{plan.sip}", folder / "heard", pictures, speaks=hears)
        )
