"""Bringing studio recordings into a bundle: files named by prompt, checked, copied, and noted in the prompts' file."""

from __future__ import annotations

import difflib
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dialogs.authoring.sound_check import why_no_recording
from dialogs.data.prompts import PLACE, PromptFile
from dialogs.data.source import parse, read

Told = Callable[[int, int], None]
"""Hears how many files are done, of how many."""


@dataclass(frozen=True, slots=True)
class StudioFile:
    """One file of the folder, and what became of it. `prompt` is its prompt's id when it was taken, else ""."""

    name: str
    what: str
    prompt: str = ""

    @property
    def taken(self) -> bool:
        """It is a recording of the bundle now."""
        return bool(self.prompt)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Every file of the folder, by name."""

    files: tuple[StudioFile, ...]

    @property
    def imported(self) -> tuple[str, ...]:
        """Prompts that have a new recording."""
        return tuple(file.prompt for file in self.files if file.taken)

    @property
    def refused(self) -> tuple[StudioFile, ...]:
        """Files that were left alone."""
        return tuple(file for file in self.files if not file.taken)


def import_recordings(root: Path, language: str, folder: Path, told: Told = lambda done, total: None) -> ImportReport:
    """Take the files of `folder` named `<prompt id>.wav` (or flac, ogg, mp3) into the bundle at `root`. Comments in the prompts'
    file are kept.

    Raises BundleError when the language's prompts cannot be read, NotADirectoryError for a folder that is none, OSError when a
    file cannot be copied.
    """
    if not folder.is_dir():
        raise NotADirectoryError(0, "no such folder", str(folder))
    name = f"prompts/{language}.yml"
    parse(read(root, name), PromptFile)
    yaml = YAML(typ="rt")
    yaml.width = 1000
    yaml.indent(mapping=2, sequence=4, offset=2)  # as the files are written: no other line changes
    yaml.preserve_quotes = True
    data = yaml.load((root / name).read_text(encoding="utf-8-sig"))
    found = sorted(folder.iterdir())
    twice = _named_twice(found)
    files = []
    for done, file in enumerate(found, start=1):
        reason = _why_not(file, data["prompts"], twice)
        files.append(StudioFile(file.name, reason) if reason else _take(file, root, language, data["prompts"]))
        told(done, len(found))
    if any(file.taken for file in files):
        _write(root / name, yaml, data)
    return ImportReport(tuple(files))


def _named_twice(files: list[Path]) -> Mapping[str, list[str]]:
    """Prompts that more than one file is named after, whatever the case of its ending: the file names by prompt."""
    times = Counter(file.stem for file in files)
    return {stem: [file.name for file in files if file.stem == stem] for stem, count in times.items() if count > 1}


def _why_not(file: Path, prompts: Mapping[str, Any], twice: Mapping[str, list[str]]) -> str:
    """Why this file cannot be a recording; "" when it can."""
    if file.is_dir():
        return "a folder: put the files of one language beside each other into one folder"
    spec = prompts.get(file.stem)
    text = spec if isinstance(spec, str) else str(spec["text"]) if spec is not None else ""
    reason = why_no_recording(file, PLACE.sub("", text))
    if reason:
        return reason
    if spec is None:
        near = difflib.get_close_matches(file.stem, map(str, prompts), n=1, cutoff=0.5)
        return f"there is no prompt called '{file.stem}'" + (f". Did you mean '{near[0]}'?" if near else "")
    if PLACE.search(text):
        return "the prompt holds a value, so it is always synthesised; leave this file out"
    if file.stem in twice:
        return f"'{file.stem}' has more than one file here ({', '.join(twice[file.stem])}): keep one"
    return ""


def _take(file: Path, root: Path, language: str, prompts: dict[str, Any]) -> StudioFile:
    recording = f"recordings/{language}/{file.stem}{file.suffix.lower()}"
    target = root / recording
    target.parent.mkdir(parents=True, exist_ok=True)
    if not (target.exists() and target.samefile(file)):
        part = target.with_name(f"{target.name}.part")
        shutil.copyfile(file, part)
        part.replace(target)
    spec = prompts[file.stem]
    before = "" if isinstance(spec, str) else spec.get("recording") or ""
    if isinstance(spec, str):
        prompts[file.stem] = {"text": spec, "recording": recording}
    else:
        spec["recording"] = recording
    instead = f", in place of {before}, which can be deleted" if before and before != recording else ""
    return StudioFile(file.name, f"{recording}{instead}", file.stem)


def _write(path: Path, yaml: YAML, data: object) -> None:
    """The whole file or nothing of it."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8") as out:
        yaml.dump(data, out)
    part.replace(path)
