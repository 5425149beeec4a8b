"""What once broke a call in the pipeline: silence without packets, hold, recordings, engines that fail, a start that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from pipecat.frames.frames import Frame, StartFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from audio.errors import RecogniserBusy, RecogniserError
from audio.types import RecogniserStream
from dialogs.events import Listen, Prompt, Say
from tests.voicebot.endpoints.memory_leg import RATE, MemoryLeg
from tests.voicebot.pipeline.test_pipeline import HELLO, Engine, Told, line
from voicebot.conversation.stage import Recognised
from voicebot.endpoints.leg import LegEvent
from voicebot.pipeline.call import CallPipeline
from voicebot.pipeline.steering import Steering
from voicebot.pipeline.transport import LegTransport
from voicebot.pipeline.voice import Voice


async def test_a_turn_ends_when_the_packets_stop() -> None:
    """Silence suppression at the PBX: time passes for the ear without packets, too."""
    async with line(Engine("zgubiłam kartę")) as (leg, steering, told):
        await steering.listen(Listen())
        leg.speak(0.6)  # and not a packet more
        heard = await told.until("heard")
        assert isinstance(heard, Recognised)
        assert heard.recognition.text == "zgubiłam kartę"


async def test_late_packets_are_no_end_of_a_turn() -> None:
    """A hiccup of the network inside a sentence is shorter than any end of a turn."""
    async with line(Engine("zgubiłam kartę")) as (leg, steering, told):
        await steering.listen(Listen())
        leg.speak(0.4)
        await told.until("speech")
        await asyncio.sleep(0.25)  # the hiccup itself
        leg.speak(0.4)
        leg.speak(1.0, loud=False)
        await told.until("heard")
        assert [name for name, _ in told.facts].count("heard") == 1


async def test_hold_is_told_and_its_music_is_not_heard() -> None:
    engine = Engine("la la la")
    async with line(engine) as (leg, _, told):
        leg.hold()
        assert await told.until("hold") is True
        leg.speak(1.0)
        leg.speak(1.0, loud=False)
        leg.resume()
        assert await told.until("hold", 2) is False
        leg.press("1")
        await told.until("key")
        assert "speech" not in [name for name, _ in told.facts]
        assert engine.streams == []


async def test_what_a_leg_does_not_take_is_not_played() -> None:
    """On hold, or while the media is renegotiated: the sentence goes on afterwards, and only then counts as heard."""

    async def short(say: Say, rate: int) -> bytes:
        return b"\x01\x01" * (rate // 2)

    async with line(speaker=short) as (leg, steering, told):
        leg._held = True  # from the first moment, and the far end says nothing of it
        await steering.say(HELLO)
        await told.until("started")
        await asyncio.sleep(0.2)  # long enough for half the sentence
        assert "stopped" not in [name for name, _ in told.facts]
        leg._held = False
        assert await told.until("stopped") == ("m1", True, 0.5)
        assert len(leg.sent) == RATE


async def test_what_a_renegotiation_drops_is_played_again() -> None:
    async def short(say: Say, rate: int) -> bytes:
        return bytes(range(256)) * (2 * rate // 256)

    async with line(speaker=short) as (leg, steering, told):
        await steering.say(HELLO)
        await told.until("started")
        while len(leg.sent) < RATE:
            await asyncio.sleep(0.01)
        leg.renegotiate()
        await told.until("stopped")
        assert bytes(leg.sent) == bytes(range(256)) * (2 * RATE // 256)


async def test_a_recording_holds_what_was_heard_and_no_more() -> None:
    """What was queued when the bot was stopped, or the caller left, was never played."""
    spoken = bytearray()
    leg, told = MemoryLeg(), Told()

    async def drop() -> None: ...

    async def long(say: Say, rate: int) -> bytes:
        return b"\x01\x01" * (10 * rate)

    steering = Steering(hang_up=leg.hang_up, drop_recording=drop)
    steering.drive(told)  # type: ignore[arg-type]
    transport = LegTransport(leg, spoken=spoken.extend)
    async with CallPipeline([transport.input(), steering, Voice(long, RATE), transport.output()], RATE):
        await steering.say(HELLO)
        await told.until("started")
        while len(leg.sent) < RATE:
            await asyncio.sleep(0.01)
        await steering.stop_speaking()
        await told.until("stopped")
        assert abs(len(spoken) - len(leg.sent)) <= RATE * 2 * 0.03, "to the packet"
        await steering.say(Say((Prompt("more"),), "pl", mark="m2"))
        await told.until("started", 2)
        assert leg.buffered() > 0
        leg.leave()  # what is queued is never sent
        await told.until("hung_up")
    assert len(spoken) <= len(leg.sent) + RATE * 2 * 0.03


class Failing(Engine):
    """A recogniser that fails for the first utterances."""

    def __init__(self, *errors: Exception, at_open: bool) -> None:
        super().__init__("saldo")
        self.errors = list(errors)
        self.at_open = at_open
        self.opened = 0

    def open(
        self, *, language: str, sample_rate: int, expect: str = "open", on_partial: Callable[[str], None] | None = None
    ) -> RecogniserStream:
        self.opened += 1
        error = self.errors.pop(0) if self.errors else None
        if error is not None and self.at_open:
            raise error
        self.words = error or "saldo"
        return super().open(language=language, sample_rate=sample_rate, expect=expect, on_partial=on_partial)


def say_something(leg: MemoryLeg) -> None:
    leg.speak(0.5)
    leg.speak(1.2, loud=False)


@pytest.mark.parametrize("at_open", [True, False])
async def test_a_recogniser_that_is_busy_for_a_moment_is_not_broken(at_open: bool) -> None:
    """The sentence was not understood; the next one may be."""
    async with line(Failing(RecogniserBusy("full"), at_open=at_open)) as (leg, steering, told):
        await steering.listen(Listen())
        say_something(leg)
        first = await told.until("heard")
        assert isinstance(first, Recognised)
        assert (first.recognition.text, first.speech_s > 0.4) == ("", True)
        say_something(leg)
        second = await told.until("heard", 2)
        assert isinstance(second, Recognised)
        assert second.recognition.text == "saldo"
        assert "failed" not in [name for name, _ in told.facts]


@pytest.mark.parametrize("at_open", [True, False])
@pytest.mark.parametrize("error", [RecogniserError("died"), ValueError("anything")])
async def test_a_recogniser_that_failed_is_not_asked_again_in_this_call(error: Exception, at_open: bool) -> None:
    engine = Failing(error, error, at_open=at_open)
    async with line(engine) as (leg, steering, told):
        await steering.listen(Listen())
        say_something(leg)
        assert await told.until("failed") == ("recogniser", "audio.recogniser")
        await steering.listen(Listen())
        say_something(leg)
        leg.press("1")
        await told.until("key")
        assert engine.opened == 1


async def test_a_key_abandons_a_prompt_that_is_being_made() -> None:
    """The next sentence does not wait for one that nobody will hear."""
    making = asyncio.Event()

    async def slow_first(say: Say, rate: int) -> bytes:
        if say.mark == "m1":
            making.set()
            await asyncio.Event().wait()
        return b"\x01\x01" * (rate // 10)

    async with line(speaker=slow_first) as (leg, steering, told):
        await steering.say(HELLO)
        await making.wait()
        leg.press("1")
        await told.until("key")
        assert await told.until("stopped") == ("m1", False, 0.0)
        await steering.say(Say((Prompt("more"),), "pl", mark="m2"))
        assert await told.until("stopped", 2) == ("m2", True, 0.1)


class Deaf(FrameProcessor):
    """A part of a pipeline that never lets the start through."""

    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, StartFrame):
            await self.push_frame(frame, direction)


async def test_a_pipeline_that_does_not_start_leaves_nothing_running() -> None:
    leg = MemoryLeg()
    transport = LegTransport(leg)
    before = asyncio.all_tasks()
    with pytest.raises(TimeoutError):
        async with CallPipeline([transport.input(), Deaf(), transport.output()], RATE, start_deadline_s=0.1):
            raise AssertionError("it must not start")
    for _ in range(3):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == set()
    leg.press("1")
    assert await leg.next_event(), "nobody else takes the facts of the leg any more"


class OddLeg(MemoryLeg):
    """A leg with facts that nobody expects."""

    def __init__(self) -> None:
        super().__init__()
        self.oddities: list[object] = []

    async def next_event(self) -> LegEvent:
        if self.oddities:
            return self.oddities.pop(0)  # type: ignore[return-value]
        return await super().next_event()


async def test_one_odd_fact_does_not_cost_those_that_follow() -> None:
    leg, told = OddLeg(), Told()
    leg.oddities = ["nonsense", None, 7]

    async def drop() -> None: ...

    steering = Steering(hang_up=leg.hang_up, drop_recording=drop)
    steering.drive(told)  # type: ignore[arg-type]
    transport = LegTransport(leg)
    async with CallPipeline([transport.input(), steering, transport.output()], RATE):
        leg.press("5")
        leg.leave()
        assert await told.until("key") == "5"
        assert await told.until("hung_up") == "hangup"
