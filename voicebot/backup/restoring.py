"""Putting a backup in place: everything is unpacked beside its place and compared first, then changed over at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO

from sqlalchemy.exc import SQLAlchemyError

from voicebot.backup.archive import ArchiveReader, Manifest
from voicebot.backup.create import Progress
from voicebot.backup.errors import BackupError
from voicebot.backup.parts import ASIDE, CONFIG, DATA, MADE_AGAIN, STAGING, Part, parts_of
from voicebot.config.settings import Settings
from voicebot.errors import RecordsError
from voicebot.files import FILE_MODE, private_folder
from voicebot.records.database import Database
from voicebot.records.engine import sqlite_file
from voicebot.state.data_lock import UNFINISHED, data_held

FROM_BACKUP = ".from-backup"
"""Ends the name of a configuration that is put beside the one that is in place."""


class _Mixed(Exception):
    """A change failed, and so did taking it back."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    manifest: Manifest
    files: int
    replaced: tuple[Path, ...] = ()
    """Where what was there before is kept."""
    notes: tuple[str, ...] = ()


def check(path: Path, *, progress: Progress = lambda doing, done, total: None) -> Restored:
    """Compare a whole backup with its checksums. Changes nothing. Raises BackupError."""
    with _open(path, progress) as archive:
        files = sum(1 for _ in archive.files())
    return Restored(archive.manifest, files, notes=archive.manifest.left_out)


def restore(
    path: Path,
    settings: Settings,
    *,
    config: Path | None,
    now: datetime,
    force: bool = False,
    progress: Progress = lambda doing, done, total: None,
) -> Restored:
    """Put everything of a backup where this configuration keeps it. What was there is moved aside, with `force`; without it a
    place that holds data is refused.

    Raises BackupError, DataInUse: then nothing has changed.
    """
    parts = {part.name: part for part in parts_of(settings, config)}
    data = parts[DATA].path
    with _open(path, progress) as archive, data_held(data):
        _fits(archive.manifest, parts)
        keep = _stays(archive.manifest, settings, parts.values(), data)
        taken = [place for part in parts.values() if part.name in archive.manifest.parts for place in _taken(part, keep)]
        if taken and not force:
            raise BackupError(f"{taken[0]}: holds data already. To replace them, give --force: they are kept beside.")
        try:
            with ExitStack() as staged:
                staging = _Staging(parts, staged)
                files = _unpacked(archive, staging)
                _readable(staging.of(sqlite_file(settings.database_url)))
                staging.given_to(data.stat())
                os.sync()
                change = _Change(f"{ASIDE}{now:%Y%m%d-%H%M%S}")
                with _marked(data):
                    _changed_over(change, staging, keep)
        except OSError as error:
            raise BackupError(f"{error.filename or data}: cannot be written: {error.strerror}. Nothing was changed.") from error
    notes = [*archive.manifest.left_out]
    if staging.config_beside is not None:
        notes.append(f"the configuration of the backup differs from the one in place; it is in {staging.config_beside}")
    if staging.config_left is not None:
        notes.append(f"{staging.config_left} is as it was; to see the one of the backup: tar -xOf {path} {CONFIG}")
    return Restored(archive.manifest, files, tuple(change.aside), tuple(notes))


@contextmanager
def _open(path: Path, progress: Progress) -> Iterator[ArchiveReader]:
    try:
        file = path.open("rb")
        total = path.stat().st_size
    except OSError as error:
        raise BackupError(f"{path}: cannot be read: {error.strerror}. Give the file that voicebot backup wrote.") from error
    done = 0

    def moved(octets: int) -> None:
        nonlocal done
        done += octets
        progress("reading", min(done, total), total)

    with file:
        try:
            yield ArchiveReader(file, moved)
        except BackupError as error:
            if str(error).startswith("this backup") or str(error).startswith("this is no"):
                raise BackupError(f"{path}: {error}") from error
            raise


