"""The pipeline over a leg in memory: barge-in, keys, resuming, and engines that fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from audio.errors import RecogniserError, SynthesisError
from audio.types import Reading, Recogniser, RecogniserStream, Recognition
from audio.vad import WINDOW_S
from dialogs.events import Listen, Prompt, Say
from tests.voicebot.endpoints.memory_leg import RATE, MemoryLeg
from voicebot.conversation.stage import Recognised
from voicebot.pipeline.call import CallPipeline
from voicebot.pipeline.ear import Ear
from voicebot.pipeline.media_tick import MediaTick
from voicebot.pipeline.steering import Steering
from voicebot.pipeline.transport import LegTransport
from voicebot.pipeline.voice import Voice

HELLO = Say((Prompt("hello"),), "pl", mark="m1")


class LoudActivity:
    """Voice activity by loudness: what the memory leg's caller says is loud or silent."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, pcm: bytes) -> list[float]:
        self._waiting += pcm
        size = int(WINDOW_S * RATE) * 2
        found = []
        while len(self._waiting) >= size:
            found.append(0.95 if any(self._waiting[:size]) else 0.01)
            del self._waiting[:size]
        return found


def by_loudness() -> MediaTick[LoudActivity]:
    """A media tick whose callers speak when they are loud."""
    return MediaTick(lambda rate: LoudActivity())


@dataclass
class Stream:
    """An utterance whose words are known beforehand, or whose engine fails."""

    words: str | Exception
    partial: Callable[[str], None] | None
    fed: bytearray = field(default_factory=bytearray)

    def feed(self, pcm: bytes) -> None:
        self.fed += pcm

    def pause(self) -> None:
        if self.partial is not None and isinstance(self.words, str):
            self.partial(self.words)

    def resume(self) -> None: ...

    async def finish(self) -> Recognition:
        if isinstance(self.words, Exception):
            raise self.words
        return Recognition((Reading(self.words, 0.8),))

    def close(self) -> None: ...


class Engine:
    """A recogniser that hears the same words every time."""

    name = "known"

    def __init__(self, words: str | Exception) -> None:
        self.words = words
        self.streams: list[Stream] = []

    def open(
        self, *, language: str, sample_rate: int, expect: str = "open", on_partial: Callable[[str], None] | None = None
    ) -> RecogniserStream:
        self.streams.append(Stream(self.words, on_partial))
        return self.streams[-1]

    def close(self) -> None: ...


