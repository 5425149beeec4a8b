"""Attacked by behaviour: repetitions, races, counters and floods. The call going on stays good, and every place comes back."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import Bot, OpenProbe, StartBot, end_of, next_event, settings
from tests.voicebot.endpoints.sip.sip_probe import PCMA, Probe
from voicebot.endpoints.leg import LegHold, LegKey
from voicebot.endpoints.sip.leg import SipLeg

WITH_KEYS = (*PCMA, "101 telephone-event/8000")


@asynccontextmanager
async def _good_call(bot: Bot, probe: Probe) -> AsyncIterator[SipLeg]:
    """A call that is heard, and whose keys count, before and after; all places are free in the end."""
    leg = await bot.connect(probe, probe.offer(WITH_KEYS))
    await until(lambda: any(leg.read()))
    yield leg
    leg.read()
    await until(lambda: any(leg.read()))
    probe.press("9", 101)
    while (event := await next_event(leg)) != LegKey("9"):
        assert isinstance(event, LegHold)
    assert (await probe.bye()).status == 200
    await end_of(leg)
    await until(lambda: bot.endpoint.counts.live == 0)


async def test_every_message_comes_five_times(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    invite = probe.invite(probe.offer(WITH_KEYS))
    for _ in range(4):
        probe.send(invite)
    leg = await bot.leg()
    answering = asyncio.create_task(leg.answer())
    answer = await probe.final("INVITE")
    probe.take_up(answer)
    for _ in range(4):
        probe.ack(answer)
        probe.send(invite)
    await answering
    bye = probe.request("BYE")
    for _ in range(5):
        probe.send(bye)
    assert (await probe.final("BYE")).status == 200
    await end_of(leg)
    assert bot.ringing.empty()
    await until(lambda: bot.endpoint.counts.live == 0)


async def test_a_late_ack_is_in_time_while_the_answer_is_repeated(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.invite(probe.offer(WITH_KEYS))
    leg = await bot.leg()
    answering = asyncio.create_task(leg.answer())
    first = await probe.final("INVITE")
    second = await probe.final("INVITE")  # repeated, since no ACK has come (RFC 3261, 13.3.1.4)
    assert first.headers["to"] == second.headers["to"]
    probe.take_up(second)
    await answering
    await until(lambda: any(leg.read()))
    assert (await probe.bye()).status == 200
    await end_of(leg)


@pytest.mark.parametrize("when", ["before", "while", "after"])
async def test_cancel_races_our_answer(start_bot: StartBot, open_probe: OpenProbe, when: str) -> None:
    bot = await start_bot(settings(max_calls=2))
    async with _good_call(bot, await open_probe(bot)):
        for _ in range(5):
            probe = await open_probe(bot)
            probe.invite()
            cancel = probe.request("CANCEL", cseq=1, branch=probe.branch)
            leg = await bot.leg()
            if when == "before":
                probe.send(cancel)
            answering = asyncio.create_task(leg.answer())
            if when == "while":
                await asyncio.sleep(0)
                probe.send(cancel)
            answer = await probe.final("INVITE")
            if when == "after":
                probe.send(cancel)
            probe.ack(answer)
            if answer.status == 200:
                assert (await probe.bye()).status == 200
            else:
                assert answer.status == 487
            await asyncio.wait({answering})
            answering.exception()
            await end_of(leg)
            await until(lambda: bot.endpoint.counts.live == 1)


async def test_cseq_and_tag_games_do_not_end_a_call(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    async with _good_call(bot, probe):
        right = probe.to
        strange = ((0, right), (4_294_967_295, right.split(";")[0]), (99, right + "0"), (99, "<sip:x@y>;tag=1"))
        for cseq, to in strange:
            probe.to = to
            probe.send(probe.request("BYE", cseq=cseq))
            assert (await probe.expect(lambda found: found.status >= 200 and found.method == "BYE")).status >= 400
        probe.to = right
        tag, probe.tag = probe.tag, "another"
        probe.send(probe.request("BYE", cseq=100))
        assert (await probe.expect(lambda found: found.status >= 200 and found.method == "BYE")).status == 481
        probe.tag, probe.cseq = tag, 200


async def test_renegotiations_that_cross_leave_the_call(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    async with _good_call(bot, probe):
        for number in range(10):
            probe.invite(probe.offer(WITH_KEYS, extra=("a=sendonly",) if number % 2 else ()))
        answers = [await probe.final("INVITE") for _ in range(10)]
        assert {answer.status for answer in answers} <= {200, 491, 500}
        for answer in answers:
            probe.ack(answer)
        probe.invite(probe.offer(WITH_KEYS))
        while (last := await probe.final("INVITE")).headers["cseq"] != f"{probe.cseq} INVITE":
            pass
        assert last.status == 200
        probe.ack(last)


async def test_a_flood_of_options_messages_and_junk_by_a_peer(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(max_calls=2))
    probe, flooder = await open_probe(bot), await open_probe(bot)
    async with _good_call(bot, probe):
        for number in range(1500):
            flooder.send(flooder.request(("OPTIONS", "MESSAGE", "SUBSCRIBE")[number % 3]))
            if not number % 50:
                flooder.send(b"\x1b[2J junk")
                await asyncio.sleep(0)
        another = await open_probe(bot)
        leg = await _served_behind_the_flood(bot, another)
        await another.bye()
        await end_of(leg)


async def _served_behind_the_flood(bot: Bot, probe: Probe) -> SipLeg:
    """As callers do: the INVITE is repeated until somebody answers (RFC 3261, 17.1.1.2), since a flood fills the socket."""
    invite = probe.invite()
    while bot.ringing.empty():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await probe.expect(lambda found: found.status > 0)
                break
        probe.send(invite)
    leg = await bot.leg()
    answering = asyncio.create_task(leg.answer())
    probe.take_up(await probe.final("INVITE"))
    await answering
    return leg


async def test_a_flood_of_keys_is_neither_endless_nor_deaf(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe, flooder = await open_probe(bot), await open_probe(bot)
    async with _good_call(bot, probe):
        other = await bot.connect(flooder, flooder.offer(WITH_KEYS))
        for _ in range(300):
            for key in "0123456789*#":
                flooder.press(key, 101)
            await asyncio.sleep(0)
        assert isinstance(await next_event(other), LegKey)
        assert (await flooder.bye()).status == 200
        await end_of(other)


async def test_two_hundred_slow_tcp_connections(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(bot.address, 5)) for _ in range(200)]
        async with _good_call(bot, probe):
            for number, sock in enumerate(slow):
                sock.sendall((b"OPTIONS sip:802@x SIP/2.0\r\nVia: ", b"INVITE", b"\r\n", b"\x00" * 100)[number % 4])
            asker = await open_probe(bot)
            asker.send(asker.request("OPTIONS"))
            assert (await asker.final("OPTIONS")).status == 200
            for sock in slow:
                sock.sendall(b"X")
