"""The thread that writes records: to disk first, then to the database, again and again until the database takes them."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, InternalError, OperationalError, SQLAlchemyError

from voicebot.error_text import error_text
from voicebot.errors import RecordsError, code_of
from voicebot.pace import Pace
from voicebot.records.call_files import CallFiles
from voicebot.records.database import Database
from voicebot.records.retention import Retention
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord
from voicebot.records.under_way import CallsUnderWay, deserted, record_of

_LOOK_EVERY_S = 60.0
_TELL_EVERY_S = 600.0
_MOST_UNSPOOLED = 10_000
_MOST_TRIES = 3  # of a record at which the writing breaks in a way that nobody foresaw

_log = structlog.get_logger(__name__)

Job = CallRecord | Callable[[], None] | None


class RecordWriter:
    """Takes records from any thread, writes them in its own. A database that is away, slow, full or damaged costs time here and
    nowhere else: records wait in the spool, also over a restart of the service, and are tried for ever. Only a record that a
    sound database refuses is put aside. No record, whatever it holds, ends the thread or keeps the others waiting.
    """

    def __init__(
        self,
        database: Database,
        spool: Spool,
        files: CallFiles,
        *,
        retention: Retention | None = None,
        under_way: CallsUnderWay | None = None,
        waiting: int = 1000,
        first_pause_s: float = 0.5,
        longest_pause_s: float = 30.0,
    ) -> None:
        """At most `waiting` records wait in memory. The pauses between tries while the database is away double."""
        self._database = database
        self._spool = spool
        self._files = files
        self._retention = retention or Retention(database, spool, files)
        self._under_way = under_way
        self._jobs: queue.Queue[Job] = queue.Queue(waiting)
        self._unspooled: deque[CallRecord] = deque(maxlen=_MOST_UNSPOOLED)
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)
        self._first_pause, self._longest_pause = first_pause_s, longest_pause_s
        self._pause = 0.0
        self._rejected = 0
        self._breaking: Counter[str] = Counter()
        self._left: set[str] = set()
        self._retry_at = 0.0
        self._look_at = 0.0
        self._trouble: str | None = None
        self._disk_trouble: str | None = None
        self._told_at = float("-inf")

    def start(self) -> None:
        """Start the thread; it begins with what the spool still holds."""
        self._thread.start()

    def put(self, record: CallRecord) -> None:
        """Hand in a record. Returns at once."""
        try:
            self._jobs.put_nowait(record)
        except queue.Full:
            self._keep(record)  # the thread is stuck in the database: the disk is still quick

    def do(self, job: Callable[[], None]) -> bool:
        """Have the thread do something small beside the records, when they are taken care of; False when it has too much to do,
        or no database. Returns at once.
        """
        if self.trouble is not None:
            return False
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

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

    @property
    def trouble(self) -> str | None:
        """Why records are not written just now, where, and what to do; None while they are."""
        return self._trouble or self._disk_trouble

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
        waits = self.trouble is not None or self._unspooled or any(True for _ in self._spooled())
        retry_at = self._retry_at if waits else float("inf")
        return max(0.01, min(retry_at, self._retention.due_at, self._look_at, now + _LOOK_EVERY_S) - now)

    def _spooled(self) -> Iterator[Path]:
        """The files that wait; none while the disk cannot even be read."""
        try:
            yield from (path for path in self._spool.waiting() if path.name not in self._left)
        except OSError as error:
            _log.error("spool cannot be read", code=RecordsError.code, folder=str(self._spool.folder), error=error.strerror)

    def _keep(self, record: CallRecord) -> None:
        try:
            self._spool.put(record)
        except OSError as error:
            self._keep_in_memory(record, error)
        except Exception as error:  # it is no JSON: the disk would not take it either
            self._lose(record, error_text(error))
        else:
            self._disk_trouble = None
            self._over(record)

    def _keep_in_memory(self, record: CallRecord, error: OSError) -> None:
        """Should the service die meanwhile, its note on disk says what happened in the call."""
        if len(self._unspooled) == self._unspooled.maxlen:
            self._lose(self._unspooled[0], "the disk and the memory for records are full")
        self._unspooled.append(record)
        self._disk_trouble = f"{self._spool.folder}: {error.strerror}. Make room there, or make it writable for the service"
        _log.error("spool cannot be written; records wait in memory", code=RecordsError.code, why=self._disk_trouble)

    def _write_file(self, record: CallRecord) -> None:
        try:
            self._files.write(record)
        except Exception as error:  # the file is a convenience; the record goes to the database
            _log.error("call file cannot be written", code=RecordsError.code, error=error)

    # ------------------------------------------------------------------ to the database

    def _work(self) -> None:
        """Bring what waits into the database, unless it failed a moment ago; take over what dead processes left; delete what is
        too old.
        """
        now = time.monotonic()
        if now < self._retry_at:
            return
        looking = now >= self._look_at
        if looking:
            self._look_at = now + _LOOK_EVERY_S
            self._take_over()
        try:
            written = self._write_waiting()
            if not written and (looking or self._trouble is not None):
                self._database.probe()  # damage shows before the next call ends, and is not over because nothing waits
            self._retention.work()
            self._look_at_the_disk()
        except (SQLAlchemyError, OSError, RecordsError) as error:
            self._is_away(error)
        else:
            was, self._trouble, self._pause = self._trouble, None, 0.0
            if was is not None:
                _log.info("database back; records written")

    def _look_at_the_disk(self) -> None:
        """A spool that could not be written is asked again: nobody else would, as long as the database takes everything."""
        if self._disk_trouble is None:
            return
        try:
            self._spool.probe()
        except OSError:
            self._retry_at = time.monotonic() + self._longest_pause
        else:
            self._disk_trouble = None
            _log.info("spool can be written again")

    def _is_away(self, error: Exception) -> None:
        self._pause = min(self._pause * 2 or self._first_pause, self._longest_pause)
        now = time.monotonic()
        self._retry_at = now + self._pause
        why = self._database.advice(error)
        news, self._trouble = why != self._trouble, why
        if news or now >= self._told_at + _TELL_EVERY_S:
            self._told_at = now
            where, waiting = str(self._spool.folder), self.waiting
            _log.error("database away; records wait on disk", code=RecordsError.code, why=why, folder=where, waiting=waiting)
        self._database.reconnect()

    def _write_waiting(self) -> int:
        """How many records were written. One at which a database fails that takes others does not keep those waiting; the
        failure is raised when they are written.
        """
        written = 0
        failure: Exception | None = None
        for record in list(self._unspooled):
            try:
                settled = self._settled(record, None)
            except (SQLAlchemyError, OSError, RecordsError) as error:
                failure = self._only_here(error)
                settled = False
            if settled:
                self._unspooled.remove(record)
                self._over(record)
                written += 1
        paths = list(self._spooled())
        pace = Pace(lambda done, of: _log.info("records that waited are being written", done=done, of=of))
        for done, path in enumerate(paths):
            pace(done, len(paths))
            try:
                with self._spool.claimed(path) as ours:
                    record_there = self._read(path) if ours else None
                    if record_there is not None and self._settled(record_there, path):
                        self._spool.done(path)
                        written += 1
            except (SQLAlchemyError, OSError, RecordsError) as error:
                failure = self._only_here(error)
        if failure is not None:
            raise failure
        return written

    def _only_here(self, error: Exception) -> Exception:
        """The error of one record; raises it when the database takes no other record either."""
        try:
            self._database.probe()
        except (SQLAlchemyError, OSError, RecordsError):
            raise error from None
        return error

    def _over(self, record: CallRecord) -> None:
        if self._under_way is not None:
            self._under_way.ended(record.summary.call_id)

    def _read(self, path: Path) -> CallRecord | None:
        """The record of a file. What is no record is put aside; what cannot be read just now is left for the next start."""
        try:
            return self._spool.read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._left.add(path.name)
            _log.error("a record on disk cannot be read", code=RecordsError.code, file=str(path), error=error.strerror)
        except Exception as error:
            self._reject(path, f"unreadable: {type(error).__name__}")
        return None

    def _settled(self, record: CallRecord, path: Path | None) -> bool:
        """Whether this record needs no further try: it is written, or refused for good. Raises when the database is at fault."""
        try:
            self._database.write(record)
        except (OperationalError, InterfaceError, InternalError, RecordsError, OSError):
            raise
        except (SQLAlchemyError, ValueError, TypeError, KeyError, OverflowError) as error:
            if type(error) is DatabaseError or (isinstance(error, DBAPIError) and self._takes_none(error)):
                raise
            self._refuse(record, path, error)
        except Exception as error:
            return self._broke(record, path, error)
        return True

    def _takes_none(self, error: DBAPIError) -> bool:
        """Whether the database would refuse any record: a table is gone, a right was taken away."""
        try:
            self._database.probe()
        except (SQLAlchemyError, OSError, RecordsError):
            return True
        return error.connection_invalidated

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
            self._reject(path, error_text(error))
        else:
            self._lose(record, error_text(error))

    def _reject(self, path: Path, why: str) -> None:
        self._rejected += 1
        try:
            aside = self._spool.reject(path)
        except OSError as error:
            self._left.add(path.name)
            _log.error("a record cannot be put aside", code=RecordsError.code, file=str(path), error=error.strerror, why=why)
            return
        what = "a record cannot be stored and is put aside; `voicebot records retry` tries it again"
        _log.error(what, code="records.rejected", file=str(aside), why=why)

    def _lose(self, record: CallRecord, why: str) -> None:
        """A record that neither the database nor the disk takes: at least it is known which."""
        self._rejected += 1
        _log.error("a record is lost", code="records.rejected", call_id=record.summary.call_id, why=why)

    # ------------------------------------------------------------------ what dead processes left

    def _take_over(self) -> None:
        """Calls of processes that died become records here."""
        try:
            with deserted(self._spool.under_way) as paths:
                for path in paths:
                    self._close_call(path)
        except OSError as error:
            why = f"{self._spool.under_way}: {error.strerror}"
            _log.error("calls of a dead process cannot be read", code=RecordsError.code, why=why)

    def _close_call(self, path: Path) -> None:
        if path.stat().st_size == 0:  # it died before a word was written
            self._spool.done(path)
            return
        try:
            record = record_of(path, self._files.recording_of)
            self._spool.put(record)
        except OSError:
            raise
        except Exception as error:
            self._reject(path, f"unreadable: {type(error).__name__}")
            return
        self._write_file(record)
        self._spool.done(path)
        call_id, outcome = record.summary.call_id, record.summary.outcome
        _log.warning("a call of a process that died has its record now", code="records.died", call_id=call_id, outcome=outcome)


def _nothing() -> None:
    """The job of a moment in which nobody asked for anything."""
