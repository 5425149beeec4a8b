"""No file handles left: a call that cannot have its sockets is refused on the wire, and calls under way go on."""

from __future__ import annotations

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of, next_event
from tests.voicebot.endpoints.sip.sip_probe import PCMA
from tests.voicebot.handles import no_handles_left
from voicebot.endpoints.leg import LegKey

WITH_KEYS = (*PCMA, "101 telephone-event/8000")


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
