"""What an operator sets about a recogniser: the section `recognisers` of the configuration, by language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, StringConstraints, ValidationError, model_validator

WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json")
"""What a faster-whisper folder must hold."""
VOSK_FILES = ("am/final.mdl", "final.mdl")
"""One of them makes a folder a Vosk model."""

SherpaKind = Literal["streaming_transducer", "transducer", "nemo_transducer", "nemo_ctc", "whisper"]
"""What a model of sherpa-onnx is; all but the first hear whole utterances."""
_TRANSDUCER = ("*encoder*.onnx", "*decoder*.onnx", "*joiner*.onnx", "tokens.txt")
SHERPA_FILES: Mapping[SherpaKind, tuple[str, ...]] = {
    "streaming_transducer": _TRANSDUCER,
    "transducer": _TRANSDUCER,
    "nemo_transducer": _TRANSDUCER,
    "nemo_ctc": ("model*.onnx", "tokens.txt"),
    "whisper": ("*encoder*.onnx", "*decoder*.onnx", "*tokens.txt"),
}
"""What a folder with a model of each kind must hold, as patterns."""

LONGEST_DECODE_S = 7.5
"""No caller waits longer for their words, so what a call's recogniser may take is less."""

Engine = Literal["whisper", "vosk", "sherpa", "pipecat", "none"]


class RecogniserSettings(BaseModel):
    """A language's recogniser: which engine, with which model, and how much of the machine it may take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Engine = "whisper"
    model: Path | None = None
    """A folder: a model of Vosk or sherpa-onnx, or a faster-whisper one (none: the embedded Whisper base)."""
    kind: SherpaKind | None = None
    """What the model is (sherpa only, and needed there)."""
    hotwords: tuple[str, ...] = ()
    """Words and phrases to expect more than others (sherpa's transducers; their folder needs a bpe.vocab)."""
    service: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")] | None = None
    """A speech service of pipecat, as module.Class (pipecat only, and needed there)."""
    arguments: Mapping[str, JsonValue] = {}
    """What the service is made with; those of `settings` and `params` are given as its own classes of that name."""
    secrets: Mapping[str, SecretStr] = {}
    """Arguments that are never shown, such as api_key. Better from the environment, or from `secret_files`."""
    secret_files: Mapping[str, Path] = {}
    """Arguments whose value is the first line of a file."""
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Utterances decoded at a time, one core each; pipecat serves as many as these and those that wait together."""
    waiting: Annotated[int, Field(ge=0, le=1000)] = 8
    """Utterances that wait for a worker, at most."""
    deadline_s: Annotated[float, Field(gt=0, le=86_400)] = 6.0
    """The longest that one decode may take, its wait included. In calls `LONGEST_DECODE_S` at most."""

    def lacking(self) -> str:
        """A file that the model's folder lacks; "" when it looks whole, or when no folder is named."""
        if self.model is None or self.engine in ("none", "pipecat"):
            return ""
        if self.engine == "vosk":
            return "" if any((self.model / name).is_file() for name in VOSK_FILES) else VOSK_FILES[0]
        wanted = SHERPA_FILES[self.kind] if self.kind else WHISPER_FILES
        return next((name for name in wanted if not any(self.model.glob(name))), "")

    @model_validator(mode="after")
    def _engine_has_what_it_needs(self) -> RecogniserSettings:
        if self.engine in ("vosk", "sherpa") and self.model is None:
            raise ValueError(f"engine {self.engine} needs a model; give the folder of an unpacked one as model")
        if (self.engine == "sherpa") != (self.kind is not None):
            raise ValueError(f"kind is for engine sherpa and needed there; give one of {', '.join(SHERPA_FILES)}")
        if (self.engine == "pipecat") != (self.service is not None):
            raise ValueError("service is for engine pipecat and needed there; give it as module.Class")
        if self.engine != "pipecat" and (self.arguments or self.secrets or self.secret_files):
            raise ValueError("arguments, secrets and secret_files are for engine pipecat only; remove them")
        if self.hotwords and self.engine != "sherpa":
            raise ValueError("hotwords are for engine sherpa only; remove them")
        if bad := next((phrase for phrase in self.hotwords if not _is_hotword(phrase)), None):
            raise ValueError(f"hotwords: {bad!r} is no word or phrase; write letters, digits and spaces only")
        return self


def _is_hotword(phrase: str) -> bool:
    """Marks of the library's own among them would be taken for a score, or for another phrase."""
    return any(map(str.isalnum, phrase)) and phrase.isprintable() and not set(phrase) & set("/:#@")


def engine_named(name: str) -> RecogniserSettings:
    """An engine as a command line names it: whisper, whisper:FOLDER, vosk:FOLDER, sherpa:KIND:FOLDER. Raises ValueError."""
    engine, _, model = name.partition(":")
    kind, _, model = model.partition(":") if engine == "sherpa" else ("", "", model)
    try:
        found = RecogniserSettings.model_validate({"engine": engine, "kind": kind or None, "model": model or None})
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    if missing := found.lacking():
        raise ValueError(f"{missing} is missing in its folder")
    return found
