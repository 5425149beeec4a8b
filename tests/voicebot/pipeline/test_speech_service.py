"""Speech services of pipecat as recognisers: services made for the test, on pipecat's real base classes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import loguru
import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterimTranscriptionFrame,
    StartFrame,
    TranscriptionFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService, STTService

from audio.errors import ModelError, RecogniserBusy, RecogniserError
from audio.recognisers.settings import RecogniserSettings
from audio.types import UNSTATED, Reading, RecogniserStream
from voicebot.config.check import settings_in_force
from voicebot.config.loading import load_settings
from voicebot.pipeline.speech_service import MOST_LETTERS, ServiceRecogniser, readings_of

TENTH = bytes(1600)  # of a second at 8 kHz
HERE = __name__
WORDS = "block my card now"


def final(text: str, result: Any = None, *, finalized: bool = False) -> TranscriptionFrame:
    return TranscriptionFrame(text=text, user_id="", timestamp="", result=result, finalized=finalized)


class Streaming(STTService):
    """Hears a word every three tenths of a second; at the end says what `manner` makes it say."""

    Settings = STTSettings
    alive: ClassVar[set[int]] = set()

    def __init__(self, *, api_key: str, manner: str = "", words: str = WORDS, settings: STTSettings | None = None) -> None:
        super().__init__(ttfs_p99_latency=0.1, settings=settings or STTSettings(model="m", language="en"))
        if api_key != "open sesame":
            raise ValueError(f"bad key {api_key}")
        if manner == "exits":
            raise SystemExit(3)
        self._settings.model = "m"
        self._manner = manner
        self._words = words.split()
        self._heard = 0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        if self._manner == "does not start":
            raise ConnectionRefusedError("open sesame")
        if self._manner == "never connects":
            await asyncio.Event().wait()

    @property
    def _text(self) -> str:
        return " ".join(self._words[: self._heard // 4800])

    async def setup(self, setup: Any) -> None:
        await super().setup(setup)
        self.alive.add(id(self))

    async def cleanup(self) -> None:
        await super().cleanup()  # type: ignore[no-untyped-call]
        self.alive.discard(id(self))

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        assert self.sample_rate == 8000
        assert self._settings.language == "pl"
        self._heard += len(audio)
        if self._manner == "raises":
            raise RuntimeError("open sesame")
        if self._manner == "fails":
            yield ErrorFrame("connection lost")
        elif self._manner == "hangs":
            await asyncio.Event().wait()
        elif self._manner not in ("silent", "does not start"):
            yield InterimTranscriptionFrame(self._text, "", "")

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, VADUserStoppedSpeakingFrame):
            return
        if self._manner == "":
            many = [{"transcript": self._text, "confidence": 0.8}, {"transcript": "lock my", "confidence": 0.15}]
            await self.push_frame(final(self._text, {"alternatives": many}, finalized=True))
        elif self._manner == "twice":
            for text in (self._text, self._text.capitalize() + "."):
                await self.push_frame(final(text))
            await self.push_frame(final("at once"))
        elif self._manner == "endless":
            for number in range(9):
                await self.push_frame(final(f"{number} " + "word " * 1000))
        elif self._manner == "reconnects":
            await self.push_error("connection lost")
            await self.push_frame(final(self._text, finalized=True))


class Segmented(SegmentedSTTService):
    """Gets the whole segment as a WAV."""

    def __init__(self, **more: Any) -> None:
        super().__init__(ttfs_p99_latency=0.1, settings=STTSettings(model="m", language=None), **more)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        assert audio[:4] == b"RIFF"
        yield final(f"{round((len(audio) - 44) / 16000 - 0.5, 1)} seconds")


def opened(name: str = "Streaming", *, key: str = "open sesame", **more: Any) -> ServiceRecogniser:
    """In a thread, as the service opens it: there no event loop runs."""
    given: Mapping[str, Any] = {"secrets": {"api_key": key}} if name == "Streaming" else {}
    settings = RecogniserSettings.model_validate({"engine": "pipecat", "service": f"{HERE}.{name}", **given, **more})
    return ServiceRecogniser(settings, "pl")


async def in_thread(**more: Any) -> ServiceRecogniser:
    return await asyncio.to_thread(opened, **more)


async def say(
    recogniser: ServiceRecogniser, tenths: int = 10, on_partial: Callable[[str], None] | None = None
) -> RecogniserStream:
    stream = recogniser.open(language="pl", sample_rate=8000, on_partial=on_partial)
    for _ in range(tenths):
        stream.feed(TENTH)
        await asyncio.sleep(0.002)
    return stream


async def gone(recogniser: ServiceRecogniser) -> None:
    """Every service is cleaned up, and its task over."""
    recogniser.close()
    await recogniser.ended()
    assert Streaming.alive == set()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "speech-service"]


async def test_a_streaming_service_gives_partial_results_and_readings_with_confidences() -> None:
    recogniser = await in_thread()
    partials: list[str] = []
    stream = await say(recogniser, on_partial=partials.append)
    await asyncio.sleep(0.02)
    result = await stream.finish()
    assert result.readings == (Reading("block my card", 0.8), Reading("lock my", 0.15))
    assert partials == ["block", "block my", "block my card"]
    assert await stream.finish() == type(result)(), "said once"
    await gone(recogniser)


async def test_a_stream_that_is_closed_after_its_end_as_calls_do_leaves_no_pipeline_running() -> None:
    """A second end must not interrupt the first one."""
    recogniser = await in_thread()
    before = asyncio.all_tasks()
    for _ in range(3):
        stream = await say(recogniser)
        assert (await stream.finish()).readings
        stream.close()
    recogniser.close()
    await recogniser.ended()
    assert asyncio.all_tasks() == before


async def test_a_segmented_service_hears_the_whole_utterance() -> None:
    recogniser = await in_thread(name="Segmented")
    stream = await say(recogniser)
    assert (await stream.finish()).readings == (Reading("1.0 seconds", UNSTATED),)
    await gone(recogniser)


@pytest.mark.parametrize(
    ("manner", "text"),
    [
        ("twice", "block my card at once"),  # the same words are taken once, further ones are waited for
        ("reconnects", "block my card"),  # an error that it got over is none
        ("silent", ""),  # never answers
        ("hangs", ""),
        ("interim only", "block my card"),
    ],
)
async def test_a_service_that_behaves_oddly_ends_with_what_it_said(manner: str, text: str) -> None:
    recogniser = await in_thread(arguments={"manner": manner}, deadline_s=1.2)
    stream = await say(recogniser)
    assert (await stream.finish()).text == text
    await gone(recogniser)


@pytest.mark.parametrize(
    ("manner", "deadline_s"), [("fails", 1.2), ("raises", 1.2), ("never connects", 0.3), ("does not start", 4.0)]
)
async def test_a_service_that_fails_without_a_word_is_an_error_that_quotes_nothing(manner: str, deadline_s: float) -> None:
    """Nor does it fill the log, though each piece of sound is an error."""
    recogniser = await in_thread(arguments={"manner": manner}, deadline_s=deadline_s)
    logged: list[str] = []
    handler = loguru.logger.add(logged.append, level="WARNING")
    try:
        stream = await say(recogniser)
        with pytest.raises(RecogniserError, match="speech service failed") as failed:
            await stream.finish()
    finally:
        loguru.logger.remove(handler)
    assert len(logged) <= 2
    assert not [line for line in (str(failed.value), *logged) if "sesame" in line]
    await gone(recogniser)


async def test_what_no_caller_can_say_in_a_minute_is_not_taken() -> None:
    """Understanding it would hold up all calls."""
    recogniser = await in_thread(arguments={"manner": "endless"}, deadline_s=1.2)
    assert 1000 < len((await (await say(recogniser)).finish()).text) <= MOST_LETTERS
    await gone(recogniser)


def test_words_hold_nothing_that_cannot_be_kept() -> None:
    """NUL, half of a character, what reorders text: no record or message could be written, and the caller would reach nobody."""
    assert readings_of(final("tak\x00\ud800 \u202enie\n")) == (Reading("tak nie", UNSTATED),)


async def test_a_stream_closed_in_the_middle_tells_nothing_and_leaves_nothing() -> None:
    recogniser = await in_thread()
    partials: list[str] = []
    stream = await say(recogniser, 1, partials.append)
    stream.close()
    stream.feed(TENTH * 9)
    assert (await stream.finish()).readings == ()
    assert partials == []
    await gone(recogniser)


async def test_no_more_services_run_than_are_allowed() -> None:
    recogniser = await in_thread(workers=1, waiting=0)
    first = await say(recogniser, 1)
    with pytest.raises(RecogniserBusy):
        recogniser.open(language="pl", sample_rate=8000)
    first.close()
    await asyncio.wait([first.running])  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    (await say(recogniser, 1)).close()
    await gone(recogniser)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"service": "no.such.module.Service"}, "cannot be imported"),
        ({"service": f"{HERE}.Missing"}, "no speech service"),
        ({"service": "pathlib.Path"}, "no speech service"),
        ({"service": "pipecat.services.stt_service.STTService"}, "no speech service"),
        ({"service": f"{HERE}.Streaming"}, "correct arguments"),
        ({"service": f"{HERE}.Streaming", "secrets": {"api_key": "a wrong key"}}, "correct arguments"),
        (
            {"service": f"{HERE}.Streaming", "secrets": {"api_key": "open sesame"}, "arguments": {"manner": "exits"}},
            r"cannot be made \(SystemExit\)",
        ),
        ({"service": f"{HERE}.Streaming", "secret_files": {"api_key": "/no/such/file"}}, "correct the path"),
    ],
)
def test_what_cannot_be_a_service_is_refused_when_it_is_loaded(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ModelError, match=why) as refused:
        ServiceRecogniser(RecogniserSettings.model_validate({"engine": "pipecat", **settings}), "pl")
    assert "a wrong key" not in str(refused.value)


def test_secrets_come_from_files_or_the_environment_and_are_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("open sesame\n")
    settings = RecogniserSettings(engine="pipecat", service=f"{HERE}.Streaming", secret_files={"api_key": tmp_path / "key"})
    assert ServiceRecogniser(settings, "pl").name == "pipecat"
    monkeypatch.setenv("VOICEBOT_RECOGNISERS__PL__SECRETS__API_KEY", "open sesame")
    (tmp_path / "v.yml").write_text(f"recognisers: {{pl: {{engine: pipecat, service: {HERE}.Streaming}}}}\n")
    assert ServiceRecogniser(load_settings(tmp_path / "v.yml").recognisers["pl"], "pl").name == "pipecat"
    assert "sesame" not in repr(settings_in_force(tmp_path / "v.yml"))
    assert "sesame" not in repr(RecogniserSettings.model_validate({**settings.model_dump(), "secrets": {"api_key": "sesame"}}))


@pytest.mark.parametrize(
    ("result", "confidence"),
    [
        (None, UNSTATED),
        (SimpleNamespace(alternatives=[SimpleNamespace(transcript="tak", confidence=0.9)]), 0.9),  # Riva, Google
        (SimpleNamespace(channel=SimpleNamespace(alternatives=[{"transcript": "tak", "confidence": 0.8}])), 0.8),  # Deepgram
        ({"Alternatives": [{"Transcript": "tak"}]}, UNSTATED),  # Amazon
        (SimpleNamespace(result=SimpleNamespace(json='{"NBest": [{"Confidence": 0.7, "Display": "Tak."}]}')), 0.7),  # Azure
        ({"alternatives": [{"transcript": "tak", "confidence": 0.0}]}, UNSTATED),
        ({"alternatives": 5}, UNSTATED),
        ({"alternatives": [{"confidence": "high"}]}, UNSTATED),
        (SimpleNamespace(result=SimpleNamespace(json="no json")), UNSTATED),
    ],
)
def test_confidences_are_found_where_services_put_them(result: Any, confidence: float) -> None:
    assert readings_of(final("tak", result))[0] == Reading("tak", confidence)
