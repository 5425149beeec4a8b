"""What is too old is deleted: rows, call files, recordings, and records that were never written."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from voicebot.errors import RecordsError
from voicebot.files import DRAFT, files_under
from voicebot.records.call_files import CallFiles, remove_file
from voicebot.records.database import BREATH_S, Database
from voicebot.records.spool import Spool

_EVERY_S = 3600.0
_AGAIN_S = 60.0
_AT_ONCE_S = 0.5
"""So long it deletes; then records that wait are written."""
_DRAFT_S = 3600.0  # a file that has been a draft for so long is nobody's any more

_log = structlog.get_logger(__name__)


class Retention:
    """The clock of all that a call left. Its methods block, and raise what the database raises."""

    def __init__(
        self,
        database: Database,
        spool: Spool,
        files: CallFiles,
        *,
        keep_days: int | None = None,
        keep_number_hash_days: int | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Calls are deleted `keep_days` after their end, the hash of their number `keep_number_hash_days` after it (None: with
        the call). `clock` is the time that both count by; what is not too old by the database's clock, too, stays.
        """
        self._database = database
        self._spool = spool
        self._files = files
        self._keep_days = keep_days
        self._keep_hash_days = keep_number_hash_days
        self._clock = clock
        self._unforgotten = True
        self._deleted = 0
        self.due_at = 0.0
        """When there is work next, by time.monotonic()."""

    def work(self) -> None:
        """Delete what is too old, if it is time to look."""
        if time.monotonic() < self.due_at:
            return
        self.due_at = time.monotonic() + _EVERY_S
        self._drop_drafts()
        now = self._database.time.earlier(self._clock())
        if self._keep_days is not None and not self._purge(now - timedelta(days=self._keep_days)):
            self.due_at = time.monotonic() + BREATH_S  # between two parts records are written
            return
        if self._keep_hash_days is not None:
            before = now - timedelta(days=self._keep_hash_days)
            self._unforgotten |= self._database.drop_number_hashes(before) > 0
        if self._unforgotten:
            self._unforgotten = not self._database.forget()
            if self._unforgotten:  # somebody was reading
                self.due_at = time.monotonic() + _AGAIN_S

    def _purge(self, before: datetime) -> bool:
        """Whether all that is too old is deleted: a day of many calls is deleted in parts."""
        self._drop_unwritten(before)
        ends = time.monotonic() + _AT_ONCE_S
        while old := self._database.purge(before):
            for summary in old:
                self._files.remove(summary)
            self._deleted += len(old)
            self._unforgotten = True
            if time.monotonic() >= ends:
                return False
            time.sleep(BREATH_S)
        rowless = self._drop_rowless(before)
        if self._deleted or rowless:
            _log.info("old calls deleted", calls=self._deleted, files_without_call=rowless, keep_days=self._keep_days)
        self._deleted = 0
        return True

    def _drop_rowless(self, before: datetime) -> int:
        """Files whose calls have no row: of a database that is gone, or of a call that was lost."""
        old = self._files.old(before.timestamp())
        unknown = self._database.unknown(set(old.values()))
        return sum(remove_file(path) for path, call_id in old.items() if call_id in unknown)

    def _drop_unwritten(self, before: datetime) -> None:
        """Records that are too old, and still not in the database."""
        for path in (*self._spool.waiting(), *self._spool.rejected()):
            with self._spool.claimed(path) as ours:
                if ours and self._spool.ended(path) < before:
                    self._spool.done(path)
                    _log.warning("a record that was never written is deleted: too old", code=RecordsError.code, file=str(path))

    def _drop_drafts(self) -> None:
        """Left by a process that died while it wrote."""
        for path in files_under(self._spool.folder, DRAFT):
            with suppress(FileNotFoundError):  # it has just become a file
                if path.stat().st_mtime < time.time() - _DRAFT_S:
                    remove_file(path)
