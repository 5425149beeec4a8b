"""Records on disk that are not in the database yet: one file each, oldest first by name."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path

from voicebot.files import erase, locked, private_folder, write_new
from voicebot.records.summary import CallRecord

_REJECTED = "rejected"
UNDER_WAY = "under-way"


class Spool:
    """A folder of records that wait. A file is whole or not there. Several processes may share the folder: who works on a file
    claims it.
    """

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        """Raises OSError when the folder cannot be made."""
        self.folder = private_folder(folder) if create else folder

    @property
    def aside(self) -> Path:
        """The folder of records that the database refused."""
        return self.folder / _REJECTED

    @property
    def under_way(self) -> Path:
        """The folder of calls that are not over, see `voicebot.records.under_way`."""
        return self.folder / UNDER_WAY

    def put(self, record: CallRecord) -> Path:
        """Keep a record. Raises OSError, and ValueError or TypeError for one that is no JSON."""
        text = json.dumps(record.encode(), ensure_ascii=False)
        at = time.time_ns() // 1000
        while not write_new(path := self.folder / _name(at), text):
            at += 1
        return path

    def probe(self) -> None:
        """Try whether a record could be kept, without leaving one. Raises OSError."""
        path = self.folder / f".probe-{os.getpid()}"
        try:
            path.write_bytes(b"\0" * 4096)
        finally:
            path.unlink(missing_ok=True)

    def waiting(self) -> Iterator[Path]:
        """The records that wait, oldest first. Raises OSError."""
        there = self.folder.iterdir() if self.folder.exists() else ()
        return iter(sorted(path for path in there if path.suffix == ".json"))

    def rejected(self) -> list[Path]:
        """The records that were put aside, oldest first. Raises OSError."""
        return sorted(self.aside.iterdir()) if self.aside.is_dir() else []

    def claimed(self, path: Path, *, wait: bool = False) -> AbstractContextManager[bool]:
        """Whether the file is there and no other process works on it; then none does while the context lasts. With `wait` we wait
        for one that does. Raises OSError.
        """
        return locked(path, wait=wait)

    def read(self, path: Path) -> CallRecord:
        """A record. Raises OSError, ValueError, KeyError or TypeError when it cannot be read."""
        return CallRecord.decode(json.loads(path.read_text(encoding="utf-8")))

    def ended(self, path: Path) -> datetime:
        """When the call of a file ended; of a file that is no record, when it was written. Raises OSError."""
        try:
            return self.read(path).summary.ended
        except (ValueError, KeyError, TypeError, RecursionError):
            return datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def done(self, path: Path) -> None:
        """The record is in the database: nothing of it stays here. Raises OSError."""
        erase(path)

    def reject(self, path: Path) -> Path:
        """Put a record aside that the database does not take; `voicebot records retry` brings it back. Raises OSError."""
        aside = private_folder(self.aside) / path.name
        with suppress(FileNotFoundError):
            path.rename(aside)
        return aside

    @property
    def oldest_s(self) -> float:
        """For how many seconds the record has waited that waits longest; 0 when none does, or the folder cannot be read."""
        try:
            first = next(self.waiting(), None)
            return max(0.0, time.time() - first.stat().st_mtime) if first is not None else 0.0
        except OSError:
            return 0.0

    def __len__(self) -> int:
        return sum(1 for _ in self.folder.glob("*.json"))


def _name(at: int) -> str:
    """Of microseconds since 1970: in order, and in the form of our own ids, which a log shows whole."""
    return f"{datetime.fromtimestamp(at // 1_000_000, UTC):%Y%m%d-%H%M%S}-{at % 1_000_000:06x}.json"
