"""What once broke a call in the pipeline: silence without packets, hold, recordings, engines that fail, a start that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import structlog
from pipecat.frames.frames import Frame, StartFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from audio.errors import RecogniserBusy, RecogniserError
from audio.types import RecogniserStream, Recognition
from dialogs.events import Listen, Prompt, Say
from tests.voicebot.endpoints.memory_leg import RATE, MemoryLeg
from tests.voicebot.pipeline.test_pipeline import HELLO, Engine, LoudActivity, Stream, Told, by_loudness, line
from voicebot.conversation.stage import Recognised
from voicebot.endpoints.leg import LegEvent
from voicebot.pipeline.call import CallPipeline
from voicebot.pipeline.ear import Ear
from voicebot.pipeline.media_tick import MediaTick
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
    transport = LegTransport(leg, by_loudness(), listening=lambda: True, spoken=spoken.extend)
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
    transport = LegTransport(leg, by_loudness(), listening=lambda: True)
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
    transport = LegTransport(leg, by_loudness(), listening=lambda: True)
    async with CallPipeline([transport.input(), steering, transport.output()], RATE):
        leg.press("5")
        leg.leave()
        assert await told.until("key") == "5"
        assert await told.until("hung_up") == "hangup"


def breaks(*_: object) -> None:
    raise RuntimeError("it broke")


async def test_a_listener_that_breaks_makes_the_bot_neither_deaf_nor_mute() -> None:
    """The recording is one; it is told nothing more."""
    told, leg, heard = Told(), MemoryLeg(), 0

    def once(pcm: bytes) -> None:
        nonlocal heard
        heard += 1
        raise OSError("no space left on device")

    async def drop() -> None: ...

    async def short(say: Say, rate: int) -> bytes:
        return b"\x01\x01" * (rate // 2)

    steering = Steering(hang_up=leg.hang_up, drop_recording=drop)
    steering.drive(told)  # type: ignore[arg-type]
    ear = Ear(recognisers=lambda language: Engine("saldo"), sample_rate=RATE, decides=lambda text, language: False)
    transport = LegTransport(leg, by_loudness(), listening=ear.is_listening, heard=once, spoken=breaks)
    async with CallPipeline([transport.input(), ear, steering, Voice(short, RATE), transport.output()], RATE):
        await steering.say(HELLO)
        assert await told.until("stopped") == ("m1", True, 0.5)
        say_something(leg)
        result = await told.until("heard")
        assert isinstance(result, Recognised)
        assert (result.recognition.text, heard) == ("saldo", 1)


class Clinging(Stream):
    """An utterance that cannot be let go."""

    def close(self) -> None:
        raise RuntimeError("the engine does not let go")


class ClingingEngine(Engine):
    """A recogniser whose streams cannot be closed."""

    def open(
        self, *, language: str, sample_rate: int, expect: str = "open", on_partial: Callable[[str], None] | None = None
    ) -> RecogniserStream:
        self.streams.append(Clinging(self.words, on_partial))
        return self.streams[-1]


async def test_a_stream_that_cannot_be_closed_costs_neither_a_key_nor_a_sentence() -> None:
    before = asyncio.all_tasks()
    async with line(ClingingEngine("saldo")) as (leg, steering, told):
        await steering.listen(Listen())
        leg.speak(0.5)
        await told.until("speech")
        leg.press("1")
        assert await told.until("key") == "1"
        say_something(leg)
        heard = await told.until("heard")
        assert isinstance(heard, Recognised)
        assert heard.recognition.text == "saldo"
        leg.speak(0.5)
        await told.until("speech", 3)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == set()


class Patient(Stream):
    """An utterance whose words come when they are let go."""

    def __init__(self, words: str, may_finish: asyncio.Event, finished: asyncio.Event) -> None:
        super().__init__(words, None)
        self._may_finish, self._finished = may_finish, finished

    async def finish(self) -> Recognition:
        await self._may_finish.wait()
        self._finished.set()
        return await super().finish()


class TwoSentences(Engine):
    """The first sentence is recognised later than the second."""

    def __init__(self) -> None:
        super().__init__("")
        self.first, self.second = asyncio.Event(), asyncio.Event()
        self.opened = 0

    def open(
        self, *, language: str, sample_rate: int, expect: str = "open", on_partial: Callable[[str], None] | None = None
    ) -> RecogniserStream:
        self.opened += 1
        at_once = asyncio.Event()
        at_once.set()
        return Patient("first", self.first, asyncio.Event()) if self.opened == 1 else Patient("second", at_once, self.second)


async def test_sentences_are_told_in_the_order_in_which_they_were_spoken() -> None:
    engine = TwoSentences()
    async with line(engine) as (leg, steering, told):
        await steering.listen(Listen())
        say_something(leg)
        say_something(leg)
        await asyncio.wait_for(engine.second.wait(), 5)
        await asyncio.sleep(0)
        engine.first.set()
        await told.until("heard", 2)
        assert [value.recognition.text for name, value in told.facts if name == "heard" and isinstance(value, Recognised)] == [
            "first",
            "second",
        ]


async def test_voice_activity_that_breaks_is_told_so_that_the_call_goes_on_with_keys() -> None:
    class BrokenActivity(LoudActivity):
        def feed(self, pcm: bytes) -> list[float]:
            raise RuntimeError("the model broke")

    told, leg = Told(), MemoryLeg()

    async def drop() -> None: ...

    steering = Steering(hang_up=leg.hang_up, drop_recording=drop)
    steering.drive(told)  # type: ignore[arg-type]
    ear = Ear(recognisers=lambda language: Engine("x"), sample_rate=RATE, decides=lambda text, language: False)
    transport = LegTransport(leg, MediaTick(lambda rate: BrokenActivity()), listening=ear.is_listening)
    async with CallPipeline([transport.input(), ear, steering, transport.output()], RATE):
        await steering.listen(Listen())
        say_something(leg)
        assert await told.until("failed") == ("recogniser", "audio.vad")
        leg.press("1")
        assert await told.until("key") == "1"


async def test_a_hint_that_breaks_costs_no_sentence() -> None:
    told, leg = Told(), MemoryLeg()

    async def drop() -> None: ...

    steering = Steering(hang_up=leg.hang_up, drop_recording=drop)
    steering.drive(told)  # type: ignore[arg-type]
    ear = Ear(recognisers=lambda language: Engine("saldo"), sample_rate=RATE, decides=breaks)  # type: ignore[arg-type]
    transport = LegTransport(leg, by_loudness(), listening=ear.is_listening)
    async with CallPipeline([transport.input(), ear, steering, transport.output()], RATE):
        await steering.listen(Listen())
        say_something(leg)
        assert isinstance(await told.until("heard"), Recognised)
        assert "failed" not in [name for name, _ in told.facts]


@pytest.mark.parametrize("works", [True, False])
async def test_a_stop_in_the_moment_in_which_a_sentence_is_ready_still_stops_it(works: bool) -> None:
    """Neither is it heard afterwards, nor is its failure told."""
    stopping: list[asyncio.Task[None]] = []

    async def stopped_as_it_returns(say: Say, rate: int) -> bytes:
        if say.mark == "m1":
            stopping.append(asyncio.create_task(steering.stop_speaking()))
        if not works and say.mark == "m1":
            raise RuntimeError("broke as well")
        return b"\x01\x01" * (rate // 10)

    async with line(speaker=stopped_as_it_returns) as (leg, steering, told):
        await steering.say(HELLO)
        assert await told.until("stopped") == ("m1", False, 0.0)
        await steering.say(Say((Prompt("more"),), "pl", mark="m2"))
        assert await told.until("stopped", 2) == ("m2", True, 0.1)
        assert len(leg.sent) == RATE // 10 * 2
        assert "failed" not in [name for name, _ in told.facts]


async def test_a_part_that_cannot_be_cleaned_up_leaves_nothing_else_running() -> None:
    class Clumsy(FrameProcessor):
        def __init__(self) -> None:
            super().__init__(enable_direct_mode=True)

        async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)
            await self.push_frame(frame, direction)

        async def cleanup(self) -> None:
            raise RuntimeError("it holds on")

    leg = MemoryLeg()
    transport = LegTransport(leg, by_loudness(), listening=lambda: True)
    before = asyncio.all_tasks()
    async with CallPipeline([Clumsy(), transport.input(), transport.output()], RATE):
        pass
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == set()


async def test_a_leg_of_which_nothing_can_be_read_is_told_once_and_its_keys_count() -> None:
    class Unreadable(MemoryLeg):
        def read(self) -> bytes:
            raise RuntimeError("no sound")

    told, leg = Told(), Unreadable()

    async def drop() -> None: ...

    steering = Steering(hang_up=leg.hang_up, drop_recording=drop)
    steering.drive(told)  # type: ignore[arg-type]
    transport = LegTransport(leg, by_loudness(), listening=lambda: True)
    with structlog.testing.capture_logs() as logged:
        async with CallPipeline([transport.input(), steering, transport.output()], RATE):
            assert await told.until("failed") == ("recogniser", "call.audio")
            leg.press("1")
            assert await told.until("key") == "1"
    assert len([line for line in logged if line.get("code") == "call.audio"]) == 1
