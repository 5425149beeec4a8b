"""Prompts: recorded ones are played, others synthesised once and kept; trouble with disk or engine costs no prompt needlessly."""

from __future__ import annotations

import asyncio
import os
import wave
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.errors import PromptMissing, SynthesisError
from audio.prompt_cache import DiskCache
from audio.prompt_store import PromptStore
from audio.synthesis import EspeakVoice, PiperVoice, Sound, Voice, embedded_piper_model

GREETING = "W czym mogę pomóc?"


class Singer:
    """A voice that hums for a second and counts its work; or fails, or waits to be let go."""

    def __init__(self, name: str = "singer", *, fails: bool = False, gate: asyncio.Event | None = None) -> None:
        self.name = name
        self.sung: list[str] = []
        self.fails = fails
        self.gate = gate
        self.closed = False

    async def synthesise(self, text: str, speed: float = 1.0) -> Sound:
        self.sung.append(text)
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            raise SynthesisError("it died")
        at = np.arange(round(22050 / speed)) / 22050
        return Sound((5000 * np.sin(2 * np.pi * 300 * at)).astype("<i2").tobytes(), 22050)

    async def close(self) -> None:
        self.closed = True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def store_of(cache: Path | None, *voices: Voice, memory_bytes: int = 1 << 20) -> PromptStore:
    return PromptStore(cache, {"pl": voices}, memory_bytes=memory_bytes)


def seconds(pcm: bytes, sample_rate: int) -> float:
    return len(pcm) / 2 / sample_rate


async def test_a_text_is_synthesised_once_for_all_rates_and_restarts(tmp_path: Path) -> None:
    singer = Singer()
    store = store_of(tmp_path, singer)
    for sample_rate in (8000, 16000, 8000):
        assert seconds(await store.pcm(GREETING, "pl", sample_rate), sample_rate) == pytest.approx(1, abs=0.05)
    restarted = Singer()
    assert await store_of(tmp_path, restarted).pcm(GREETING, "pl", 8000) == await store.pcm(GREETING, "pl", 8000)
    assert (singer.sung, restarted.sung) == ([GREETING], [])


async def test_another_voice_text_or_speed_is_another_sound(tmp_path: Path) -> None:
    singer, other = Singer(), Singer("another singer")
    store = store_of(tmp_path, singer)
    usual = await store.pcm(GREETING, "pl", 8000)
    slow = await store.pcm(GREETING, "pl", 8000, speed=0.5)
    assert len(slow) > 1.8 * len(usual)
    await store.pcm("Słucham.", "pl", 8000)
    await store_of(tmp_path, other).pcm(GREETING, "pl", 8000)
    assert (len(singer.sung), len(other.sung)) == (3, 1)


async def test_calls_that_ask_at_once_share_one_synthesis(tmp_path: Path) -> None:
    gate = asyncio.Event()
    singer = Singer(gate=gate)
    store = store_of(tmp_path, singer)
    asked = [asyncio.create_task(store.pcm(GREETING, "pl", rate)) for rate in (8000, 8000, 16000)]
    await asyncio.sleep(0)
    asked[0].cancel()  # its caller hung up; the others still want it
    gate.set()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert isinstance(results[1], bytes)
    assert isinstance(results[2], bytes)
    assert singer.sung == [GREETING]


async def test_a_dead_voice_is_replaced_by_the_next_and_left_alone_for_a_while(tmp_path: Path) -> None:
    dead, spare, clock = Singer("neural", fails=True), Singer("plain"), Clock()
    store = PromptStore(tmp_path, {"pl": (dead, spare)}, clock=clock)
    await store.pcm("one", "pl", 8000)
    await store.pcm("two", "pl", 8000)
    assert (dead.sung, spare.sung) == (["one"], ["one", "two"])
    clock.now, dead.fails = 31.0, False
    await store.pcm("three", "pl", 8000)
    assert (dead.sung, spare.sung) == (["one", "three"], ["one", "two"])


