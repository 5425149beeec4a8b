"""Records on disk that are not in the database yet: one file each, oldest first by name."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from voicebot.records.summary import CallRecord

_REJECTED = "rejected"


class Spool:
    """A folder of records that wait. A file is whole or not there: it is written beside and renamed."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError when the folder cannot be made."""
        self._folder = folder
        self._numbers = count()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, record: CallRecord) -> Path:
        """Keep a record. Raises OSError."""
        path = self._folder / f"{time.time_ns():020d}-{os.getpid()}-{next(self._numbers)}.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(record.encode(), ensure_ascii=False), encoding="utf-8")
        draft.rename(path)
        return path

    def waiting(self) -> Iterator[Path]:
        """The records that wait, oldest first."""
        return iter(sorted(self._folder.glob("*.json")))

    def read(self, path: Path) -> CallRecord:
        """A record. Raises OSError, ValueError, KeyError or TypeError when it cannot be read."""
        return CallRecord.decode(json.loads(path.read_text(encoding="utf-8")))

    def done(self, path: Path) -> None:
        """The record is in the database."""
        with suppress(FileNotFoundError):
            path.unlink()

    def reject(self, path: Path) -> Path:
        """Put a record aside that the database will never take; a person can look at it."""
        aside = self._folder / _REJECTED / path.name
        aside.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            path.rename(aside)
        return aside

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.glob("*.json"))
