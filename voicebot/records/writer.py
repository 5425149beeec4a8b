"""The thread that writes records: to disk first, then to the database, again and again until it takes them."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from voicebot.errors import RecordsError
from voicebot.records.call_files import CallFiles
from voicebot.records.database import Database
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord

_PURGE_EVERY_S = 3600.0
_MOST_UNSPOOLED = 10_000

_log = structlog.get_logger(__name__)

Job = CallRecord | Callable[[], None] | None


class RecordWriter:
    """Takes records from any thread, writes them in its own. A database that is away, slow or full costs time here and nowhere
    else: records wait in the spool, also over a restart of the service.
    """

    def __init__(
        self,
        database: Database,
        spool: Spool,
        files: CallFiles,
        *,
        keep_days: int | None = None,
        waiting: int = 1000,
        first_pause_s: float = 0.5,
        longest_pause_s: float = 30.0,
    ) -> None:
        """`waiting` records at most stand in line; the pauses are those between tries while the database is away, doubling."""
        self._database = database
        self._spool = spool
        self._files = files
        self._keep_days = keep_days
        self._jobs: queue.Queue[Job] = queue.Queue(waiting)
        self._unspooled: deque[CallRecord] = deque(maxlen=_MOST_UNSPOOLED)
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)
        self._first_pause, self._longest_pause = first_pause_s, longest_pause_s
        self._pause = 0.0
        self._retry_at = 0.0
        self._purge_at = 0.0 if keep_days is not None else float("inf")

    def start(self) -> None:
        """Start the thread; it begins with what the spool still holds."""
        self._thread.start()

    def put(self, record: CallRecord) -> None:
        """Hand in a record. Returns at once."""
        try:
            self._jobs.put_nowait(record)
        except queue.Full:
            self._keep(record)  # the thread is stuck in the database: the disk is still quick

    def flush(self, timeout_s: float) -> bool:
        """Wait until what was handed in is in the database, or safe on disk while that is away. False when it takes too long."""
        passed = threading.Event()
        try:
            self._jobs.put(passed.set, timeout=timeout_s)
        except queue.Full:
            return False
        return passed.wait(timeout_s)

    def close(self, timeout_s: float) -> None:
        """Take care of what was handed in, and end the thread."""
        if not self._thread.is_alive():
            return
        try:
            self._jobs.put(None, timeout=timeout_s)
        except queue.Full:
            _log.error("records left behind at the end", code=RecordsError.code, waiting=self._jobs.qsize())
        self._thread.join(timeout_s)

    @property
    def waiting(self) -> int:
        """Records not in the database yet."""
        return self._jobs.qsize() + len(self._unspooled) + len(self._spool)

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._until_next_work())
            except queue.Empty:
                self._work()
                continue
            if isinstance(job, CallRecord):
                self._files_write(job)
                self._keep(job)
            self._work()
            if job is None:
                return
            if not isinstance(job, CallRecord):
                job()

    def _until_next_work(self) -> float:
        waits = self._unspooled or any(True for _ in self._spool.waiting())
        return max(
            0.01, min((self._retry_at if waits else float("inf")), self._purge_at, time.monotonic() + 60) - time.monotonic()
        )

    def _keep(self, record: CallRecord) -> None:
        try:
            self._spool.put(record)
        except OSError as error:
            self._unspooled.append(record)
            _log.error("spool cannot be written; records wait in memory", code=RecordsError.code, error=error.strerror)

    def _files_write(self, record: CallRecord) -> None:
        try:
            self._files.write(record)
        except OSError as error:
            _log.error("call file cannot be written", code=RecordsError.code, error=error.strerror)

    def _work(self) -> None:
        """Bring what waits into the database, unless it failed a moment ago, and delete what is too old."""
        if time.monotonic() < self._retry_at:
            return
        try:
            self._write_waiting()
            self._purge()
        except (SQLAlchemyError, OSError) as error:
            self._pause = min(self._pause * 2 or self._first_pause, self._longest_pause)
            self._retry_at = time.monotonic() + self._pause
            _log.warning("database away; records wait on disk", code=RecordsError.code, error=type(error).__name__)
        else:
            if self._pause:
                _log.info("database back; records written")
            self._pause = 0.0

    def _write_waiting(self) -> None:
        while self._unspooled:
            self._write(self._unspooled[0], None)
            self._unspooled.popleft()
        for path in self._spool.waiting():
            try:
                record = self._spool.read(path)
            except (ValueError, KeyError, TypeError):
                self._reject(path, "unreadable")
                continue
            self._write(record, path)
            self._spool.done(path)

    def _write(self, record: CallRecord, path: Path | None) -> None:
        """Write one; raises only when the database is away, not when it refuses this record."""
        try:
            self._database.write(record)
        except (OperationalError, InterfaceError):
            raise
        except (SQLAlchemyError, ValueError, TypeError, KeyError) as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            if path is not None:
                self._reject(path, type(error).__name__)

    def _reject(self, path: Path, why: str) -> None:
        aside = self._spool.reject(path)
        _log.error("a record cannot be stored and is put aside", code="records.rejected", file=aside.name, why=why)

    def _purge(self) -> None:
        if self._keep_days is None or time.monotonic() < self._purge_at:
            return
        self._purge_at = time.monotonic() + _PURGE_EVERY_S
        old = self._database.purge(datetime.now(UTC) - timedelta(days=self._keep_days))
        for summary in old:
            self._files.remove(summary)
        if old:
            _log.info("old calls deleted", calls=len(old), keep_days=self._keep_days)
