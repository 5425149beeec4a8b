"""From a setting to a recogniser."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from audio.errors import ModelError
from audio.types import Recogniser

from .decoding import WhisperDecoder, WhisperSettings
from .pool import DecodePool
from .vosk import VoskRecogniser
from .weights import WHISPER_BASE, joined
from .whisper import WhisperRecogniser

ENGINES = ("whisper", "vosk", "none")


@dataclass(frozen=True, slots=True)
class RecogniserSettings:
    """Which engine, with which model, and how much of the machine it may take.

    `model` is a folder: a faster-whisper one (none: the embedded Whisper base) or a Vosk model's. `workers` decode at a time,
    one core each; `waiting` utterances queue behind them at most; `deadline_s` bounds one decode, its wait included.
    `partial_every_s` 0 switches partial results while the caller speaks off (Whisper; Vosk has them anyway).
    """

    engine: str = "whisper"
    model: Path | None = None
    cache_dir: Path = field(default_factory=lambda: Path.home() / ".cache" / "voicebot")
    workers: int = 2
    waiting: int = 8
    deadline_s: float = 6.0
    partial_every_s: float = 1.2
    whisper: WhisperSettings = field(default_factory=WhisperSettings)


def load_recogniser(settings: RecogniserSettings) -> Recogniser | None:
    """The recogniser, its model loaded (0.5 to 2 s: call it before the loop runs or in a thread); None for the engine "none".

    Raises ModelError with the mend when the model is missing, wrong or corrupt, or the engine's name is not one of `ENGINES`.
    """
    if settings.engine == "none":
        return None
    pool = DecodePool(settings.workers, settings.waiting, settings.deadline_s)
    try:
        if settings.engine == "whisper":
            folder = settings.model or joined(WHISPER_BASE, settings.cache_dir)
            decoder = WhisperDecoder(folder, workers=settings.workers, settings=settings.whisper)
            return WhisperRecogniser(decoder, pool, partial_every_s=settings.partial_every_s)
        if settings.engine == "vosk":
            if settings.model is None:
                raise ModelError("vosk needs a model: give the path of an unpacked one, such as vosk-model-small-pl-0.22")
            return VoskRecogniser(settings.model, pool)
    except ModelError:
        pool.close()
        raise
    pool.close()
    raise ModelError(f"there is no recogniser {settings.engine!r}: choose one of {', '.join(ENGINES)}")
