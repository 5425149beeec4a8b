"""A folder of audio with what was said: `lines.tsv` (file, text, matter), or a .txt beside each file."""

from __future__ import annotations

import csv
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from audio.loudness import Floats
from audio.sound_files import cut_off
from audio.studio.decoding import READ
from voicebot.errors import VoicebotError
from voicebot.files import shown

TABLES = ("lines.tsv", "lines.csv", "manifest.tsv", "manifest.csv")
COLUMNS = ("file", "text", "matter")
_LONGEST_S = 120.0
_MOST_NAMED = 10


class FolderError(VoicebotError):
    """The folder, its table or one of its files cannot be read; the message says what to do."""

    code = "hearing.folder"


@dataclass(frozen=True, slots=True)
class Spoken:
    """One file: what was said in it and about what; "" where nobody wrote that down."""

    path: Path
    text: str
    matter: str = ""

    @property
    def name(self) -> str:
        """Of the file, as it can be printed."""
        return shown(self.path.name)


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder holds."""

    spoken: tuple[Spoken, ...]
    """Files that somebody wrote something down of."""
    unwritten: tuple[str, ...]
    """Names of files of which nobody wrote anything down: there is nothing to measure."""


def read_folder(folder: Path) -> Folder:
    """All that is in it. Raises FolderError, also when nothing is written down, and for a file with two texts."""
    if not folder.is_dir():
        raise FolderError(f"{folder} is no folder: give one with audio files and {TABLES[0]} in it")
    table = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    found = list(_of_table(table) if table is not None else _of_texts(folder))
    told = [one for one in found if one.text or one.matter]
    if not told:
        raise FolderError(
            f"nothing to measure in {folder}: write {TABLES[0]} with the columns {', '.join(COLUMNS)} (tabs between them), "
            "or put a .txt with the words beside each audio file"
        )
    twice = [path for path, times in Counter(os.path.abspath(one.path) for one in told).items() if times > 1]
    if twice:
        raise FolderError(
            f"more than one text for {named(Path(each).name for each in twice)}: keep the line that says what was said"
        )
    return Folder(tuple(told), tuple(one.path.name for one in found if not one.text and not one.matter))


def named(names: Iterable[str]) -> str:
    """The first of these names, as they can be printed, and how many more there are."""
    first, more = (every := list(names))[:_MOST_NAMED], len(every) - _MOST_NAMED
    return ", ".join(map(shown, first)) + (f" and {more} more" if more > 0 else "")


def check_matters(files: Sequence[Spoken], known: Collection[str]) -> None:
    """Raises FolderError for a matter that the pack does not know: no engine could be right about it."""
    if wrong := sorted({one.matter for one in files if one.matter and one.matter not in known}):
        raise FolderError(f"no matters of the pack: {named(wrong)}; write them as voicebot nlu predict does")


def _of_table(path: Path) -> Iterator[Spoken]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            tabs, lines = path.suffix == ".tsv", list(file)
            comma = ";" if lines and ";" in lines[0] and "," not in lines[0] else ","  # as spreadsheets in Polish save it
            rows = list(
                csv.reader(lines, delimiter="\t" if tabs else comma, quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL)
            )
    except (UnicodeDecodeError, csv.Error) as error:
        raise FolderError(f"{path} cannot be read ({error}): save it as UTF-8 text") from error
    except OSError as error:
        raise FolderError(f"{path} cannot be read ({error.strerror}): correct its rights") from error
    head = [cell.strip().casefold() for cell in rows[0]] if rows else []
    if "file" in head:
        rows = rows[1:]
    else:
        head = list(COLUMNS)
    for row in rows:
        cells = dict(zip(head, (cell.strip() for cell in row), strict=False))
        if cells.get("file"):
            yield Spoken(path.parent / cells["file"], cells.get("text", ""), cells.get("matter", ""))
        elif any(cells.values()):
            raise FolderError(f"{path} has a line that names no file: {shown(' '.join(cells.values()).strip())}")


def _of_texts(folder: Path) -> Iterator[Spoken]:
    for path in sorted(folder.iterdir()):
        words = path.with_suffix(".txt")
        if path.suffix.lower() in READ and not path.name.startswith("."):
            try:
                yield Spoken(path, " ".join(words.read_text(encoding="utf-8-sig").split()) if words.is_file() else "")
            except UnicodeDecodeError as error:
                raise FolderError(f"{shown(str(words))} cannot be read ({error}): save it as UTF-8 text") from error


def read_audio(path: Path) -> tuple[Floats, int]:
    """Samples (n,) -1..1, of several channels the mean, and their rate in Hz. Raises FolderError."""
    name = shown(path.name)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FolderError(f"{name} is no file: a folder, a pipe or a device")
        with soundfile.SoundFile(os.fsencode(path)) as file:  # its name need not be UTF-8
            if file.frames > _LONGEST_S * file.samplerate:
                raise FolderError(f"{name}: longer than {_LONGEST_S:.0f} s; cut it into sentences")
            samples, rate = file.read(dtype="float32", always_2d=True), int(file.samplerate)
            told, frames = file.extra_info, file.frames
    except FileNotFoundError as error:
        raise FolderError(f"{name} is not there") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise FolderError(f"{name} cannot be read: {getattr(error, 'strerror', error)}") from error
    except (RuntimeError, TypeError) as error:  # soundfile's error is a RuntimeError; TypeError: sound without a header
        raise FolderError(f"{name} is no audio that can be read: {getattr(error, 'error_string', error)}") from error
    if not len(samples):
        raise FolderError(f"{name} is empty")
    if cut_off(told, frames, len(samples)):
        raise FolderError(f"{name} is cut off: its header says that it is longer; copy it again")
    mono: Floats = np.nan_to_num(samples.mean(axis=1))
    return mono, rate
