"""Torture messages (RFC 4475 and worse): each gets a right answer or none, the call going on stays good, places come back."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of, next_event, settings
from tests.voicebot.endpoints.sip.sip_probe import PCMA, Message
from tests.voicebot.endpoints.sip.torture import TORTURES, Torture
from voicebot.endpoints.leg import LegKey


@pytest.mark.parametrize("torture", TORTURES, ids=lambda torture: f"{torture.section} {torture.name}".strip())
async def test_a_torture_message_harms_nobody(start_bot: StartBot, open_probe: OpenProbe, torture: Torture) -> None:
    bot = await start_bot(settings(max_calls=3))
    probe, liar, asker = await open_probe(bot), await open_probe(bot), await open_probe(bot)
    leg = await bot.connect(probe, probe.offer((*PCMA, "101 telephone-event/8000")))
    liar.send(torture.make(liar))
    if torture.rings:
        rung = await bot.leg()
        await rung.hang_up()
    asker.send(asker.request("OPTIONS"))
    assert (await asker.final("OPTIONS")).status == 200
    if torture.statuses or torture.rings:
        answer = await liar.expect(lambda found: found.status >= 200)
        assert answer.status in (torture.statuses or {503})
    while not bot.ringing.empty():
        await bot.ringing.get_nowait().hang_up()
    assert await _finals(liar.sip.received) <= 2
    leg.read()
    await until(lambda: any(leg.read()))
    probe.press("5", 101)
    assert await next_event(leg) == LegKey("5")
    assert (await probe.bye()).status == 200
    await end_of(leg)
    await until(lambda: bot.endpoint.counts.live == 0)


async def _finals(received: asyncio.Queue[bytes]) -> int:
    """How many final answers have come beyond those that were expected; each can be read."""
    count = 0
    while not received.empty():
        with contextlib.suppress(KeyError):  # of a message without CSeq
            count += Message.parse(received.get_nowait()).status >= 200
    return count
