"""Vosk, for real, with the one model a package brings (Korean: it proves the engine, not the language)."""

from __future__ import annotations

import asyncio
import math
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.errors import ModelError, RecogniserError
from audio.loudness import resampled, to_floats, to_pcm
from audio.recognisers.grammar import Grammar
from audio.recognisers.pool import DecodePool
from audio.recognisers.vosk import VoskRecogniser, joined_readings, parse_alternatives
from audio.synthesis import read_wav
from audio.types import Reading

YES_NO = Grammar(("네", "아니요"))


@pytest.fixture(scope="module")
def korean_speech() -> dict[int, bytes]:
    """A greeting by sample rate, spoken by espeak-ng."""
    command = ("espeak-ng", "-v", "ko", "-s", "130", "--stdout", "안녕하세요 오늘 날씨가 좋습니다")
    sound = read_wav(subprocess.run(command, capture_output=True, check=True).stdout, "espeak-ng")
    samples = to_floats(sound.pcm)
    return {rate: to_pcm(resampled(samples, sound.sample_rate, rate)) for rate in (8000, 16000)}


@pytest.fixture
async def recogniser(korean: VoskRecogniser) -> AsyncIterator[VoskRecogniser]:
    """The shared model with a pool of this test's event loop."""
    pool, shared = DecodePool(2, 4, 20), korean._pool
    korean._pool = pool
    korean._grammars = lambda expect, language: YES_NO if expect == "yes_no" else None
    yield korean
    pool.close()
    korean._pool = shared


@pytest.mark.parametrize("sample_rate", [8000, 16000])
async def test_text_firms_up_while_the_caller_speaks_and_ends_with_readings(
    recogniser: VoskRecogniser, korean_speech: dict[int, bytes], sample_rate: int
) -> None:
    partials: list[str] = []
    stream = recogniser.open(language="ko", sample_rate=sample_rate, on_partial=partials.append)
    pcm = korean_speech[sample_rate]
    for at in range(0, len(pcm), 8000):
        stream.feed(pcm[at : at + 8000])
        assert stream._job is not None
        await stream._job
    stream.pause()
    stream.resume()
    result = await stream.finish()
    assert len(partials) >= 2
    assert len(set(partials)) == len(partials), "told only when it changed"
    assert 1 <= len(result.readings) <= 3
    assert [reading.confidence for reading in result.readings] == sorted(
        (reading.confidence for reading in result.readings), reverse=True
    )
    assert result.text.split()[0] == partials[-1].split()[0]


class ListeningKaldi:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.heard = b""

    def AcceptWaveform(self, pcm: bytes) -> bool:
        self.heard += pcm
        return False

    def PartialResult(self) -> str:
        return '{"partial": ""}'

    def FinalResult(self) -> str:
        return "{}"


async def test_audio_is_heard_once_and_in_the_order_it_came(
    recogniser: VoskRecogniser, monkeypatch: pytest.MonkeyPatch, korean_speech: dict[int, bytes]
) -> None:
    engine = ListeningKaldi()
    monkeypatch.setattr(recogniser, "_recogniser", lambda sample_rate, allowed: engine)
    stream = recogniser.open(language="ko", sample_rate=8000)
    for at in range(0, len(korean_speech[8000]), 958):
        stream.feed(korean_speech[8000][at : at + 958])
        await asyncio.sleep(0)
    await stream.finish()
    assert engine.heard == korean_speech[8000]


async def test_a_grammar_lets_only_its_phrases_through(recogniser: VoskRecogniser, korean_speech: dict[int, bytes]) -> None:
    stream = recogniser.open(language="ko", sample_rate=16000, expect="yes_no")
    stream.feed(korean_speech[16000])
    result = await stream.finish()
    assert result.readings
    assert set(" ".join(reading.text for reading in result.readings).split()) <= {"네", "아니요"}


async def test_silence_gives_no_reading(recogniser: VoskRecogniser) -> None:
    stream = recogniser.open(language="ko", sample_rate=8000)
    stream.feed(bytes(16000))
    assert (await stream.finish()).readings == ()


