"""Calls that nobody is behind any more end by themselves."""

from __future__ import annotations

import asyncio

from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of, settings
from voicebot.endpoints.leg import LegHold


async def test_a_call_without_any_rtp_ends(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(rtp_timeout_s=1))
    probe = await open_probe(bot)
    leg = await bot.connect(probe, talk=False)
    probe.reply(await probe.asked("BYE"), "200 OK")
    assert (await end_of(leg)).cause == "media_timeout"


async def test_a_call_whose_rtp_stops_ends(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(rtp_timeout_s=1))
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    async with asyncio.timeout(5):
        while not leg.read():
            await asyncio.sleep(0.02)
    probe.fall_silent()
    probe.reply(await probe.asked("BYE"), "200 OK")
    assert (await end_of(leg)).cause == "media_timeout"


async def test_a_held_call_may_be_silent(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(rtp_timeout_s=1))
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    async with asyncio.timeout(5):
        while not leg.read():
            await asyncio.sleep(0.02)
    probe.invite(probe.offer(extra=("a=inactive",)))
    probe.ack(await probe.final("INVITE"))
    probe.fall_silent()
    assert await leg.next_event() == LegHold(True)
    await asyncio.sleep(2.5)  # over twice the timeout: that nothing happens cannot be waited for
    assert not leg.ended.is_set()
    await probe.bye()
    assert (await end_of(leg)).cause == "hangup"


async def test_a_call_that_never_ends_is_ended(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(max_call_s=0.2))
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    probe.reply(await probe.asked("BYE"), "200 OK")
    assert (await end_of(leg)).cause == "max_length"
