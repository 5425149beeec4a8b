"""Bringing studio recordings into a bundle: files named by prompt, checked, copied, and noted in the prompts' file."""

from __future__ import annotations

import shutil
import wave
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from dialogs.data.prompts import PLACE

LOWEST_RATE = 8000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Prompts that now have a recording, and files that were left alone with the reason."""

    imported: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


def import_recordings(root: Path, language: str, folder: Path) -> ImportReport:
    """Take every `<prompt id>.wav` of `folder` into the bundle at `root`. Comments in the prompts' file are kept.

    Raises FileNotFoundError when the language has no prompts' file or the folder does not exist.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    path = root / "prompts" / f"{language}.yml"
    yaml = YAML(typ="rt")
    yaml.width = 1000
    yaml.preserve_quotes = True
    data = yaml.load(path.read_text(encoding="utf-8"))
    imported: list[str] = []
    refused: list[tuple[str, str]] = []
    for file in sorted(folder.glob("*.wav")):
        reason = _why_not(file, data["prompts"].get(file.stem))
        if reason:
            refused.append((file.name, reason))
            continue
        target = root / "recordings" / language / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        spec = data["prompts"][file.stem]
        recording = target.relative_to(root).as_posix()
        data["prompts"][file.stem] = (
            {"text": spec, "recording": recording} if isinstance(spec, str) else {**spec, "recording": recording}
        )
        imported.append(file.stem)
    if imported:
        with path.open("w", encoding="utf-8") as out:
            yaml.dump(data, out)
    return ImportReport(tuple(imported), tuple(refused))


def _why_not(file: Path, spec: object) -> str:
    """Why this file cannot be a recording; "" when it can."""
    if spec is None:
        return f"there is no prompt called '{file.stem}'"
    text = spec if isinstance(spec, str) else str(getattr(spec, "get", lambda _: "")("text"))
    if PLACE.search(text):
        return "the prompt holds a value, so it is synthesised"
    try:
        with wave.open(str(file)) as sound:
            if (
                sound.getnchannels() != 1
                or sound.getsampwidth() != 2
                or sound.getframerate() < LOWEST_RATE
                or not sound.getnframes()
            ):
                return f"not 16-bit mono of at least {LOWEST_RATE} Hz with sound in it"
    except (wave.Error, EOFError, OSError) as error:
        return f"not a WAV file: {error}"
    return ""
