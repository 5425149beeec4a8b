"""The audit trail as the service writes it: who was let in by what, who was refused and why. No name, number or secret."""

from __future__ import annotations

import asyncio
import json
import queue
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from voicebot.errors import RecordsError
from voicebot.files import erase, locked, private_folder, write_new
from voicebot.identity.audit_table import AuditTable, Fact, Note, canonical, moment

WAIT_S = 0.25
"""So long at most whoever notes something waits until it is safe."""
_AT_ONCE = 200
_MOST_WAITING = 20_000
_AGAIN_S = 1.0
_CLOSE_S = 5.0
_A_MINUTE_S = 60.0
_REFUSALS_A_MINUTE = 300
_LONGEST_FACT = 200
_WHAT = re.compile(r"[a-z_]+(\.[a-z_]+)+")

_log = structlog.get_logger(__name__)


class Audit(Protocol):
    """Where it is noted who was let in."""

    async def note(self, what: str, **facts: Fact) -> None:
        """Add a line: `what` is dotted, "ticket.refused"; facts are opaque references, codes and counts. Never raises."""
        ...


@dataclass(slots=True)
class _Waiting:
    note: Note
    safe: Future[None] = field(default_factory=Future)


class AuditTrail:
    """Writes lines in a thread of its own, in the order of `note`. While the database is away they wait on disk, also over a
    restart, and are tried for ever.

    `note` returns when its line is in the database or on disk, so that nothing is granted without a trace; after `WAIT_S` it
    returns all the same, since a caller waits. Refusals are cheap to provoke: beyond 300 a minute of one kind they are counted
    and told in one line, `audit.shortened`.
    """

    def __init__(
        self,
        table: AuditTable,
        folder: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        """`folder` is for lines that wait; `lost` is told of each that neither the database nor the disk took."""
        self._table = table
        self._folder = folder
        self._clock = clock
        self._lost = lost
        self._jobs: queue.Queue[_Waiting | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._trouble: str | None = None
        self._retry_at = 0.0
        self._refusals: Counter[str] = Counter()
        self._minute = 0

    async def start(self) -> None:
        """Start the thread; it begins with what waits on disk."""
        self._thread.start()

    async def close(self) -> None:
        """Bring what was noted to the database or the disk, and end the thread."""
        if self._thread.is_alive():
            self._tell_shortened()
            with suppress(queue.Full):
                self._jobs.put_nowait(None)
            await asyncio.to_thread(self._thread.join, _CLOSE_S)
        self._table.close()

    async def note(self, what: str, **facts: Fact) -> None:
        """See `Audit`."""
        if not self._shortened(what):
            safe = self._put(what, facts)
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_S):
                    await asyncio.wrap_future(safe)

    @property
    def trouble(self) -> str | None:
        """Why lines are not in the database just now; None while they are."""
        return self._trouble

    @property
    def waiting(self) -> int:
        """Lines in memory, and files of lines on disk."""
        return self._jobs.qsize() + sum(1 for _ in self._folder.glob("*.json"))

    def _put(self, what: str, facts: dict[str, Fact]) -> Future[None]:
        if not _WHAT.fullmatch(what):
            raise ValueError(f"{what!r} is no name of a line; write it like ticket.refused")
        told = {name: value[:_LONGEST_FACT] if isinstance(value, str) else value for name, value in facts.items()}
        waiting = _Waiting(Note(secrets.token_hex(16), moment(self._clock()), what, canonical(told)))
        try:
            self._jobs.put_nowait(waiting)
        except queue.Full:
            self._lose([waiting], "too many lines wait")
        return waiting.safe

    # ------------------------------------------------------------------ refusals by the thousand

    def _shortened(self, what: str) -> bool:
        """Whether this line is only counted."""
        minute = int(time.monotonic() / _A_MINUTE_S)
        if minute != self._minute:
            self._tell_shortened()
            self._minute = minute
        if not what.endswith(".refused"):
            return False
        self._refusals[what] += 1
        return self._refusals[what] > _REFUSALS_A_MINUTE

    def _tell_shortened(self) -> None:
        for what, count in self._refusals.items():
            if count > _REFUSALS_A_MINUTE:
                self._put("audit.shortened", {"of": what, "count": count - _REFUSALS_A_MINUTE})
        self._refusals.clear()

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        more = True
        while more:
            batch, more = self._next_batch()
            try:
                self._work(batch)
            except Exception as error:
                _log.exception("writing the audit trail failed; it goes on", code=RecordsError.code)
                self._lose(batch, type(error).__name__)

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        """What waits, for a moment at most; and whether there will be more."""
        batch: list[_Waiting] = []
        try:
            job = self._jobs.get(timeout=_AGAIN_S)
            while job is not None:
                batch.append(job)
                if len(batch) == _AT_ONCE:
                    return batch, True
                job = self._jobs.get_nowait()
        except queue.Empty:
            return batch, True
        return batch, False

    def _work(self, batch: Sequence[_Waiting]) -> None:
        if time.monotonic() >= self._retry_at:
            try:
                self._write_spooled()
                if batch:
                    self._table.append([each.note for each in batch])
            except (SQLAlchemyError, OSError, RecordsError) as error:
                self._away(error)
            else:
                self._back()
                _settle(batch)
                return
        self._spool(batch)

    def _write_spooled(self) -> None:
        """What waits on disk, oldest first; also lines of processes that died. A file goes when its lines are written."""
        for path in sorted(self._folder.glob("*.json")):
            with locked(path) as ours:
                if ours and (notes := self._read(path)) is not None:
                    self._table.append(notes)
                    erase(path)

    def _read(self, path: Path) -> list[Note] | None:
        try:
            return [Note(**each) for each in json.loads(path.read_text(encoding="utf-8"))]
        except (ValueError, TypeError):
            _log.error("lines of the audit trail cannot be read and are put aside", code=RecordsError.code, file=str(path))
            path.rename(path.with_suffix(".unreadable"))
            return None

    def _spool(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        text = json.dumps([asdict(each.note) for each in batch])
        try:
            name = f"{time.time_ns() // 1000:020d}-{batch[0].note.id}.json"
            write_new(private_folder(self._folder) / name, text)
        except OSError as error:
            self._lose(batch, str(error.strerror))
        else:
            _settle(batch)

    def _away(self, error: Exception) -> None:
        why = type(getattr(error, "orig", None) or error).__name__
        if self._trouble is None:
            _log.error(
                "audit trail: database away; lines wait on disk", code=RecordsError.code, why=why, folder=str(self._folder)
            )
        self._trouble = f"the database does not take them ({why})"
        self._retry_at = time.monotonic() + _AGAIN_S
        self._table.reconnect()

    def _back(self) -> None:
        if self._trouble is not None:
            _log.info("audit trail: database back; lines written")
        self._trouble = None

    def _lose(self, batch: Sequence[_Waiting], why: str) -> None:
        for each in batch:
            _log.error("a line of the audit trail is lost", code="audit.lost", what=each.note.what, id=each.note.id, why=why)
            self._lost()
        _settle(batch)


def _settle(batch: Sequence[_Waiting]) -> None:
    for each in batch:
        with suppress(InvalidStateError):  # whoever noted it waited no longer
            each.safe.set_result(None)
