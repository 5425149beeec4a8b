"""The synthesisers that the settings name."""

from __future__ import annotations

from collections.abc import Sequence

from audio.errors import SynthesisError
from audio.synthesis import EspeakVoice, PiperVoice, Sound, Voice, embedded_piper_model
from voicebot.config.settings import Settings, Voices


def voices_of(language: str, settings: Settings) -> list[Voice]:
    """The voices of a language, the best first. None is started before it speaks."""
    wanted = settings.voices.get(language, Voices())
    model = wanted.piper_model or (embedded_piper_model() if language == "en" else None)
    espeak = EspeakVoice(wanted.espeak_voice or language, words_per_minute=wanted.words_per_minute)
    return [PiperVoice(model), espeak] if model is not None else [espeak]


async def spoken(text: str, voices: Sequence[Voice]) -> Sound | None:
    """The text by the first voice that can say it, once; None when none can."""
    try:
        for voice in voices:
            try:
                return await voice.synthesise(text)
            except SynthesisError:
                continue
        return None
    finally:
        for voice in voices:
            await voice.close()
