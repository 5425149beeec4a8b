"""The audit trail as the service writes it: who was let in by what, who was refused and why. No name, number or secret."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from voicebot.errors import RecordsError
from voicebot.files import erase
from voicebot.identity.audit_journal import AuditJournal, notes_in
from voicebot.identity.audit_table import AuditTable, Fact, Head, Note, note_of

WAIT_S = 0.25
_AT_ONCE = 200
_GATHER_S = 0.05  # one transaction for what comes together: the lines are safe in the file
_MOST_IN_MEMORY = 10_000
_LOOK_EVERY_S = 60.0
_TELL_HEAD_EVERY_S = 900.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_CLOSE_S = 5.0
_A_MINUTE_S = 60.0
REFUSALS_A_MINUTE = 300
_WHAT = re.compile(r"[a-z_]+(\.[a-z_]+)+")

_log = structlog.get_logger(__name__)


class Audit(Protocol):
    """Where it is noted who was let in."""

    async def note(self, what: str, **facts: Fact) -> None:
        """Add a line: `what` is dotted, "ticket.refused"; facts are opaque references, codes and counts."""
        ...


class AuditTrail:
    """Keeps lines in a file at once, and brings them to the database in a thread of its own. While that is away they wait in the
    file, also over a restart, and are tried for ever.

    Refusals are cheap to provoke: beyond 300 a minute of one kind they are counted, and told in one line, `audit.shortened`.
    """

    def __init__(
        self,
        table: AuditTable,
        folder: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        """`folder` is for lines that wait; `lost` is told of each that neither the database nor the disk took."""
        self._table = table
        self._journal = AuditJournal(folder)
        self._clock = clock
        self._monotonic = monotonic
        self._lost = lost
        self._unwritten: deque[Note] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._trouble: str | None = None
        self._pause = 0.0
        self._look_at = 0.0
        self._refusals: Counter[str] = Counter()
        self._minute = 0
        self._head = Head()
        self._tell_head_at = 0.0

    async def start(self) -> None:
        """Start the thread; it begins with what dead processes left."""
        self._wake.set()
        self._thread.start()

    async def close(self) -> None:
        """Bring what was noted to the database, for some seconds at most, and end the thread. What is left waits in the file."""
        self._tell_shortened()
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, _CLOSE_S)
        if not self._thread.is_alive():
            self._journal.close()
        self._table.close()

    async def note(self, what: str, **facts: Fact) -> None:
        """See `Audit`. Returns when the line is in the file, or after `WAIT_S`: a caller waits, whatever ails the disk. A `what`
        that is no name raises ValueError, and nothing else is raised.
        """
        if not _WHAT.fullmatch(what):
            raise ValueError(f"{what!r} is no name of a line; write it like ticket.refused")
        if not self._shortened(what):
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(asyncio.to_thread(self._put, what, facts)), WAIT_S)

    @property
    def trouble(self) -> str | None:
        """Why lines are not in the database just now; None while they are."""
        return self._trouble

    @property
    def waiting(self) -> int:
        """Octets that the database has not got yet."""
        return self._journal.octets

    def _put(self, what: str, facts: dict[str, Fact]) -> None:
        note = note_of(what, self._clock(), facts)
        try:
            self._journal.put(note)
        except OSError as error:
            self._keep_in_memory(note, error)
        self._wake.set()

    def _keep_in_memory(self, note: Note, error: OSError) -> None:
        if len(self._unwritten) >= _MOST_IN_MEMORY:
            _log.error("a line of the audit trail is lost", code="audit.lost", what=note.what, id=note.id, why=error.strerror)
            self._lost()
        else:
            self._unwritten.append(note)

    # ------------------------------------------------------------------ refusals by the thousand

    def _shortened(self, what: str) -> bool:
        """Whether this line is only counted."""
        minute = int(self._monotonic() / _A_MINUTE_S)
        if minute != self._minute:
            self._tell_shortened()
            self._minute = minute
        if not what.endswith(".refused"):
            return False
        self._refusals[what] += 1
        return self._refusals[what] > REFUSALS_A_MINUTE

    def _tell_shortened(self) -> None:
        for what, count in self._refusals.items():
            if count > REFUSALS_A_MINUTE:
                self._put("audit.shortened", {"of": what, "count": count - REFUSALS_A_MINUTE})
        self._refusals.clear()

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        more = True
        while more:
            self._wake.wait(self._pause or _LOOK_EVERY_S)
            self._wake.clear()
            more = not self._closing
            if more:
                time.sleep(_GATHER_S)
            try:
                self._work()
            except (SQLAlchemyError, OSError, RecordsError) as error:
                self._away(error)
            except Exception as error:
                _log.exception("writing the audit trail failed and is tried again", code=RecordsError.code)
                self._away(error)
            else:
                self._back()
            if self._pause and more:
                time.sleep(self._pause)  # not for each line that comes meanwhile

    def _work(self) -> None:
        if self._monotonic() >= self._look_at:
            self._take_over()
            self._look_at = self._monotonic() + _LOOK_EVERY_S
        while lines := self._journal.waiting():
            self._table.append(list(notes_in(lines)))
            self._journal.done(lines)
        while self._unwritten:
            self._table.append([self._unwritten[0]])
            self._unwritten.popleft()
        self._tell_head(last=self._closing)

    def _tell_head(self, *, last: bool = False) -> None:
        """The log says now and then how far the trail goes: who can change the database cannot change a log that has left the
        machine. And whether what it said before still holds.
        """
        if self._monotonic() < self._tell_head_at and not last:
            return
        self._tell_head_at = self._monotonic() + _TELL_HEAD_EVERY_S
        if not self._table.holds(self._head):
            _log.critical("audit trail: lines that were written are gone or changed", code="audit.broken", head=str(self._head))
        head = self._table.head()
        if head != self._head:
            _log.info("audit trail", head=str(head))
        self._head = head

    def _take_over(self) -> None:
        """Lines that dead processes left become lines here; the database leaves out those that it has."""
        for path in self._journal.left_behind():
            notes = list(notes_in(path.read_bytes()))
            for first in range(0, len(notes), _AT_ONCE):
                self._table.append(notes[first : first + _AT_ONCE])
            erase(path)

    def _away(self, error: Exception) -> None:
        why = type(getattr(error, "orig", None) or error).__name__
        before, self._trouble = self._trouble, f"the database does not take them ({why})"
        if before is None:
            folder = str(self._journal.folder)
            _log.error("audit trail: database away; lines wait on disk", code=RecordsError.code, why=why, folder=folder)
        self._pause = min(self._pause * 2 or _FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self._table.reconnect()

    def _back(self) -> None:
        before, self._trouble, self._pause = self._trouble, None, 0.0
        if before is not None:
            _log.info("audit trail: database back; lines written")
