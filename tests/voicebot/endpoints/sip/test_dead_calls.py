"""Calls that nobody is behind any more end by themselves."""

from __future__ import annotations

import asyncio

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of, next_event, settings
from tests.voicebot.endpoints.sip.sip_probe import Probe
from voicebot.endpoints.leg import LegHold, LegKey, TransferTarget
from voicebot.endpoints.sip.leg import SipLeg


async def test_a_call_without_any_rtp_ends(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(rtp_timeout_s=1))
    probe = await open_probe(bot)
    leg = await bot.connect(probe, talk=False)
    probe.reply(await probe.asked("BYE"), "200 OK")
    assert (await end_of(leg)).cause == "media_timeout"


async def test_a_call_whose_rtp_stops_ends(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(rtp_stop_timeout_s=1))
    probe = await open_probe(bot)
    await _falls_silent_and_dies(await bot.connect(probe), probe)


async def test_a_held_call_may_be_silent(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(rtp_stop_timeout_s=1))
    probe, another = await open_probe(bot), await open_probe(bot)
    leg = await bot.connect(probe)
    await until(leg.read)
    probe.invite(probe.offer(extra=("a=inactive",)))
    probe.ack(await probe.final("INVITE"))
    probe.fall_silent()
    assert await next_event(leg) == LegHold(True)
    await _falls_silent_and_dies(await bot.connect(another), another)  # later than the held one would
    assert not leg.ended.is_set()
    await probe.bye()
    assert (await end_of(leg)).cause == "hangup"


async def test_a_caller_of_whom_only_keys_come_is_alive(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """A microphone that is off behind silence suppression sends no sound at all; keys may travel as SIP INFO."""
    bot = await start_bot(settings(rtp_timeout_s=1))
    probe, another = await open_probe(bot), await open_probe(bot)
    leg = await bot.connect(probe, talk=False)
    body = "Signal=1\r\nDuration=160\r\n"
    probe.send(probe.request("INFO", body=body, headers=("Content-Type: application/dtmf-relay",)))
    assert await next_event(leg) == LegKey("1")
    dead = await bot.connect(another, talk=False)
    another.reply(await another.asked("BYE"), "200 OK")
    assert (await end_of(dead)).cause == "media_timeout"
    assert not leg.ended.is_set()
    await probe.bye()


async def test_a_caller_who_is_being_told_something_is_not_yet_expected_to_answer(
    start_bot: StartBot, open_probe: OpenProbe
) -> None:
    """Whose sound does not reach us may hear the keys being read out to its end, and press one then."""
    bot = await start_bot(settings(rtp_timeout_s=1))
    probe, another = await open_probe(bot), await open_probe(bot)
    leg = await bot.connect(probe, talk=False)
    greeting = asyncio.create_task(_speak(leg))
    dead = await bot.connect(another, talk=False)
    another.reply(await another.asked("BYE"), "200 OK")
    assert (await end_of(dead)).cause == "media_timeout"
    assert not leg.ended.is_set()
    greeting.cancel()
    await probe.bye()


async def _speak(leg: SipLeg) -> None:
    while True:
        leg.write(b"\x01\x01" * leg.sample_rate)  # more than is taken at once
        await asyncio.sleep(0.05)


async def test_a_caller_whose_call_is_being_transferred_is_not_ended_meanwhile(
    start_bot: StartBot, open_probe: OpenProbe
) -> None:
    bot = await start_bot(settings(rtp_timeout_s=1))
    probe, another = await open_probe(bot), await open_probe(bot)
    leg = await bot.connect(probe, talk=False)
    transferring = asyncio.create_task(leg.transfer(TransferTarget("cards"), 30.0))
    await probe.asked("REFER")
    dead = await bot.connect(another, talk=False)
    another.reply(await another.asked("BYE"), "200 OK")
    assert (await end_of(dead)).cause == "media_timeout"
    assert not leg.ended.is_set()
    await probe.bye()
    assert (await transferring).reason == "gone"


async def test_a_caller_who_held_the_call_from_the_start_is_alive(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(rtp_timeout_s=1))
    probe, another = await open_probe(bot), await open_probe(bot)
    leg = await bot.connect(probe, talk=False)
    probe.invite(probe.offer(extra=("a=inactive",)))
    probe.ack(await probe.final("INVITE"))
    assert await next_event(leg) == LegHold(True)
    dead = await bot.connect(another, talk=False)
    another.reply(await another.asked("BYE"), "200 OK")
    assert (await end_of(dead)).cause == "media_timeout"
    assert not leg.ended.is_set()
    await probe.bye()


async def _falls_silent_and_dies(leg: SipLeg, probe: Probe) -> None:
    await until(leg.read)
    probe.fall_silent()
    probe.reply(await probe.asked("BYE"), "200 OK")
    assert (await end_of(leg)).cause == "media_timeout"


async def test_a_call_that_never_ends_is_ended(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(max_call_s=0.2))
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    probe.reply(await probe.asked("BYE"), "200 OK")
    assert (await end_of(leg)).cause == "max_length"
