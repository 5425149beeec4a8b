"""What the live view costs the console: 60 calls that change five times a second each, five browsers that watch."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bench.traffic.__main__ import settings_of
from voicebot.accounts.roles import Role
from voicebot.console.guard import COOKIE
from voicebot.console.service import open_console
from voicebot.logs import configure_logs
from voicebot.state.live_calls import LiveCall, LiveCalls
from voicebot.state.shared import SharedState

CALLS, BROWSERS, EVENTS_PER_S, SECONDS = 60, 5, 5, 20
_PHASES = ("listening", "accept", "confirm", "reask", "handing over")


async def _calls(url: str) -> None:
    """The calls' side, in a process of its own: changes of live calls, as their sessions tell them."""
    shared = SharedState(url)
    await shared.start()
    live = LiveCalls(shared)
    for number in range(CALLS):
        live.began(LiveCall(f"c{number}", datetime.now(UTC)))
    while True:
        live.changed(f"c{random.randrange(CALLS)}", phase=random.choice(_PHASES))
        await asyncio.sleep(1 / (CALLS * EVENTS_PER_S))


async def measure() -> dict[str, float]:
    """Shares of a core: without anybody who watches, and with five browsers."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_console(settings_of(Path(folder), 0)) as console:
            user = console.parts.users.add("watcher", [Role.VIEWER], made_by="bench")
            cookie = console.parts.sessions.begin(user, "password")
            url = console.parts.stores.url
            program = f"import asyncio; from bench.traffic.live_cost import _calls; asyncio.run(_calls({url!r}))"
            calls = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
            while len(await console.parts.stores.live.everywhere()) < CALLS:  # noqa: ASYNC110 - counts, not events
                await asyncio.sleep(0.2)
            alone = await _share()
            origin = f"http://127.0.0.1:{console.address[1]}"
            program = f"from bench.traffic.live_cost import watch; watch({origin!r}, {cookie!r})"
            watching = [await asyncio.create_subprocess_exec(sys.executable, "-c", program) for _ in range(BROWSERS)]
            await asyncio.sleep(8)
            watched = await _share()
            for each in (calls, *watching):
                each.kill()
                await each.wait()
    return {"nobody watches": alone, f"{BROWSERS} browsers": watched}


async def _share() -> float:
    """CPU seconds of this process a second."""
    before, began = os.times(), time.monotonic()
    await asyncio.sleep(SECONDS)
    after = os.times()
    return (after.user + after.system - before.user - before.system) / (time.monotonic() - began)


def watch(origin: str, cookie: str) -> None:
    """One browser, in a process of its own."""
    with httpx.Client(base_url=origin, headers={"Cookie": f"{COOKIE}={cookie}"}, timeout=60) as client:
        while True:
            with client.stream("GET", "/live/events") as stream:
                for _ in stream.iter_lines():
                    pass


if __name__ == "__main__":
    configure_logs(level="error")
    for name, share in asyncio.run(measure()).items():
        print(f"{CALLS} calls, {CALLS * EVENTS_PER_S} changes a second, {name}: {100 * share:.1f} % of a core")