class Told:
    """In the driver's place: keeps the facts, and lets a test wait for one."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, object]] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def _add(self, name: str, value: object) -> None:
        self.facts.append((name, value))
        task = asyncio.create_task(self._announce())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _announce(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, name: str, count: int = 1) -> object:
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: [kind for kind, _ in self.facts].count(name) >= count)
        return [value for kind, value in self.facts if kind == name][count - 1]

    def recognised(self, fact: Recognised) -> None:
        self._add("heard" if fact.final else "partial", fact)

    def speech_started(self, *, over_bot: bool) -> None:
        self._add("speech", over_bot)

    def key(self, key: str) -> None:
        self._add("key", key)

    def failed(self, stage: str, code: str) -> None:
        self._add("failed", (stage, code))

    def hung_up(self, cause: str) -> None:
        self._add("hung_up", cause)

    def hold(self, held: bool) -> None:
        self._add("hold", held)

    def playback_started(self, mark: str, at: float) -> None:
        self._add("started", mark)

    def playback_stopped(self, mark: str, *, finished: bool, played_s: float) -> None:
        self._add("stopped", (mark, finished, played_s))


async def two_seconds(say: Say, rate: int) -> bytes:
    return b"\x01\x01" * (2 * rate)


async def mute(say: Say, rate: int) -> bytes:
    raise SynthesisError("the synthesiser is dead")


@asynccontextmanager
async def line(
    recogniser: Recogniser | None = None, speaker: Callable[..., object] = two_seconds
) -> AsyncIterator[tuple[MemoryLeg, Steering, Told]]:
    leg, told = MemoryLeg(), Told()

    async def drop() -> None: ...

    steering = Steering(hang_up=leg.hang_up, drop_recording=drop)
    steering.drive(told)  # type: ignore[arg-type]
    ear = Ear(
        recognisers=lambda language: recogniser,
        sample_rate=RATE,
        decides=lambda text, language: True,
    )
    transport = LegTransport(leg, by_loudness(), listening=ear.is_listening)
    voice = Voice(speaker, RATE)  # type: ignore[arg-type]
    async with CallPipeline([transport.input(), ear, steering, voice, transport.output()], RATE):
        yield leg, steering, told


async def test_a_prompt_is_played_whole_and_reported_when_the_last_sample_has_gone_out() -> None:
    async def short(say: Say, rate: int) -> bytes:
        return b"\x01\x01" * (rate // 2)

    async with line(speaker=short) as (leg, steering, told):
        await steering.say(HELLO)
        assert await told.until("stopped") == ("m1", True, 0.5)
        assert (len(leg.sent), leg.buffered()) == (RATE, 0)


async def test_speech_over_the_bot_pauses_it_and_resuming_repeats_no_more_than_a_moment() -> None:
    engine = Engine("mhm")
    async with line(engine) as (leg, steering, told):
        await steering.say(HELLO)
        await told.until("started")
        leg.speak(0.5)
        leg.speak(1.0, loud=False)
        assert await told.until("speech") is True
        heard = await told.until("heard")
        assert isinstance(heard, Recognised)
        assert heard.over_bot
        paused_at = len(leg.sent)
        await steering.resume_speaking()
        assert await told.until("stopped") == ("m1", True, 2.0)
        assert paused_at < 2 * 2 * RATE
        assert len(leg.sent) - 2 * 2 * RATE <= 0.4 * 2 * RATE


async def test_a_key_silences_the_bot_before_anybody_decides_anything() -> None:
    async with line(Engine("")) as (leg, steering, told):
        await steering.say(HELLO)
        await told.until("started")
        leg.press("9")
        assert await told.until("key") == "9"
        names = [name for name, _ in told.facts]
        assert names.index("stopped") < names.index("key")
        assert leg.buffered() == 0


async def test_the_beginning_of_what_was_said_is_kept() -> None:
    engine = Engine("zgubiłam kartę")
    async with line(engine) as (leg, steering, told):
        await steering.listen(Listen())
        leg.speak(0.3, loud=False)
        leg.speak(0.6)
        leg.speak(1.0, loud=False)
        await told.until("heard")
        assert bytes(engine.streams[0].fed).count(b"\x00\x40") >= int(0.59 * RATE)


async def test_partial_words_that_decide_the_matter_end_the_turn_sooner() -> None:
    async with line(Engine("zgubiłam kartę")) as (leg, _, told):
        leg.speak(0.6)
        leg.speak(0.5, loud=False)
        assert isinstance(await told.until("partial"), Recognised)
        assert isinstance(await told.until("heard"), Recognised)


async def test_words_that_decided_do_not_cut_off_what_is_said_after_them() -> None:
    """No words of the second pause are known yet: half a second would have ended what was decided at the first."""
    engine = Engine("zgubiłam kartę")
    async with line(engine) as (leg, _, told):
        leg.speak(0.6)
        leg.speak(0.3, loud=False)
        await told.until("partial")
        engine.streams[0].partial = None
        for _again in range(2):
            leg.speak(0.6)
            leg.speak(0.5, loud=False)
        leg.speak(0.6, loud=False)
        heard = await told.until("heard")
        assert isinstance(heard, Recognised)
        assert heard.speech_s == pytest.approx(1.8, abs=0.15)


@pytest.mark.parametrize("error", [RecogniserError("died"), ValueError("anything at all")])
async def test_a_recogniser_that_raises_is_reported_once_and_the_ear_stays_closed(error: Exception) -> None:
    engine = Engine(error)
    async with line(engine) as (leg, _steering, told):
        leg.speak(0.5)
        leg.speak(1.2, loud=False)
        assert await told.until("failed") == ("recogniser", "audio.recogniser")
        leg.speak(0.5)
        leg.speak(1.2, loud=False)
        leg.press("1")
        await told.until("key")
        assert len(engine.streams) == 1


async def test_without_a_recogniser_keys_still_work_and_speech_does_not_stop_the_bot() -> None:
    async with line(None) as (leg, steering, told):
        await steering.say(HELLO)
        await told.until("started")
        leg.speak(0.5)
        leg.press("1")
        await told.until("key")
        assert "speech" not in [name for name, _ in told.facts]


async def test_a_dead_synthesiser_is_told_to_the_driver() -> None:
    async with line(speaker=mute) as (_, steering, told):
        await steering.say(HELLO)
        assert await told.until("failed") == ("voice", "audio.synthesis")


async def test_what_waits_to_be_said_is_dropped_with_what_is_being_said() -> None:
    async with line() as (_leg, steering, told):
        await steering.say(HELLO)
        await told.until("started")
        await steering.say(Say((Prompt("more"),), "pl", mark="m2"))
        await steering.stop_speaking()
        await told.until("stopped", 2)
        stopped = {value[0] for name, value in told.facts if name == "stopped" and isinstance(value, tuple)}
        assert stopped == {"m1", "m2"}


async def test_the_end_of_the_leg_is_told_and_no_task_is_left_over() -> None:
    before = asyncio.all_tasks()
    async with line(Engine("x")) as (leg, _, told):
        leg.leave()
        assert await told.until("hung_up") == "hangup"
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == set()
