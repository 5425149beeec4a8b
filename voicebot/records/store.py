"""`RecordStore`: what the rest of the service knows of call records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from voicebot.errors import RecordsError
from voicebot.records.call_files import CallFiles
from voicebot.records.database import Database
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord, CallSummary, SurveyCount
from voicebot.records.writer import RecordWriter

_CLOSE_S = 5.0


class RecordStore:
    """Saves calls without ever making one wait, and reads them back."""

    def __init__(
        self,
        url: str,
        *,
        spool_dir: Path,
        folder: Path | None = None,
        keep_numbers: bool = False,
        keep_days: int | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`folder` gets a JSON file per call. Without `keep_numbers` only the country and the last three digits are stored.

        Calls with their files and recordings are deleted `keep_days` after their end (None: never). Raises RecordsError.
        """
        self._database = Database(url)
        try:
            self._writer = RecordWriter(self._database, Spool(spool_dir), CallFiles(folder), keep_days=keep_days, clock=clock)
        except OSError as error:
            raise RecordsError(
                f"{spool_dir} cannot be used: {error.strerror}. Set state.data_dir to a writable folder."
            ) from error
        self._keep_numbers = keep_numbers

    async def start(self) -> None:
        """Start writing, beginning with what an earlier run could not write."""
        self._writer.start()

    async def close(self) -> None:
        """Write what is left: into the database, or on disk for the next run."""
        await asyncio.to_thread(self._writer.close, _CLOSE_S)
        await asyncio.to_thread(self._database.close)

    def save(self, summary: CallSummary, lines: Sequence[dict[str, Any]]) -> None:
        """Keep a call that is over. Returns at once, never raises."""
        kept = summary if self._keep_numbers else summary.with_short_number()
        self._writer.put(CallRecord(kept, tuple(lines)))

    async def flush(self, timeout_s: float = _CLOSE_S) -> bool:
        """Wait until everything saved so far is in the database or safe on disk."""
        return await asyncio.to_thread(self._writer.flush, timeout_s)

    @property
    def waiting(self) -> int:
        """Calls not in the database yet."""
        return self._writer.waiting

    @property
    def rejected(self) -> int:
        """Calls that the database refused, since the start; they are kept aside in the spool."""
        return self._writer.rejected

    async def calls(self, *, limit: int = 50, before: datetime | None = None) -> list[CallSummary]:
        """The latest calls, newest first. Raises RecordsError while the database is away."""
        try:
            return await asyncio.to_thread(self._database.calls, limit=limit, before=before)
        except SQLAlchemyError as error:
            raise RecordsError("the database does not answer; calls wait on disk meanwhile") from error

    async def survey(self, since: datetime) -> list[SurveyCount]:
        """Answers to the survey since then. Raises RecordsError while the database is away."""
        try:
            return await asyncio.to_thread(self._database.survey, since)
        except SQLAlchemyError as error:
            raise RecordsError("the database does not answer; calls wait on disk meanwhile") from error

    async def call(self, call_id: str) -> CallRecord | None:
        """One call with its journal. Raises RecordsError while the database is away."""
        try:
            return await asyncio.to_thread(self._database.call, call_id)
        except SQLAlchemyError as error:
            raise RecordsError("the database does not answer; calls wait on disk meanwhile") from error
