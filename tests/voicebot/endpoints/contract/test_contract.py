"""The contract of `voicebot.endpoints.leg.Leg`, over every kind of leg."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from tests.voicebot.endpoints.contract.far_end import NO_ADDRESS, QUEUE, Answer, FarEnd
from tests.voicebot.endpoints.looking import until
from voicebot.endpoints.errors import CallGone, TelephonyError
from voicebot.endpoints.leg import Leg, LegEnded, LegEvent, LegHold, LegKey, TransferOutcome

DEADLINE_S = 5.0
NOTHING_MORE_S = 0.3  # that nothing comes cannot be waited for


async def connect(far_end: FarEnd) -> Leg:
    """A call, answered."""
    leg = await far_end.dial()
    await both(leg.answer(), far_end.connected())
    return leg


async def both(leg_does: Awaitable[Any], far_end_does: Awaitable[None]) -> Any:
    """Both at the same time; what the leg's command returns."""
    async with asyncio.timeout(2 * DEADLINE_S):
        result, _ = await asyncio.gather(leg_does, far_end_does)
    return result


async def fact(leg: Leg) -> LegEvent:
    return await asyncio.wait_for(leg.next_event(), DEADLINE_S)


async def facts_to_the_end(leg: Leg) -> list[LegEvent]:
    facts = [await fact(leg)]
    while not isinstance(facts[-1], LegEnded):
        facts.append(await fact(leg))
    return facts


async def causes(leg: Leg) -> list[str]:
    """Of all the ends that are told; there should be one."""
    return [end.cause for end in await facts_to_the_end(leg) if isinstance(end, LegEnded)]


async def taken(leg: Leg, pcm: bytes) -> int:
    """Bytes taken at the first try that takes any: media may be changing."""
    count = 0

    def try_it() -> int:
        nonlocal count
        count = leg.write(pcm)
        return count

    await until(try_it)
    return count


def second(leg: Leg) -> bytes:
    return b"\x00\x10" * leg.sample_rate


