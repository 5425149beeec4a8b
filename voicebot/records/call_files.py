"""One JSON file per call, for people and tools that would rather read files; and the files that go when a call's row goes."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import structlog

from voicebot.errors import RecordsError
from voicebot.files import DRAFT, erase, private_folder, write_whole
from voicebot.records.summary import CallRecord, CallSummary

RECORDING = ".wav"
_CALL = ".json"
# only files with names that we give are ever deleted by age: the folders may hold others'
_OURS = re.compile(r"\.?(?P<call_id>\d{8}-\d{6}-[0-9a-f]{6})(?:\.wav|\.json(?:\.[0-9a-f]{8}\.draft)?)")

_log = structlog.get_logger(__name__)


class CallFiles:
    """Call files in `folder`, recordings in `recordings`; without a folder none are written or looked for."""

    def __init__(self, folder: Path | None, recordings: Path | None = None) -> None:
        self._folder = folder
        self._recordings = recordings

    def write(self, record: CallRecord) -> Path | None:
        """Write a call's file. Raises OSError."""
        if self._folder is None:
            return None
        path = private_folder(self._folder) / _file_name(record.summary.call_id)
        shown = replace(record, number_hash=None)  # it is kept for a time of its own: in the database only
        write_whole(path, json.dumps(shown.encode(), ensure_ascii=False, indent=1))
        return path

    def of(self, summary: CallSummary) -> list[Path]:
        """The files of a call that are there: its file, then its recording."""
        paths = [self._folder / _file_name(summary.call_id)] if self._folder is not None else []
        recording = Path(summary.recording) if summary.recording else self._recording(summary.call_id)
        return [path for path in (*paths, recording) if path is not None and _is_there(path)]

    def recording_of(self, call_id: str) -> Path | None:
        """Where a call's recording is, if it has one."""
        path = self._recording(call_id)
        return path if path is not None and _is_there(path) else None

    def _recording(self, call_id: str) -> Path | None:
        """Where it would be."""
        return self._recordings / f"{_safe(call_id)}{RECORDING}" if self._recordings is not None else None

    def remove(self, summary: CallSummary) -> list[Path]:
        """Delete a call's file and its recording, as far as they are there; those that were deleted."""
        return [path for path in self.of(summary) if _removed(path, summary.call_id)]

    def with_number(self, number: str) -> Iterator[Path]:
        """Call files that name this number whole, also those of calls that have no row. Reads every file."""
        for path in self._folder.glob(f"*{_CALL}") if self._folder is not None else ():
            try:
                values = json.loads(path.read_text(encoding="utf-8"))
                if values["call"]["number"] == number:
                    yield path
            except (OSError, ValueError, LookupError, TypeError):
                continue  # not a call's file

    def old(self, before: float) -> dict[Path, str]:
        """Files that nobody has written to since a time (s since 1970), with the id of their call."""
        found: dict[Path, str] = {}
        for folder in (self._folder, self._recordings):
            for path in folder.iterdir() if folder is not None and folder.is_dir() else ():
                name = _OURS.fullmatch(path.name)
                if name is not None and path.stat().st_mtime < before:
                    found[path] = name["call_id"]
        return found


def remove_file(path: Path) -> bool:
    """Delete a file that belongs to no known call; False when it cannot be, which is logged."""
    return _removed(path, path.name.removesuffix(DRAFT).lstrip(".").split(".")[0])


def _removed(path: Path, call_id: str) -> bool:
    try:
        return erase(path)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        _log.error("an old file cannot be deleted", code=RecordsError.code, call_id=call_id, error=error)
        return False


def _is_there(path: Path) -> bool:
    try:
        mode = os.lstat(path).st_mode  # one look: of a caller with hundreds of calls it is asked for each
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a name that no file can have
        return False
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _file_name(call_id: str) -> str:
    return f"{_safe(call_id)}{_CALL}"


def _safe(call_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", call_id)
