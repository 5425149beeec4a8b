"""From a setting to a recogniser."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from audio.errors import ModelError
from audio.types import Recogniser

from .decoding import WhisperDecoder, WhisperSettings
from .pool import DecodePool
from .settings import RecogniserSettings
from .sherpa import SherpaDecoder, SherpaRecogniser
from .vosk import VoskRecogniser
from .weights import WHISPER_BASE, joined
from .whisper import WhisperRecogniser


def load_recogniser(settings: RecogniserSettings, *, language: str = "", cache_dir: Path | None = None) -> Recogniser | None:
    """The recogniser, its model loaded (0.5 s to many: call it before the loop runs or in a thread); None for the engine "none".

    `language` is that of an engine `for_one_language`; `cache_dir` keeps the embedded model. Raises ModelError, which
    says what to do, when the model is missing, wrong or corrupt.
    """
    if settings.engine == "none":
        return None
    pool = DecodePool(settings.workers, settings.waiting, settings.deadline_s)
    try:
        match settings.engine:
            case "whisper":
                folder = settings.model or joined(WHISPER_BASE, cache_dir or Path.home() / ".cache" / "voicebot")
                decoder = WhisperDecoder(folder, workers=settings.workers, settings=WhisperSettings())
                return WhisperRecogniser(decoder, pool)
            case "vosk":
                return VoskRecogniser(settings.model or Path(), pool)
            case "sherpa":
                return _sherpa(settings, pool, language)
            case "pipecat":
                raise ModelError("a speech service of pipecat belongs to the service: it is opened by voicebot.engines")
            case _:
                assert_never(settings.engine)
    except ModelError:
        pool.close()
        raise


def for_one_language(settings: RecogniserSettings) -> bool:
    """Whether the engine is made for one language, and so cannot be shared by others with the same settings."""
    return settings.engine == "pipecat" or settings.kind == "whisper"


def _sherpa(settings: RecogniserSettings, pool: DecodePool, language: str) -> Recogniser:
    folder, kind = settings.model or Path(), settings.kind
    if kind is None or kind == "streaming_transducer":
        return SherpaRecogniser(folder, pool, hotwords=settings.hotwords)
    decoder = SherpaDecoder(folder, kind, language=language, hotwords=settings.hotwords)
    return WhisperRecogniser(decoder, pool, name="sherpa")
