"""The thread that writes records: to disk first, then to the database, again and again until the database takes them."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from voicebot.errors import RecordsError, code_of
from voicebot.records.call_files import CallFiles
from voicebot.records.database import Database
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord

_PURGE_EVERY_S = 3600.0
_MOST_UNSPOOLED = 10_000
_MOST_TRIES = 3  # of a record at which the writing breaks in a way that nobody foresaw

_log = structlog.get_logger(__name__)

Job = CallRecord | Callable[[], None] | None


class RecordWriter:
    """Takes records from any thread, writes them in its own. A database that is away, slow or full costs time here and nowhere
    else: records wait in the spool, also over a restart of the service. No record, whatever it holds, ends the thread or keeps
    the others waiting.
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
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """At most `waiting` records wait in memory. The pauses are those between tries while the database is away: they double.
        `clock` is the time that `keep_days` counts by.
        """
        self._database = database
        self._spool = spool
        self._files = files
        self._keep_days = keep_days
        self._jobs: queue.Queue[Job] = queue.Queue(waiting)
        self._unspooled: deque[CallRecord] = deque(maxlen=_MOST_UNSPOOLED)
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)
        self._first_pause, self._longest_pause = first_pause_s, longest_pause_s
        self._pause = 0.0
        self._clock = clock
        self._rejected = 0
        self._breaking: Counter[str] = Counter()
        self._left: set[str] = set()
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

    @property
    def rejected(self) -> int:
        """Records that can be stored nowhere as they are; each was logged and, where the disk allows, put aside."""
        return self._rejected

    def _run(self) -> None:
        """Until told to end. Whatever one job does, those that follow are done."""
        more = True
        while more:
            try:
                job = self._jobs.get(timeout=self._until_next_work())
            except queue.Empty:
                job = _nothing
            more = job is not None
            try:
                self._do(job)
            except Exception as error:
                _log.exception("writing records failed; it goes on with the next", code=code_of(error))
                self._retry_at = time.monotonic() + self._first_pause  # not in circles as fast as the machine can

    def _do(self, job: Job) -> None:
        if isinstance(job, CallRecord):
            self._write_file(job)
            self._keep(job)
        try:
            self._work()
        finally:
            if job is not None and not isinstance(job, CallRecord):
                job()

    def _until_next_work(self) -> float:
        """Seconds."""
        now = time.monotonic()
        retry_at = self._retry_at if self._unspooled or any(True for _ in self._spooled()) else float("inf")
        return max(0.01, min(retry_at, self._purge_at, now + 60) - now)

    def _spooled(self) -> Iterator[Path]:
        """The files that wait; none while the disk cannot even be read."""
        try:
            yield from (path for path in self._spool.waiting() if path.name not in self._left)
        except OSError as error:
            _log.error("spool cannot be read", code=RecordsError.code, error=error.strerror)

    def _keep(self, record: CallRecord) -> None:
        try:
            self._spool.put(record)
        except OSError as error:
            if len(self._unspooled) == self._unspooled.maxlen:
                self._lose(self._unspooled[0], "the disk and the memory for records are full")
            self._unspooled.append(record)
            _log.error("spool cannot be written; records wait in memory", code=RecordsError.code, error=error.strerror)
        except Exception as error:  # it is no JSON: the disk would not take it either
            self._lose(record, repr(error))

    def _write_file(self, record: CallRecord) -> None:
        try:
            self._files.write(record)
        except Exception as error:  # the file is a convenience; the record goes to the database
            _log.error("call file cannot be written", code=RecordsError.code, error=error)

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
        for _ in range(len(self._unspooled)):
            record = self._unspooled[0]
            settled = self._settled(record, None)
            self._unspooled.popleft()
            if not settled:
                self._unspooled.append(record)
        for path in self._spooled():
            read = self._read(path)
            if read is not None and self._settled(read, path):
                self._spool.done(path)

    def _read(self, path: Path) -> CallRecord | None:
        """The record of a file. What is no record is put aside; what cannot be read just now is left for the next start."""
        try:
            return self._spool.read(path)
        except OSError as error:
            self._left.add(path.name)
            _log.error("a record on disk cannot be read", code=RecordsError.code, file=path.name, error=error.strerror)
        except Exception as error:
            self._reject(path, f"unreadable: {type(error).__name__}")
        return None

    def _settled(self, record: CallRecord, path: Path | None) -> bool:
        """Whether this record needs no further try: it is written, or refused for good. Raises only when the database is away."""
        try:
            self._database.write(record)
        except (OperationalError, InterfaceError):
            raise
        except (SQLAlchemyError, ValueError, TypeError, KeyError) as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            self._refuse(record, path, error)
        except Exception as error:
            return self._broke(record, path, error)
        return True

    def _broke(self, record: CallRecord, path: Path | None, error: Exception) -> bool:
        """Nobody foresaw this: the record gets another try, but not for ever."""
        name = path.name if path is not None else record.summary.call_id
        self._breaking[name] += 1
        if self._breaking[name] < _MOST_TRIES:
            self._retry_at = time.monotonic() + self._first_pause
            _log.error("a record cannot be written and is tried again", code=RecordsError.code, name=name, error=error)
            return False
        del self._breaking[name]
        self._refuse(record, path, error)
        return True

    def _refuse(self, record: CallRecord, path: Path | None, error: Exception) -> None:
        if path is not None:
            self._reject(path, repr(error))
        else:
            self._lose(record, repr(error))

    def _reject(self, path: Path, why: str) -> None:
        self._rejected += 1
        try:
            aside = self._spool.reject(path)
        except OSError as error:
            self._left.add(path.name)
            _log.error("a record cannot be put aside", code=RecordsError.code, file=path.name, error=error.strerror, why=why)
            return
        _log.error("a record cannot be stored and is put aside", code="records.rejected", file=aside.name, why=why)

    def _lose(self, record: CallRecord, why: str) -> None:
        """A record that neither the database nor the disk takes: at least it is known which."""
        self._rejected += 1
        _log.error("a record is lost", code="records.rejected", call_id=record.summary.call_id, why=why)

    def _purge(self) -> None:
        if self._keep_days is None or time.monotonic() < self._purge_at:
            return
        self._purge_at = time.monotonic() + _PURGE_EVERY_S
        old = self._database.purge(self._clock() - timedelta(days=self._keep_days))
        for summary in old:
            self._files.remove(summary)
        if old:
            _log.info("old calls deleted", calls=len(old), keep_days=self._keep_days)


def _nothing() -> None:
    """The job of a moment in which nobody asked for anything."""