def _fits(manifest: Manifest, parts: dict[str, Part]) -> None:
    """Raises BackupError when this voicebot or this configuration has no place for the backup."""
    if _numbers(manifest.voicebot) > _numbers(version("voicebot")):
        raise BackupError(
            f"this backup was made by voicebot {manifest.voicebot}, this is {version('voicebot')}. Install that version first."
        )
    for name, path in manifest.parts.items():
        if name not in parts and name != CONFIG:
            raise BackupError(f"the backup holds {name} (it was {path}), and this configuration names no place for it. Set one.")


def _readable(database: Path | None) -> None:
    """Raises BackupError when the tables of the call records are newer than this voicebot."""
    if database is None or not database.exists():
        return
    opened = Database(f"sqlite:///{database}")
    try:
        opened.version()
    except RecordsError as error:
        raise BackupError(f"the backup cannot be used: {error}") from error
    except SQLAlchemyError as error:
        raise BackupError("the backup cannot be used: its call records are no database") from error
    finally:
        opened.close()


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split(".") if part.isdigit())


def _stays(manifest: Manifest, settings: Settings, parts: Collection[Part], data: Path) -> frozenset[Path]:
    """What is in the folder of a part and is not replaced: what the backup was told to leave out, what is made again, and other
    parts.
    """
    stays = {data / name for name in MADE_AGAIN}
    if any(told.startswith("recordings") for told in manifest.left_out):
        stays.add(settings.recordings_dir.resolve())
    inner = [(outer.path, part.path) for outer in parts for part in parts if part is not outer]
    stays |= {outer / path.relative_to(outer).parts[0] for outer, path in inner if path.is_relative_to(outer) and path != outer}
    return frozenset(stays)


def _taken(part: Part, stays: frozenset[Path]) -> list[Path]:
    """What is in the way. A configuration is never: it stays, and the one of the backup is put beside it."""
    if part.name == CONFIG or not part.path.exists():
        return []
    if not part.is_folder:
        return [part.path]
    return [path for path in part.path.iterdir() if path not in stays and not path.name.startswith(ASIDE)]


@dataclass
class _Staging:
    """Where files are unpacked: beside their places, so that they can be renamed into them. Removed at the end."""

    parts: dict[str, Part]
    stack: ExitStack
    folders: dict[str, Path] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    made: list[Path] = field(default_factory=list)
    """Folders that were not there."""
    config_beside: Path | None = None
    config_left: Path | None = None
    """Where the configuration could not be written."""

    def place(self, name: PurePosixPath) -> Path | None:
        """Where a file of the archive is unpacked; None for one that nobody needs. Raises BackupError, OSError."""
        part = self.parts.get(name.parts[0])
        if part is None:
            return None
        if part.name == CONFIG and not os.access(part.path.parent, os.W_OK):
            self.config_left = part.path  # it is the administrator's; the service's user restores the data all the same
            return None
        if part.is_folder and len(name.parts) > 1:
            return self._folder(part).joinpath(*name.parts[1:])
        if not part.is_folder and len(name.parts) == 1:
            return self._file(part)
        raise BackupError(f"this backup was tampered with: {str(name)!r} does not belong where it is")

    def of(self, path: Path | None) -> Path | None:
        """Where the file that belongs at `path` was unpacked."""
        if path is None:
            return None
        for name, folder in self.folders.items():
            if path.resolve().is_relative_to(self.parts[name].path):
                return folder / path.resolve().relative_to(self.parts[name].path)
        return next((staged for name, staged in self.files.items() if self.parts[name].path == path.resolve()), None)

    def _folder(self, part: Part) -> Path:
        if part.name not in self.folders:
            if not part.path.exists():
                self.made.append(private_folder(part.path))
            folder = part.path / STAGING
            shutil.rmtree(folder, ignore_errors=True)  # of a restore that was cut short
            folder.mkdir(mode=0o700)
            self.stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self.folders[part.name] = folder
        return self.folders[part.name]

    def _file(self, part: Part) -> Path:
        private_folder(part.path.parent)
        staged = part.path.with_name(part.path.name + STAGING)
        self.stack.callback(staged.unlink, missing_ok=True)
        self.files[part.name] = staged
        return staged

    def given_to(self, owner: os.stat_result) -> None:
        """What root unpacks belongs to whom the folder of the data belongs."""
        if os.geteuid() != 0:
            return
        for path in self.made:
            os.chown(path, owner.st_uid, owner.st_gid)
        for folder in self.folders.values():
            for path in (folder, *folder.rglob("*")):
                os.chown(path, owner.st_uid, owner.st_gid)
        for name, path in self.files.items():
            if name != CONFIG:  # that is the administrator's
                os.chown(path, owner.st_uid, owner.st_gid)


