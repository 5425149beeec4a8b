"""What an operator sets about a recogniser: the section `recognisers` of the configuration, by language."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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

    @model_validator(mode="after")
    def _vosk_needs_a_model(self) -> RecogniserSettings:
        if self.engine == "vosk" and self.model is None:
            raise ValueError("engine vosk needs a model; give the folder of an unpacked one as model")
        return self
