"""Calls to the bank's queues: how each answer ends, who can be called at all, and what the call carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.answerer import Queue
from tests.voicebot.endpoints.sip.conftest import Bot, end_of, next_event, running, settings
from voicebot.endpoints.errors import DialFailed
from voicebot.endpoints.leg import LegKey, TransferTarget
from voicebot.endpoints.sip.leg import SipLeg

CARDS = TransferTarget("cards")


@asynccontextmanager
async def bot_and_queue(**changes: object) -> AsyncIterator[tuple[Bot, Queue]]:
    queue = await Queue.open()
    try:
        async with running(settings(queue_address=queue.address, **changes)) as bot:
            bot.endpoint.let_dial([CARDS])
            yield bot, queue
    finally:
        await queue.close()


async def dial(bot: Bot, ring_s: float = 5.0, **headers: str) -> SipLeg:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await bot.endpoint.dial(bot.endpoint.settings.queue_uri(CARDS), named, ring_s)


async def connect(bot: Bot, queue: Queue) -> SipLeg:
    dialled = asyncio.create_task(dial(bot))
    await queue.called()
    await queue.answer()
    return await dialled


REFUSALS = {
    "486 Busy Here": 486,
    "480 Temporarily Unavailable": 480,
    "404 Not Found": 404,
    "503 Service Unavailable": 503,
    "603 Decline": 603,
    "302 Moved Temporarily": 302,
}


class TestARefusal:
    @pytest.mark.parametrize("status", REFUSALS)
    @pytest.mark.parametrize("rings", [False, True])
    async def test_is_known_at_once(self, status: str, rings: bool) -> None:
        """Also when it comes before the stack has said that it dials; a redirection is not followed."""
        async with bot_and_queue() as (bot, queue):
            dialled = asyncio.create_task(dial(bot, ring_s=60.0))
            await queue.called()
            if rings:
                queue.say("180 Ringing")
            queue.say(status, headers=("Contact: <sip:elsewhere@127.0.0.1:9>", "Retry-After: 5"))
            with pytest.raises(DialFailed) as failed:
                await asyncio.wait_for(dialled, 5)
            assert (failed.value.reason, failed.value.status) == ("refused", REFUSALS[status])
            await until(lambda: not bot.endpoint._all_legs())

    async def test_that_is_a_timeout_on_the_way_is_one(self) -> None:
        async with bot_and_queue() as (bot, queue):
            dialled = asyncio.create_task(dial(bot, ring_s=60.0))
            await queue.called()
            queue.say("408 Request Timeout")
            with pytest.raises(DialFailed) as failed:
                await dialled
            assert (failed.value.reason, failed.value.status) == ("timeout", 408)


class TestNobodyAnswers:
    @pytest.mark.parametrize("says", ["", "100 Trying", "180 Ringing", "183 Session Progress"])
    async def test_and_the_call_is_given_up(self, says: str) -> None:
        async with bot_and_queue() as (bot, queue):
            dialled = asyncio.create_task(dial(bot, ring_s=0.4))
            await queue.called()
            if says:
                queue.say(says)
            with pytest.raises(DialFailed) as failed:
                await dialled
            assert (failed.value.reason, failed.value.status) == ("timeout", 0)
            if says:  # who has said nothing cannot be told (RFC 3261, 9.1)
                assert (await queue.hung_up_on()).method == "CANCEL"

    async def test_because_nobody_is_there(self) -> None:
        async with bot_and_queue() as (bot, queue):
            await queue.close()
            with pytest.raises(DialFailed) as failed:
                await dial(bot, ring_s=0.4)
            assert failed.value.reason == "timeout"

    async def test_and_the_caller_has_left(self) -> None:
        async with bot_and_queue() as (bot, queue):
            dialled = asyncio.create_task(dial(bot))
            await queue.called()
            queue.say("180 Ringing")
            await asyncio.sleep(0.1)
            dialled.cancel()
            assert (await queue.hung_up_on()).method == "CANCEL"
            with pytest.raises(asyncio.CancelledError):
                await dialled


class TestWhoCanBeCalled:
    @pytest.mark.parametrize(
        "uri",
        [
            "sip:+48700123456@127.0.0.1:5070",
            "sip:cards@evil.example",
            "sip:cards@127.0.0.1:5070;transport=tcp",
            "sip:cards@127.0.0.1:5070?X-Evil=1",
            "sip:cards@127.0.0.1:5070 1 sip:other@host",
            "tel:+48700123456",
            "",
        ],
    )
    async def test_is_nobody_but_the_queues(self, uri: str) -> None:
        async with bot_and_queue() as (bot, queue):
            with pytest.raises(DialFailed) as failed:
                await bot.endpoint.dial(uri, {}, 1.0)
            assert failed.value.reason == "unreachable"
            assert queue._sip.received.empty()

    async def test_is_nobody_before_the_queues_are_known(self) -> None:
        async with bot_and_queue() as (bot, _):
            bot.endpoint.let_dial([])
            with pytest.raises(DialFailed, match="no address of a queue"):
                await dial(bot)

    async def test_is_nobody_whose_answer_would_be_kept_out(self) -> None:
        """The gate drops what comes from strangers, so the answer would never be seen."""
        async with bot_and_queue(peers=("192.0.2.0/24",)) as (bot, _):
            with pytest.raises(DialFailed, match=r"sip\.peers"):
                await dial(bot)

    async def test_changes_with_the_networks_that_are_let_in(self) -> None:
        async with bot_and_queue(peers=("192.0.2.0/24",)) as (bot, queue):
            bot.endpoint.let_in(settings())
            leg = await connect(bot, queue)
            ending = asyncio.create_task(leg.hang_up())
            await queue.hung_up_on()
            await ending

    async def test_is_nobody_once_the_endpoint_is_closed(self) -> None:
        async with bot_and_queue() as (bot, _):
            await bot.endpoint.close()
            with pytest.raises(DialFailed):
                await dial(bot)

    async def test_stays_so_while_the_endpoint_takes_no_more_calls(self) -> None:
        """Whoever is left must go somewhere."""
        async with bot_and_queue() as (bot, queue):
            assert await bot.endpoint.drain(0.1)
            leg = await connect(bot, queue)
            ending = asyncio.create_task(leg.hang_up())
            await queue.hung_up_on()
            await ending


class TestTheCall:
    async def test_carries_what_the_agents_screen_needs_and_nothing_that_could_break_it(self) -> None:
        async with bot_and_queue() as (bot, queue):
            evil = "x\r\nX-Evil: 1"
            dialled = asyncio.create_task(
                dial(bot, X_Handoff_Ref="h-1", User_to_User="682d31;encoding=hex", X_Call_Ref=evil, X_Odd="zażółć")
            )
            invite = await queue.called()
            assert invite.headers["x-handoff-ref"] == "h-1"
            assert invite.headers["user-to-user"] == "682d31;encoding=hex"
            assert not {"x-call-ref", "x-evil", "x-odd"} & set(invite.headers)
            assert "+48" not in invite.headers["from"]
            queue.say("486 Busy Here")
            with pytest.raises(DialFailed):
                await dialled

    async def test_offers_what_fits_the_callers_sound_first(self) -> None:
        async with bot_and_queue() as (bot, queue):
            first = []
            for rate in (8000, 16000):
                uri = bot.endpoint.settings.queue_uri(CARDS)
                dialled = asyncio.create_task(bot.endpoint.dial(uri, {}, 5.0, sample_rate=rate))
                invite = await queue.called()
                number = invite.body.split("RTP/AVP ")[1].split(" ")[0]
                first.append(invite.body.split(f"a=rtpmap:{number} ")[1].split("/")[0])
                queue.say("486 Busy Here")
                with pytest.raises(DialFailed):
                    await dialled
            assert first == ["PCMA", "opus"]

    async def test_is_a_leg_with_sound_and_keys_both_ways(self) -> None:
        async with bot_and_queue() as (bot, queue):
            leg = await connect(bot, queue)
            assert leg.sample_rate == 8000
            await until(leg.read)
            await queue.press("2")
            assert await next_event(leg) == LegKey("2")
            await leg.send_key("7")
            assert await queue.heard_key() == "7"
            await queue.hang_up()
            assert (await end_of(leg)).cause == "hangup"
            await leg.send_key("7")  # nobody is there: harmless

    async def test_ends_with_the_endpoint(self) -> None:
        async with bot_and_queue() as (bot, queue):
            await connect(bot, queue)
            closing = asyncio.create_task(bot.endpoint.close())
            assert (await queue.hung_up_on()).method == "BYE"
            await closing