class TestFacts:
    async def test_come_in_order_and_end_with_the_end(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        seen: list[LegEvent] = []
        happenings: tuple[Callable[[], Awaitable[None]], ...] = (
            lambda: far_end.press("1"),
            far_end.hold,
            far_end.resume,
            lambda: far_end.press("#"),
        )
        for happens in happenings:
            await happens()
            seen.append(await fact(leg))
        await far_end.leave()
        assert seen == [LegKey("1"), LegHold(True), LegHold(False), LegKey("#")]
        assert await causes(leg) == ["hangup"]

    async def test_wait_for_whoever_reads_them(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        for key in "1221*":
            await far_end.press(key)
        await far_end.leave()
        *keys, end = await facts_to_the_end(leg)
        assert keys == [LegKey(key) for key in "1221*"]
        assert isinstance(end, LegEnded)

    async def test_of_the_first_moment_are_kept(self, far_end: FarEnd) -> None:
        leg = await far_end.dial()

        async def press_at_once() -> None:
            await far_end.connected()
            await far_end.press("7")

        await both(leg.answer(), press_at_once())
        assert await fact(leg) == LegKey("7")

    async def test_end_once(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        await far_end.leave()
        await facts_to_the_end(leg)
        await leg.hang_up()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(leg.next_event(), NOTHING_MORE_S)


class TestAnswer:
    async def test_gives_the_rate_and_sound(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        assert leg.sample_rate in (8000, 16000)
        await until(leg.read)
        assert leg.stats is None

    async def test_after_the_caller_left_says_so(self, far_end: FarEnd) -> None:
        leg = await far_end.dial()
        await far_end.leave()
        assert await causes(leg) == ["hangup"]
        with pytest.raises(CallGone):
            await leg.answer()


class TestSound:
    async def test_is_taken_and_drains_in_real_time(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        pcm = second(leg)
        assert leg.write(pcm) == len(pcm)
        assert 0 < leg.buffered() <= len(pcm)
        await until(lambda: leg.buffered() < len(pcm) * 0.8)
        assert leg.buffered() > 0, "a second of sound went out at once"
        assert leg.lost() == 0

    async def test_that_is_flushed_is_gone_but_not_lost(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        leg.write(second(leg))
        leg.flush()
        await until(lambda: leg.buffered() == 0)
        assert leg.lost() == 0
        pcm = second(leg)[:3200]
        assert leg.write(pcm) == len(pcm)

    async def test_is_not_taken_on_hold_and_what_was_queued_is_told_as_lost(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        pcm = second(leg)
        leg.write(pcm)
        await far_end.hold()
        assert await fact(leg) == LegHold(True)
        assert leg.write(pcm) == 0
        assert leg.buffered() == 0
        assert len(pcm) / 2 < leg.lost() < len(pcm)
        assert leg.lost() == 0, "the same bytes were told twice"
        await far_end.resume()
        assert await fact(leg) == LegHold(False)
        assert await taken(leg, pcm) == len(pcm)
        assert leg.buffered() > 0
        assert leg.lost() == 0

    async def test_that_a_change_of_media_drops_is_told_as_lost(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        pcm = second(leg)
        leg.write(pcm)
        await far_end.renegotiate()
        assert leg.buffered() == 0, "asking what is queued must not hide that it was lost"
        assert len(pcm) / 2 < leg.lost() < len(pcm)
        assert await taken(leg, pcm[:3200]) == 3200
        assert 0 < leg.buffered() <= 3200
        assert leg.lost() == 0

    async def test_goes_on_when_the_media_comes_back_changed_after_a_hold(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        await far_end.hold()
        assert await fact(leg) == LegHold(True)
        assert leg.write(second(leg)) == 0
        await far_end.renegotiate()
        assert await fact(leg) == LegHold(False)
        pcm = second(leg)
        assert await taken(leg, pcm) == len(pcm)
        await until(lambda: leg.buffered() < len(pcm) * 0.8)
        assert leg.lost() == 0


class TestTheEnd:
    @pytest.mark.parametrize("leaves", ["the caller", "the bot"])
    async def test_is_harmless_to_every_command(self, far_end: FarEnd, leaves: str) -> None:
        leg = await connect(far_end)
        pcm = second(leg)
        leg.write(pcm)
        await (far_end.leave() if leaves == "the caller" else both(leg.hang_up(), far_end.hung_up_on()))
        assert await causes(leg) == ["hangup"]
        assert (leg.read(), leg.write(b"\0\0"), leg.buffered()) == (b"", 0, 0)
        assert len(pcm) / 2 < leg.lost() <= len(pcm), "nobody heard what was queued at the end"
        leg.flush()
        assert (leg.read(), leg.lost()) == (b"", 0)
        assert await leg.transfer(QUEUE, 1.0) == TransferOutcome(False, "gone")
        await leg.hang_up()
        await leg.hang_up()

    async def test_hanging_up_twice_at_once_is_one_end(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        await both(asyncio.gather(leg.hang_up(), leg.hang_up()), far_end.hung_up_on())
        assert await causes(leg) == ["hangup"]

    async def test_before_the_answer(self, far_end: FarEnd) -> None:
        leg = await far_end.dial()
        await both(leg.hang_up(), far_end.hung_up_on())
        assert len(await causes(leg)) == 1
        with pytest.raises(CallGone):
            await leg.answer()


COMMANDS: dict[str, Callable[[Leg], Coroutine[Any, Any, object]]] = {
    "answer": lambda leg: leg.answer(),
    "transfer": lambda leg: leg.transfer(QUEUE, 1.0),
    "hang up": lambda leg: leg.hang_up(),
}


class TestACallerWhoLeavesDuring:
    @pytest.mark.parametrize("command", COMMANDS)
    async def test_a_command_is_a_caller_who_left(self, far_end: FarEnd, command: str) -> None:
        """Only `answer` may raise, and only a TelephonyError."""
        leg = await (far_end.dial() if command == "answer" else connect(far_end))
        running = asyncio.ensure_future(COMMANDS[command](leg))
        if command == "answer":
            await both(asyncio.wait({running}, timeout=0), far_end.connected())
        await far_end.leave()
        try:
            result = await asyncio.wait_for(running, DEADLINE_S)
        except TelephonyError:
            assert command == "answer"
        else:
            assert command != "transfer" or result == TransferOutcome(False, "gone")
        assert len(await causes(leg)) == 1

    async def test_writing_ends_the_sound(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        leaving = asyncio.ensure_future(far_end.leave())
        await until(lambda: leg.write(b"\0\0" * 80) == 0)
        await leaving
        assert len(await causes(leg)) == 1


class TestTransfer:
    @pytest.mark.parametrize(
        ("answer", "ok", "reason", "statuses"),
        [
            (Answer.COMPLETE, True, "", {200}),
            (Answer.TAKE_OVER, True, "", {100, 200}),
            (Answer.REFUSE, False, "refused", {603}),
            (Answer.REFUSE_LATER, False, "refused", {486}),
            (Answer.IGNORE, False, "timeout", {0}),
            (Answer.LEAVE, False, "gone", {0}),
        ],
    )
    async def test_ends_as_the_far_end_answers(
        self, far_end: FarEnd, answer: Answer, ok: bool, reason: str, statuses: set[int]
    ) -> None:
        leg = await connect(far_end)
        outcome = await both(leg.transfer(QUEUE, 1.5), far_end.answer_transfer(answer))
        assert (outcome.ok, outcome.reason) == (ok, reason)
        assert outcome.status in (statuses if getattr(far_end, "tells_sip_status", True) else {0, *statuses})

    async def test_to_no_address_is_unreachable(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        assert await leg.transfer(NO_ADDRESS, 1.5) == TransferOutcome(False, "unreachable")
        await far_end.press("5")
        assert await fact(leg) == LegKey("5"), "the call goes on"

    async def test_while_another_is_under_way_is_busy(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        first = asyncio.ensure_future(leg.transfer(QUEUE, 1.5))
        await asyncio.sleep(0)  # the first has begun
        assert await leg.transfer(QUEUE, 1.5) == TransferOutcome(False, "busy")
        assert (await both(first, far_end.answer_transfer(Answer.REFUSE))).reason == "refused"

    async def test_that_was_refused_can_be_tried_elsewhere(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        for answer in (Answer.REFUSE, Answer.REFUSE_LATER, Answer.IGNORE):
            assert not (await both(leg.transfer(QUEUE, 1.5), far_end.answer_transfer(answer))).ok
        await far_end.press("5")
        assert await fact(leg) == LegKey("5")
        pcm = second(leg)
        assert leg.write(pcm) == len(pcm)
        assert (await both(leg.transfer(QUEUE, 1.5), far_end.answer_transfer(Answer.COMPLETE))).ok
        assert await causes(leg) == ["transferred"]

    async def test_after_which_the_far_end_stays_is_ended_by_us(self, far_end: FarEnd) -> None:
        leg = await connect(far_end)
        assert (await both(leg.transfer(QUEUE, 1.5), far_end.answer_transfer(Answer.TAKE_OVER))).ok
        await both(leg.hang_up(), far_end.hung_up_on())
        assert len(await causes(leg)) == 1
