"""A folder of audio with what was said: `lines.tsv` (file, text, matter), or a .txt beside each file."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from audio.loudness import Floats
from audio.studio.decoding import READ
from voicebot.errors import VoicebotError

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


def read_folder(folder: Path) -> list[Spoken]:
    """All files that somebody wrote something down of. Raises FolderError, also for none, and for one with two texts."""
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
    twice = [path.name for path, times in Counter(one.path.resolve() for one in told).items() if times > 1]
    if twice:
        raise FolderError(f"more than one text for {', '.join(twice[:_MOST_NAMED])}: keep the line that says what was said")
    return told


def check_matters(files: Sequence[Spoken], known: Collection[str]) -> None:
    """Raises FolderError for a matter that the pack does not know: no engine could be right about it."""
    if wrong := sorted({one.matter for one in files if one.matter and one.matter not in known}):
        raise FolderError(f"no matters of the pack: {', '.join(wrong[:_MOST_NAMED])}; write them as voicebot nlu predict does")


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


def _of_texts(folder: Path) -> Iterator[Spoken]:
    for path in sorted(folder.iterdir()):
        words = path.with_suffix(".txt")
        if path.suffix.lower() in READ and words.is_file():
            try:
                yield Spoken(path, " ".join(words.read_text(encoding="utf-8-sig").split()))
            except UnicodeDecodeError as error:
                raise FolderError(f"{words} cannot be read ({error}): save it as UTF-8 text") from error


def read_audio(path: Path) -> tuple[Floats, int]:
    """Samples (n,) -1..1, of several channels the mean, and their rate in Hz. Raises FolderError."""
    if not path.is_file():
        raise FolderError(f"{path.name} is not there")
    try:
        with soundfile.SoundFile(path) as file:
            if file.frames > _LONGEST_S * file.samplerate:
                raise FolderError(f"{path.name}: longer than {_LONGEST_S:.0f} s; cut it into sentences")
            samples, rate = file.read(dtype="float32", always_2d=True), int(file.samplerate)
    except (OSError, RuntimeError) as error:  # soundfile's error is a RuntimeError
        raise FolderError(f"{path.name} is no audio that can be read: {getattr(error, 'error_string', error)}") from error
    if not len(samples):
        raise FolderError(f"{path.name} is empty")
    mono: Floats = np.nan_to_num(samples.mean(axis=1))
    return mono, rate
