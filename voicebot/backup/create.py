"""Making a backup, while the service runs or not."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO

from voicebot.backup.archive import ArchiveWriter, Manifest
from voicebot.backup.errors import BackupError
from voicebot.backup.files import Kept, copy_sqlite, is_sqlite, kept_files
from voicebot.backup.parts import DATA, Part, left_out, parts_of
from voicebot.backup.state_copy import copy_state
from voicebot.config.settings import Settings
from voicebot.records.spool import UNDER_WAY

Progress = Callable[[str, int, int], None]
"""Is told what is being done, and how many octets of how many are done."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    path: Path
    files: int
    octets: int
    left_out: tuple[str, ...]
    changed: tuple[str, ...]
    """Files that became shorter while they were read."""


def back_up(
    settings: Settings,
    target: Path,
    *,
    config: Path | None,
    now: datetime,
    recordings: bool = True,
    progress: Progress = lambda doing, done, total: None,
) -> Made:
    """Write everything that is kept into the new file `target` (mode 600): whole, or not at all. `config` is the configuration's
    file. Raises BackupError, EmbeddedStateError.
    """
    parts = parts_of(settings, config)
    told = tuple(left_out(settings, recordings=recordings))
    manifest = Manifest(now.isoformat(), version("voicebot"), {part.name: str(part.path) for part in parts}, told)
    if not parts[0].path.is_dir():
        raise BackupError(f"{parts[0].path}: no data are there. Is this the service's configuration? Give --config.")
    without = _elsewhere(settings, parts, recordings=recordings)
    try:
        with _scratch(target) as scratch, _whole(target) as file:
            writer = _Writer(file, manifest, parts, without, progress)
            if settings.state.redis_url is None and copy_state(parts[0].path, scratch / "state"):
                writer.state(scratch / "state")
            # what waits on disk for the database first, the database after it: a record is in one of them, or in both;
            # files that were moved meanwhile are found the second time
            writer.plain_files()
            writer.plain_files()
            writer.databases(scratch)
            writer.close()
            octets = file.tell()
    except OSError as error:
        raise BackupError(f"{target}: cannot be written: {error.strerror}. Give a writable place with room.") from error
    return Made(target, len(writer.written), octets, told, writer.changed)


def _elsewhere(settings: Settings, parts: tuple[Part, ...], *, recordings: bool) -> list[Path]:
    """What the walk through a part does not enter: other parts, the server's own files, recordings where they are not wanted."""
    data = parts[0].path
    found = [part.path for part in parts]  # each is entered by itself
    found += [data / "state" / name for name in ("lock", "valkey.log", "appendonlydir")]
    found.append(
        settings.spool_dir.resolve() / UNDER_WAY
    )  # taken for calls of a dead process, and written over what became of them
    return found if recordings else [*found, settings.recordings_dir.resolve()]


class _Writer:
    """Writes the parts into an archive, each file once."""

    def __init__(
        self, file: IO[bytes], manifest: Manifest, parts: Sequence[Part], without: list[Path], progress: Progress
    ) -> None:
        self._parts, self._without, self._progress = parts, without, progress
        self._total = sum(_size(kept.path) for kept in self._kept())
        self._done = 0
        self._archive = ArchiveWriter(file, manifest, self._moved)
        self.written: set[str] = set()

    @property
    def changed(self) -> tuple[str, ...]:
        return tuple(self._archive.changed)

    def state(self, copy: Path) -> None:
        self._add(*kept_files(Part(f"{DATA}/state", copy, True, "state.data_dir")))

    def plain_files(self) -> None:
        self._add(*(kept for kept in self._kept() if not is_sqlite(kept.path)))

    def databases(self, scratch: Path) -> None:
        for number, kept in enumerate([kept for kept in self._kept() if is_sqlite(kept.path)]):
            copy = scratch / f"{number}.db"
            name = PurePosixPath(kept.name).name
            copy_sqlite(kept.path.resolve(), copy, partial(self._progress, f"copying {name}"))
            self._add(Kept(kept.name, copy))
            copy.unlink()

    def close(self) -> None:
        self._archive.close()

    def _kept(self) -> Iterator[Kept]:
        return (kept for part in self._parts for kept in kept_files(part, without=self._without))

    def _add(self, *files: Kept) -> None:
        for kept in files:
            if kept.name not in self.written and self._archive.add(kept.name, kept.path):
                self.written.add(kept.name)

    def _moved(self, octets: int) -> None:
        self._done += octets
        self._progress("writing", self._done, max(self._total, self._done))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A private folder beside the archive for copies of databases: where the archive has room, they have."""
    folder = Path(tempfile.mkdtemp(prefix=".voicebot-backup-", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _whole(target: Path) -> Iterator[IO[bytes]]:
    """A file that has its name only once it is complete and on the disk. Raises BackupError when there is one already."""
    if target.exists():
        raise BackupError(f"{target}: is there already. Give another name, or a folder: the name is then made from the time.")
    handle, draft = tempfile.mkstemp(prefix=".voicebot-backup-", suffix=".draft", dir=target.parent)  # mode 600
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        os.link(draft, target)  # unlike a rename, this never replaces a file that came there meanwhile
    except FileExistsError as error:
        raise BackupError(f"{target}: is there already. Give another name.") from error
    finally:
        with suppress(OSError):
            os.unlink(draft)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