async def test_when_every_voice_fails_the_error_names_each(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says it once, not for each of a thousand texts."""
    store = store_of(tmp_path, Singer("neural", fails=True), Singer("plain", fails=True))
    for text in (GREETING, "one", "two"):
        with pytest.raises(SynthesisError, match=r"neural: it died; plain: it died"):
            await store.pcm(text, "pl", 8000)
    assert [record.getMessage() for record in caplog.records] == [
        f"the voice {name} failed: it died" for name in ("neural", "plain")
    ]


async def test_what_is_on_disk_is_played_when_every_voice_is_dead(tmp_path: Path) -> None:
    await store_of(tmp_path, Singer()).pcm(GREETING, "pl", 8000)
    assert await store_of(tmp_path, Singer(fails=True)).pcm(GREETING, "pl", 8000)


async def test_a_language_without_a_voice_is_an_error() -> None:
    with pytest.raises(SynthesisError, match="no voice for the language 'uk'"):
        await store_of(None, Singer()).pcm("Добрий день", "uk", 8000)


async def test_neither_text_nor_recording_is_an_error() -> None:
    with pytest.raises(PromptMissing):
        await store_of(None, Singer()).pcm("  ", "pl", 8000)


@pytest.mark.parametrize("channels", [1, 2])
async def test_a_recording_is_played_as_it_is(tmp_path: Path, channels: int) -> None:
    recording = tmp_path / "greeting.wav"
    with wave.open(str(recording), "wb") as file:
        file.setparams((channels, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.full(16000 * channels, 1234, dtype="<i2").tobytes())
    singer = Singer()
    pcm = await store_of(tmp_path / "cache", singer).pcm(GREETING, "pl", 16000, recording=recording)
    assert np.array_equal(np.frombuffer(pcm, dtype="<i2"), np.full(16000, 1234))
    assert singer.sung == []


@pytest.mark.parametrize("content", [None, b"", b"not a wave file"])
async def test_a_recording_that_cannot_be_played_gives_way_to_the_text(tmp_path: Path, content: bytes | None) -> None:
    recording = tmp_path / "greeting.wav"
    if content is not None:
        recording.write_bytes(content)
    assert await store_of(None, Singer()).pcm(GREETING, "pl", 8000, recording=recording)


async def test_a_recording_that_is_replaced_or_mended_is_heard_at_once(tmp_path: Path) -> None:
    """Half of one, as a copy under way leaves it, is not heard: nobody should hear half a sentence."""
    recording, singer = tmp_path / "greeting.wav", Singer()
    store = store_of(None, singer)
    said = partial(store.pcm, GREETING, "pl", 8000, recording=recording)
    for level, whole in ((0.1, True), (0.2, True), (0.3, False), (0.3, True)):
        soundfile.write(recording, np.full(8000, level), 8000)
        if not whole:
            os.truncate(recording, 8000)
        heard = np.frombuffer(await said(), dtype="<i2")
        assert (heard[0] / 2**15 == pytest.approx(level, abs=0.001)) == whole
    assert singer.sung == [GREETING]


async def test_without_text_a_missing_recording_is_a_missing_prompt(tmp_path: Path) -> None:
    with pytest.raises(PromptMissing):
        await store_of(None, Singer()).pcm("", "pl", 8000, recording=tmp_path / "gone.wav")


async def test_private_speech_is_kept_nowhere(tmp_path: Path) -> None:
    singer = Singer()
    store = store_of(tmp_path, singer)
    for _ in range(2):
        assert await store.pcm("sześćset jeden, sto dwadzieścia trzy", "pl", 8000, private=True)
    assert len(singer.sung) == 2
    assert list(tmp_path.iterdir()) == []


async def test_a_cache_that_cannot_be_used_costs_time_never_a_prompt(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    store = store_of(tmp_path / "cache", Singer())
    assert await store.pcm(GREETING, "pl", 8000)


async def test_a_full_disk_costs_time_never_a_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wave.Wave_write, "writeframes", full)
    store = store_of(tmp_path, Singer())
    assert await store.pcm("one", "pl", 8000)
    assert await store.pcm("two", "pl", 8000)
    assert list(tmp_path.iterdir()) == [], "nothing half-written is left"
    assert len([line for line in caplog.messages if "No space left" in line]) == 1, "told once"


@pytest.mark.parametrize("harm", [b"", b"RIFF", b"x" * 5000])
async def test_a_damaged_file_in_the_cache_is_made_again(tmp_path: Path, harm: bytes) -> None:
    good = await store_of(tmp_path, Singer()).pcm(GREETING, "pl", 8000)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(harm)
    singer = Singer()
    assert await store_of(tmp_path, singer).pcm(GREETING, "pl", 8000) == good
    assert singer.sung == [GREETING]


async def test_memory_is_bounded_and_keeps_what_was_played_last() -> None:
    singer = Singer()
    store = store_of(None, singer, memory_bytes=40_000)  # two and a half seconds at 8 kHz
    for text in ("one", "two", "one", "three", "one", "two"):
        await store.pcm(text, "pl", 8000)
    assert singer.sung == ["one", "two", "three", "two"]


def test_the_disk_is_bounded_and_keeps_what_was_played_last(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, limit=100_000)
    sound = Sound(bytes(20_000), 8000)
    for number in range(4):
        cache.write(f"{number}.wav", sound)
    assert cache.read("0.wav") == sound
    cache.write("4.wav", sound)
    cache.write("5.wav", sound)
    assert cache.read("0.wav") is not None, "played last"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 100_000
    assert cache.read("1.wav") is None


async def test_warming_makes_ready_and_reports(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    store = store_of(tmp_path, Singer())
    failed = await store.warm(
        [("one", "pl"), ("two", "pl"), ("one", "pl"), ("three", "uk")], 8000, lambda done, total: steps.append((done, total))
    )
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert ["'uk'" in str(error) for error in failed] == [True]
    assert len(list(tmp_path.glob("*.wav"))) == 2


async def test_closing_stops_the_voices(tmp_path: Path) -> None:
    singer = Singer()
    store = store_of(tmp_path, singer)
    await store.close()
    await store.close()
    assert singer.closed


@pytest.mark.parametrize(("text", "language"), [(GREETING, "pl"), ("How may I help you?", "en")])
async def test_real_voices_speak_at_telephone_level(tmp_path: Path, text: str, language: str) -> None:
    """For real: no long silence around it, a level a telephone line likes, no clipping."""
    model = embedded_piper_model()
    assert model is not None
    voices: dict[str, Sequence[Voice]] = {"en": (PiperVoice(model),), "pl": (EspeakVoice("pl"),)}
    store = PromptStore(tmp_path, voices)
    samples = np.frombuffer(await store.pcm(text, language, 8000), dtype="<i2") / 32768
    await store.close()
    assert 0.8 < len(samples) / 8000 < 2.5
    assert np.abs(samples[:800]).max() > 0.01, "it begins within a tenth of a second"
    assert -27 < 10 * np.log10(np.mean(samples**2)) < -18
    assert np.abs(samples).max() < 0.95
