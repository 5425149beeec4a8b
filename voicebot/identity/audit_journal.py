"""Lines of the audit trail on their way to the database: a file of each process, one JSON object a line.

A line is in the file before anybody is let in by what it tells, and stays until the database has it: a killed process loses
none. What a dead process left is taken over by the next one that looks.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from voicebot.files import FILE_MODE, locked, private_folder
from voicebot.identity.audit_table import Note

_ENDING = ".jsonl"
_MOST_OCTETS, _MOST_LINES = 1 << 20, 200


class AuditJournal:
    """The file of this process. `put` may be called by any thread, the rest by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._name = folder / f"{os.getpid()}-{secrets.token_hex(4)}{_ENDING}"
        self._handle: int | None = None
        self._lock = threading.Lock()
        self._done = 0

    def put(self, note: Note) -> None:
        """Add a line: one write to the file, some microseconds. Raises OSError."""
        line = json.dumps(asdict(note), separators=(",", ":")).encode() + b"\n"
        with self._lock:
            if self._handle is None:
                self._handle = self._opened()
            before = os.fstat(self._handle).st_size
            if os.write(self._handle, line) != len(line):  # the disk is full in the middle of it
                os.ftruncate(self._handle, before)
                raise OSError(28, "No space left on device", str(self._name))

    def waiting(self) -> bytes:
        """The next lines that the database has not got yet, oldest first; at most 200. Raises OSError."""
        handle = self._handle
        text = os.pread(handle, _MOST_OCTETS, self._done) if handle is not None else b""
        return b"".join(line for line in text.splitlines(keepends=True)[:_MOST_LINES] if line.endswith(b"\n"))

    def done(self, lines: bytes) -> None:
        """The database has these, which `waiting` gave. Raises OSError."""
        self._done += len(lines)
        with self._lock:
            if self._handle is not None and os.fstat(self._handle).st_size == self._done:
                os.ftruncate(self._handle, 0)
                self._done = 0

    @property
    def octets(self) -> int:
        """How much waits here, in octets."""
        return os.fstat(self._handle).st_size - self._done if self._handle is not None else 0

    def left_behind(self) -> Iterator[Path]:
        """Files of processes that died, each ours alone until the next one is asked for. Raises OSError."""
        for path in sorted(self.folder.glob(f"*{_ENDING}")):
            if path != self._name:
                with locked(path) as ours:
                    if ours:
                        yield path

    def close(self) -> None:
        """Close the file; one with nothing in it goes."""
        handle, self._handle = self._handle, None
        if handle is not None:
            if os.fstat(handle).st_size == 0:
                with suppress(OSError):
                    self._name.unlink(missing_ok=True)
            os.close(handle)

    def _opened(self) -> int:
        private_folder(self.folder)
        handle = os.open(self._name, os.O_CREAT | os.O_RDWR | os.O_APPEND, FILE_MODE)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel lets go of it when the process dies
        return handle


def notes_in(text: bytes) -> Iterator[Note]:
    """The lines of a file; one that a dying process could not finish is left out."""
    for line in text.splitlines():
        with suppress(ValueError, TypeError):
            yield Note(**json.loads(line))