async def test_a_closed_stream_takes_and_tells_nothing(recogniser: VoskRecogniser, korean_speech: dict[int, bytes]) -> None:
    partials: list[str] = []
    stream = recogniser.open(language="ko", sample_rate=8000, on_partial=partials.append)
    stream.feed(korean_speech[8000])
    stream.close()
    stream.feed(korean_speech[8000])
    assert (await stream.finish()).readings == ()
    assert partials == []


class StuckKaldi:
    """An engine that never comes back from a piece of audio, or raises."""

    def __init__(self, gate: threading.Event | None) -> None:
        self._gate = gate

    def AcceptWaveform(self, pcm: bytes) -> bool:
        if self._gate is None:
            raise Exception("Failed to process waveform")
        self._gate.wait(30)
        return False

    def PartialResult(self) -> str:
        return '{"partial": ""}'

    def FinalResult(self) -> str:
        return "{}"


@pytest.mark.parametrize(("hangs", "why"), [(True, r"no result within 0\.1 s"), (False, "Failed to process waveform")])
async def test_an_engine_that_hangs_or_raises_while_hearing_is_an_error_at_the_end(
    recogniser: VoskRecogniser, monkeypatch: pytest.MonkeyPatch, hangs: bool, why: str
) -> None:
    gate = threading.Event()

    def make(sample_rate: int, allowed: Grammar | None) -> Any:
        return StuckKaldi(gate if hangs else None)

    monkeypatch.setattr(recogniser, "_recogniser", make)
    monkeypatch.setattr(recogniser, "_pool", DecodePool(1, 1, 0.1))
    stream = recogniser.open(language="ko", sample_rate=8000)
    stream.feed(bytes(8000))
    with pytest.raises(RecogniserError, match=why):
        await stream.finish()
    gate.set()
    recogniser.close()


def damage_graph(model: Path) -> None:
    (model / "graph" / "HCLr.fst").write_bytes(b"no graph" * 100)


def damage_acoustics(model: Path) -> None:
    (model / "am" / "final.mdl").write_bytes(b"no model" * 100)


def change_after_fetching(model: Path) -> None:
    (model / "SHA256SUMS").write_text(f"{'0' * 64}  conf/mfcc.conf\n")


@pytest.mark.parametrize("harm", [damage_graph, damage_acoustics, change_after_fetching])
def test_a_damaged_model_is_an_error_with_the_mend(korean_model: Path, tmp_path: Path, harm: Any) -> None:
    """Above all it must not end the process, as Kaldi does when it uses a graph that it could not read."""
    model = tmp_path / "model"
    shutil.copytree(korean_model, model)
    harm(model)
    with pytest.raises(ModelError, match="fetch"):
        VoskRecogniser(model, DecodePool(1, 1, 1))


def test_likelihoods_become_shares() -> None:
    result = """{"alternatives": [{"text": "tak", "confidence": 100.0}, {"text": "tak [unk]", "confidence": 99.0},
                                  {"text": "nie", "confidence": 98.0}, {"text": "", "confidence": 90.0}]}"""
    best, second, third = parse_alternatives(result)
    assert (best.text, second.text, third.text) == ("tak", "nie", "")
    assert best.confidence == pytest.approx((1 + math.exp(-1)) / (1 + math.exp(-1) + math.exp(-2) + math.exp(-10)), abs=1e-3)
    assert parse_alternatives('{"partial": ""}') == ()


Segments = st.lists(
    st.lists(st.builds(Reading, st.sampled_from(["tak", "nie", "karta"]), st.floats(0.01, 1)), max_size=3).map(tuple), max_size=4
)


@given(Segments)
def test_segments_are_joined_in_order_with_the_likeliest_first(segments: list[tuple[Reading, ...]]) -> None:
    spoken = [segment for segment in segments if segment]
    joined = joined_readings(segments)
    assert len(joined) <= 3
    assert bool(joined) == bool(spoken)
    if joined:
        assert len(joined[0].text.split()) == len(spoken)
        assert [one.confidence for one in joined] == sorted((one.confidence for one in joined), reverse=True)
