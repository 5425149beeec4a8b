"""`RecordStore`: what the rest of the service knows of call records."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from voicebot.errors import RecordsError
from voicebot.records.call_files import CallFiles
from voicebot.records.database import Database
from voicebot.records.journal import Line
from voicebot.records.one_number import ErasedCalls, FoundCalls, OneNumber
from voicebot.records.retention import Retention
from voicebot.records.shadow import ShadowDecision
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord, CallSummary, SurveyCount
from voicebot.records.under_way import CallsUnderWay, Head
from voicebot.records.writer import RecordWriter

T = TypeVar("T")

_CLOSE_S = 5.0


class RecordStore:
    """Saves calls without ever making one wait, and reads them back."""

    def __init__(
        self,
        url: str,
        *,
        spool_dir: Path,
        folder: Path | None = None,
        recordings: Path | None = None,
        keep_numbers: bool = False,
        keep_days: int | None = None,
        keep_number_hash_days: int | None = None,
        number_key: bytes | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`folder` gets a JSON file per call; `recordings` is where recordings are. Without `keep_numbers` only the country and
        the last three digits are stored, and the hash of the number under `number_key` (without a key: none).

        Calls with their files and recordings are deleted `keep_days` after their end (None: never), their hashes
        `keep_number_hash_days` after it (None: with the calls; 0: none is stored). Raises RecordsError.
        """
        self._database = Database(url)
        self._files = CallFiles(folder, recordings)
        try:
            self._spool = Spool(spool_dir)
        except OSError as error:
            raise RecordsError(
                f"{spool_dir} cannot be used: {error.strerror}. Set state.data_dir to a writable folder with room."
            ) from error
        self._under_way = CallsUnderWay(self._spool.under_way)
        self._writer = RecordWriter(
            self._database,
            self._spool,
            self._files,
            retention=Retention(
                self._database,
                self._spool,
                self._files,
                keep_days=keep_days,
                keep_number_hash_days=keep_number_hash_days,
                clock=clock,
            ),
            under_way=self._under_way,
        )
        self._keep_numbers = keep_numbers
        self._number_key = number_key if keep_number_hash_days != 0 else None

    async def start(self) -> None:
        """Start writing, beginning with what an earlier run could not write. Raises RecordsError when the database was written by
        a newer voicebot.
        """
        with suppress(SQLAlchemyError):  # it is away: `trouble` says so, and calls wait on disk
            await asyncio.to_thread(self._database.version)
        self._under_way.start()
        self._writer.start()

    async def close(self) -> None:
        """Write what is left: into the database, or on disk for the next run."""
        await asyncio.to_thread(self._writer.close, _CLOSE_S)
        await asyncio.to_thread(self._under_way.close)
        await asyncio.to_thread(self._database.close)

    # ------------------------------------------------------------------ a call

    def began(self, summary: CallSummary, *, channel: str) -> None:
        """A call is answered; of `summary` counts what is known at its beginning. Should this process die, the next one writes
        its record. Returns at once, never raises.
        """
        self._under_way.began(Head(self._kept(summary), channel, self.number_hash(summary.number)))

    def noted(self, call_id: str, line: Line) -> None:
        """A line of its journal; a `JournalSink`. Returns at once, never raises."""
        self._under_way.noted(call_id, line)

    def save(self, summary: CallSummary, lines: Sequence[dict[str, Any]]) -> None:
        """Keep a call that is over. Returns at once, never raises."""
        self._writer.put(CallRecord(self._kept(summary), tuple(lines), self.number_hash(summary.number)))

    def save_as_known(self, summary: CallSummary, lines: Sequence[dict[str, Any]]) -> None:
        """Keep a call of which others told us: its number is shortened already, so that it has no hash. Returns at once."""
        self._writer.put(CallRecord(summary, tuple(lines)))

    def _kept(self, summary: CallSummary) -> CallSummary:
        return summary if self._keep_numbers else summary.with_short_number()

    def keep_shadow(self, decisions: Sequence[ShadowDecision], lost: Callable[[int], None]) -> None:
        """Keep what a release in the shadow decided, unless the database is away or the records have much to do: these come
        first, and nothing of a shadow waits on disk. `lost` is told how many are not kept, from any thread. Returns at once,
        never raises.
        """

        def write() -> None:
            try:
                self._database.keep_shadow(decisions)
            except (SQLAlchemyError, OSError, RecordsError):
                lost(len(decisions))

        if decisions and not self._writer.do(write):
            lost(len(decisions))

    def left_out(self, call_id: str) -> None:
        """A call that began is over and gets no record. Returns at once, never raises."""
        self._under_way.ended(call_id)

    async def flush(self, timeout_s: float = _CLOSE_S) -> bool:
        """Wait until everything saved so far is in the database or safe on disk."""
        return await asyncio.to_thread(self._writer.flush, timeout_s)

    # ------------------------------------------------------------------ how it is

    @property
    def trouble(self) -> str | None:
        """Why calls are not written just now, where, and what to do; None while they are. They wait on disk meanwhile."""
        return self._writer.trouble

    @property
    def waiting(self) -> int:
        """Calls not in the database yet."""
        return self._writer.waiting

    @property
    def oldest_waiting_s(self) -> float:
        """For how long the call has waited that waits longest; 0 when none does."""
        return self._spool.oldest_s

    @property
    def rejected(self) -> int:
        """Calls that the database refused, since the start; they are kept aside in the spool."""
        return self._writer.rejected

    @property
    def put_aside(self) -> int:
        """Calls that lie aside in the spool, also from earlier: `voicebot records retry` tries them again."""
        try:
            return len(self._spool.rejected())
        except OSError:
            return 0

    # ------------------------------------------------------------------ reading

    async def calls(self, *, limit: int = 50, before: datetime | None = None) -> list[CallSummary]:
        """The latest calls, newest first. Raises RecordsError while the database is away."""
        return await self._asked(lambda: self._database.calls(limit=limit, before=before))

    async def survey(self, since: datetime) -> list[SurveyCount]:
        """Answers to the survey since then. Raises RecordsError while the database is away."""
        return await self._asked(lambda: self._database.survey(since))

    async def call(self, call_id: str) -> CallRecord | None:
        """One call with its journal. Raises RecordsError while the database is away."""
        return await self._asked(lambda: self._database.call(call_id))

    # ------------------------------------------------------------------ one person

    def number_hash(self, number: str | None) -> str | None:
        """The keyed hash (HMAC-SHA-256, hexadecimal) under which an E.164 number's calls are found; None where none is kept."""
        if number is None or self._number_key is None:
            return None
        return hmac.new(self._number_key, number.encode(), hashlib.sha256).hexdigest()

    async def find_by_number(self, number: str, *, whole: bool = True) -> FoundCalls:
        """What the records hold of an E.164 number; not `whole`: of journals in the database only how the calls began. Raises
        RecordsError while the database is away.
        """
        await self.flush()
        return await self._asked(lambda: self._one(number).find(whole=whole))

    async def erase_by_number(self, number: str) -> ErasedCalls:
        """Delete all that the records hold of an E.164 number; harmless when repeated. Raises RecordsError when not everything
        could be deleted: then repeat it.
        """
        await self.flush()
        return await self._asked(self._one(number).erase)

    def _one(self, number: str) -> OneNumber:
        return OneNumber(number, self.number_hash(number), self._database, self._spool, self._files)

    async def _asked(self, question: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(question)
        except (SQLAlchemyError, OSError) as error:
            raise RecordsError(
                f"the database does not answer; calls wait on disk meanwhile. {self._database.advice(error)}"
            ) from error
