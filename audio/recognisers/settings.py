"""What an operator sets about a recogniser: the section `recognisers` of the configuration, by language."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json")
"""What a faster-whisper folder must hold."""
VOSK_FILES = ("am/final.mdl", "final.mdl")
"""One of them makes a folder a Vosk model."""

Engine = Literal["whisper", "vosk", "none"]


class RecogniserSettings(BaseModel):
    """A language's recogniser: which engine, with which model, and how much of the machine it may take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Engine = "whisper"
    model: Path | None = None
    """A folder: a Vosk model, or a faster-whisper one (none: the embedded Whisper base)."""
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Utterances decoded at a time, one core each."""
    waiting: Annotated[int, Field(ge=0, le=1000)] = 8
    """Utterances that wait for a worker, at most."""
    deadline_s: Annotated[float, Field(gt=0, le=86_400)] = 6.0
    """The longest that one decode may take, its wait included."""
    partial_every_s: Annotated[float, Field(ge=0, le=60)] = 1.2
    """0 switches partial results while the caller speaks off (Whisper; Vosk has them anyway)."""

    def lacking(self) -> str:
        """A file that the model's folder lacks; "" when it looks whole, or when no folder is named."""
        if self.model is None or self.engine == "none":
            return ""
        missing = [
            name for name in (WHISPER_FILES if self.engine == "whisper" else VOSK_FILES) if not (self.model / name).is_file()
        ]
        return missing[0] if missing and (self.engine == "whisper" or len(missing) == len(VOSK_FILES)) else ""

    @model_validator(mode="after")
    def _vosk_needs_a_model(self) -> RecogniserSettings:
        if self.engine == "vosk" and self.model is None:
            raise ValueError("engine vosk needs a model; give the folder of an unpacked one as model")
        return self
