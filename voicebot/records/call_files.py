"""One JSON file per call, for people and tools that would rather read files; and the files that go when a call's row goes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import structlog

from voicebot.records.summary import CallRecord, CallSummary

_log = structlog.get_logger(__name__)


class CallFiles:
    """Call files in a folder; without a folder none are written, and only recordings are removed."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def write(self, record: CallRecord) -> Path | None:
        """Write a call's file. Raises OSError."""
        if self._folder is None:
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(self._folder, record.summary.call_id)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(record.encode(), ensure_ascii=False, indent=1), encoding="utf-8")
        draft.rename(path)
        return path

    def remove(self, summary: CallSummary) -> None:
        """Delete a call's file and its recording, as far as they are there."""
        paths = [Path(summary.recording)] if summary.recording else []
        if self._folder is not None:
            paths.append(self._path(self._folder, summary.call_id))
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except (OSError, ValueError) as error:  # ValueError: a name that no file can have
                _log.error("an old file cannot be deleted", code="records.failed", call_id=summary.call_id, error=error)

    @staticmethod
    def _path(folder: Path, call_id: str) -> Path:
        return folder / f"{re.sub(r'[^A-Za-z0-9_-]', '_', call_id)}.json"
