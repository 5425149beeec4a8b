"""No file handles left: a call that cannot have its sockets is refused on the wire, and calls under way go on."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of, next_event
from tests.voicebot.endpoints.sip.sip_probe import PCMA
from voicebot.endpoints.leg import LegKey

WITH_KEYS = (*PCMA, "101 telephone-event/8000")


@contextmanager
def no_handles_left() -> Iterator[None]:
    """No file, socket or pipe can be opened in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    fillers = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    try:
        while True:
            fillers.append(os.dup(0))
    except OSError:
        pass
    try:
        yield
    finally:
        for each in fillers:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_call_is_refused_and_the_next_ones_are_served(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    talking, unlucky, later = await open_probe(bot), await open_probe(bot), await open_probe(bot)
    leg = await bot.connect(talking, talking.offer(WITH_KEYS))
    await until(lambda: any(leg.read()))
    with no_handles_left():
        unlucky.invite()
        refused = await unlucky.final("INVITE")
        talking.press("4", 101)
        assert await next_event(leg) == LegKey("4"), "who is on the line is served"
    assert 500 <= refused.status < 600
    after = await bot.connect(later, later.offer(WITH_KEYS))
    await until(lambda: any(after.read()))
    for probe, call in ((talking, leg), (later, after)):
        await probe.bye()
        await end_of(call)
