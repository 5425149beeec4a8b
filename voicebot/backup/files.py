"""The files of the parts as they go into the archive: whole and consistent, although a service works on them meanwhile."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from voicebot.backup.errors import BackupError
from voicebot.backup.parts import ASIDE, DATA, MADE_AGAIN, Part

_SQLITE = b"SQLite format 3\x00"
_BESIDE_SQLITE = ("-wal", "-shm", "-journal")
_PAGES = 2000  # copied at a time
_DRAFTS = (".draft", ".tmp")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file for the archive."""

    name: str
    """In the archive, with `/`."""
    path: Path
    """Where its content is read."""


def kept_files(part: Part, *, without: Collection[Path] = ()) -> Iterator[Kept]:
    """The files of a part in the order of their names, without what is under `without`, drafts, and what is made again.

    Links are followed: a backup that holds a link instead of what it leads to holds nothing. Raises BackupError for a link that
    leads around in a circle.
    """
    if not part.is_folder:
        if part.path.is_file():
            yield Kept(part.name, part.path)
        return
    skipped = {path.resolve() for path in without}
    if part.name == DATA:
        skipped |= {part.path / name for name in MADE_AGAIN}
    yield from _walked(part.path, PurePosixPath(part.name), skipped, ())


def _walked(folder: Path, name: PurePosixPath, skipped: Collection[Path], above: tuple[Path, ...]) -> Iterator[Kept]:
    here = folder.resolve()
    if here in above:
        raise BackupError(f"{folder}: this link leads back to a folder around it. Remove the link.")
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return  # deleted meanwhile
    except OSError as error:
        raise BackupError(f"{folder}: cannot be read: {error.strerror}. Run this as the user of the service.") from error
    for entry in entries:
        path = folder / entry.name
        if path.resolve() in skipped or entry.name.startswith(ASIDE) or entry.name.endswith(_DRAFTS):
            continue
        if entry.is_dir():
            yield from _walked(path, name / entry.name, skipped, (*above, here))
        elif entry.is_file() and not _beside_sqlite(path):
            yield Kept(str(name / entry.name), path)


def is_sqlite(path: Path) -> bool:
    """Whether a file is a SQLite database; raises nothing for one that is gone."""
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def _beside_sqlite(path: Path) -> bool:
    """What SQLite keeps beside a database while that is in use: a copy of the database holds it already."""
    return any(path.name.endswith(end) and is_sqlite(path.with_name(path.name.removesuffix(end))) for end in _BESIDE_SQLITE)


def copy_sqlite(source: Path, target: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    """A copy of the database as it is at one moment, whoever writes to it meanwhile (SQLite's online backup). `progress` gets
    pages. Raises BackupError.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, timeout=10)) as reader,
            closing(sqlite3.connect(target)) as writer,
        ):
            # one read transaction: without it every write of the service would make the copy begin again
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
            reader.backup(writer, pages=_PAGES, progress=lambda _, left, total: progress(total - left, total))
            writer.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
            (found,) = writer.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"{source}: this database cannot be copied: {error}. Is the disk full, or the file damaged?") from error
    if found != "ok":
        raise BackupError(f"{source}: this database is damaged: {found}. Repair it first: sqlite3 {source} .recover")