def _unpacked(archive: ArchiveReader, staging: _Staging) -> int:
    """How many files were unpacked and found to be as they were."""
    count = 0
    for name, modified, write in archive.files():
        place = staging.place(name)
        if place is None:
            continue
        private_folder(place.parent)
        with _new(place) as file:
            write(file)
        os.utime(place, (modified, modified))  # what is deleted by its age keeps it
        count += 1
    return count


def _new(path: Path) -> IO[bytes]:
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, FILE_MODE), "wb")


@dataclass
class _Change:
    """Renames that can be taken back."""

    name: str
    """What was there before gets this name, or goes into a folder of this name."""
    done: list[tuple[Path, Path]] = field(default_factory=list)
    aside: list[Path] = field(default_factory=list)

    def move(self, source: Path, target: Path) -> None:
        """Raises OSError."""
        self.done.append((source, target))  # first: whatever ends us in between is taken back, too
        source.rename(target)

    def take_back(self) -> bool:
        """Whether everything is as it was."""
        whole = True
        for source, target in reversed(self.done):
            try:
                target.rename(source)
            except FileNotFoundError:  # this one was not made
                continue
            except OSError:
                whole = False
        for folder in self.aside:
            with suppress(OSError):
                folder.rmdir()
        return whole


def _changed_over(change: _Change, staging: _Staging, stays: frozenset[Path]) -> None:
    try:
        for name, staged in staging.folders.items():
            _folder_changed_over(change, staging.parts[name].path, staged, stays)
        for name, staged in staging.files.items():
            place = staging.parts[name].path
            if name == CONFIG and place.exists():
                staging.config_beside = _config_beside(place, staged)
                continue
            _file_changed_over(change, place, staged)
    except BaseException as error:
        if not change.take_back():
            raise _Mixed("old and new data are mixed") from error
        raise


def _folder_changed_over(change: _Change, folder: Path, staged: Path, stays: frozenset[Path]) -> None:
    in_the_way = [path for path in folder.iterdir() if path not in stays and path != staged and not path.name.startswith(ASIDE)]
    if in_the_way:
        aside = folder / change.name
        aside.mkdir(mode=0o700)
        change.aside.append(aside)
        for path in in_the_way:
            change.move(path, aside / path.name)
    for path in sorted(staged.iterdir()):
        change.move(path, folder / path.name)


def _file_changed_over(change: _Change, place: Path, staged: Path) -> None:
    # a database's write-ahead log belongs to the old database, and would damage the new one
    for old in (place, *(place.with_name(place.name + end) for end in ("-wal", "-shm", "-journal"))):
        if old.exists():
            aside = old.with_name(f"{old.name}.{change.name}")
            change.move(old, aside)
            change.aside.append(aside)
    change.move(staged, place)


def _config_beside(place: Path, staged: Path) -> Path | None:
    if place.read_bytes() == staged.read_bytes():
        return None
    beside = place.with_name(place.name + FROM_BACKUP)
    staged.replace(beside)
    return beside


@contextmanager
def _marked(data: Path) -> Iterator[None]:
    """A restore that dies in the middle leaves the mark: no service starts on old and new data mixed."""
    mark = data / UNFINISHED
    with mark.open("w") as file:
        os.fsync(file.fileno())
    try:
        yield
    except _Mixed as error:
        raise BackupError(f"{data}: {error}. Correct what is wrong with the disk, then restore again with --force.") from error
    except BaseException:
        mark.unlink(missing_ok=True)
        raise
    mark.unlink()
