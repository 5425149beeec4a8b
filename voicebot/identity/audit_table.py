"""The audit trail in SQL: lines are only added, each holds the hash of the one before.

A line's hash is the SHA-256 of the hash before it, its position, id, time, name and facts, joined by line feeds (the facts are
canonical JSON: sorted names, no spaces, ASCII). Whoever changes, removes or reorders a line breaks the chain from there on. Who
may write to the database could make the whole chain anew: keep a head (`voicebot audit verify` prints it) out of their reach,
and compare.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, text

from voicebot.records import schema
from voicebot.records.engine import FileId, file_id, file_of, open_engine
from voicebot.records.models import AuditRow

Fact = str | int | None

_WRITE_LOCK = 7_604_113_229  # PostgreSQL: one writer at a time; any number that nothing else in the database locks
_AT_A_TIME = 1000
_LONGEST_FACT = 200


@dataclass(frozen=True, slots=True)
class Note:
    """What is to become a line."""

    id: str
    """128 random bits in hexadecimal: a note that is written twice becomes one line."""
    at: str
    """RFC 3339, UTC, to the microsecond."""
    what: str
    facts: str
    """Canonical JSON, an object."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the trail."""

    position: int
    """Counts from 1, without gaps."""
    note: Note
    previous: str
    """The hash of the line before; "" for the first."""
    hash: str

    @property
    def true_hash(self) -> str:
        """What the hash must be."""
        told = (self.previous, str(self.position), self.note.id, self.note.at, self.note.what, self.note.facts)
        return hashlib.sha256("\n".join(told).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """How far the trail goes."""

    position: int = 0
    hash: str = ""

    def __str__(self) -> str:
        """As `voicebot audit verify --head` takes it."""
        return f"{self.position}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the chain does not hold, and how."""

    position: int
    why: str


def canonical(facts: dict[str, Fact]) -> str:
    """Facts as they are hashed; those that are None are left out."""
    told = {name: value for name, value in facts.items() if value is not None}
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def moment(now: datetime) -> str:
    """A time as it is hashed."""
    return now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def note_of(what: str, at: datetime, facts: Mapping[str, Fact], id: str = "") -> Note:
    """A note with a new id, unless one is given. Long facts are cut."""
    told = {name: value[:_LONGEST_FACT] if isinstance(value, str) else value for name, value in facts.items()}
    return Note(id or secrets.token_hex(16), moment(at), what, canonical(told))


def one_writer(connection: Connection) -> None:
    """Begin a transaction that writes into the trail; others wait until it ends. What is to be in the trail if it was done, and
    only then, is done within it.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITE_LOCK})


def add(connection: Connection, notes: Sequence[Note]) -> None:
    """Add notes in their order, in a transaction that `one_writer` began; those that are there already are left out."""
    there = set(connection.scalars(select(AuditRow.id).where(AuditRow.id.in_([note.id for note in notes]))))
    head = _head(connection)
    rows = []
    for note in notes:
        if note.id not in there:
            line = _next(head, note)
            rows.append(_values(line))
            there.add(note.id)
            head = Head(line.position, line.hash)
    if rows:
        connection.execute(insert(AuditRow), rows)


class AuditTable:
    """Blocks, so it belongs in a thread. Methods raise what SQLAlchemy raises; RecordsError for tables newer than this code."""

    def __init__(self, url: str) -> None:
        """`url` as SQLAlchemy writes it; the same database as the call records'. Raises RecordsError."""
        self._engine = open_engine(url)
        self._file = file_of(self._engine.url)
        self._preparing = threading.Lock()
        self._prepared: tuple[FileId | None] | None = None

    def append(self, notes: Sequence[Note]) -> None:
        """Add notes in their order, all or none; those that are there already are left out. Other processes wait meanwhile."""
        self._prepare()
        with self._engine.connect() as connection, connection.begin():
            one_writer(connection)
            add(connection, notes)

    def head(self) -> Head:
        """The last line."""
        self._prepare()
        with self._engine.connect() as connection:
            return _head(connection)

    def holds(self, head: Head) -> bool:
        """Whether the line that was once the last is there, as it was."""
        if head == Head():
            return True
        self._prepare()
        with self._engine.connect() as connection:
            return connection.scalar(select(AuditRow.hash).where(AuditRow.position == head.position)) == head.hash

    def lines(self, *, after: int = 0) -> Iterator[Line]:
        """All lines behind a position, in order, in bounded memory."""
        self._prepare()
        while page := self._page(after):
            yield from page
            after = page[-1].position

    def latest(self, most: int, *, what: str = "", fact: tuple[str, str] | None = None) -> list[Line]:
        """The latest lines whose name begins with `what` and that have this fact; oldest first."""
        self._prepare()
        chosen = select(AuditRow).order_by(AuditRow.position.desc())
        if what:
            chosen = chosen.where(AuditRow.what.startswith(what, autoescape=True))
        if fact is not None:
            as_written = canonical({fact[0]: fact[1]})[1:-1]
            chosen = chosen.where(AuditRow.facts.contains(as_written, autoescape=True))
        with self._engine.connect() as connection:
            found = [_line(row) for row in connection.execute(chosen.limit(most))]
        return found[::-1]

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def reconnect(self) -> None:
        """Let go of all connections, and look at the tables anew."""
        self._prepared = None
        self._engine.dispose()

    def _page(self, after: int) -> list[Line]:
        chosen = select(AuditRow).where(AuditRow.position > after).order_by(AuditRow.position).limit(_AT_A_TIME)
        with self._engine.connect() as connection:
            return [_line(row) for row in connection.execute(chosen)]

    def _prepare(self) -> None:
        with self._preparing:
            if self._prepared != (file_id(self._file),):
                schema.upgrade(self._engine)
                self._prepared = (file_id(self._file),)


def check(lines: Iterator[Line], known: Head | None = None) -> Head | Broken:
    """Where the chain ends, or where it first breaks. `known` is a head that was kept elsewhere: it must be in the chain."""
    head = Head()
    for line in lines:
        if line.position != head.position + 1:
            return Broken(head.position + 1, f"the line is missing; the next one is {line.position}")
        if line.previous != head.hash:
            return Broken(line.position, "the line does not follow the one before it")
        if line.hash != line.true_hash:
            return Broken(line.position, "the line was changed")
        head = Head(line.position, line.hash)
        if known is not None and known.position == head.position and known.hash != head.hash:
            return Broken(head.position, "the line is another one than was kept elsewhere: the chain was made anew")
    if known is not None and known.position > head.position:
        return Broken(head.position + 1, f"lines are missing: there were {known.position}")
    return head


def _head(connection: Connection) -> Head:
    row = connection.execute(select(AuditRow.position, AuditRow.hash).order_by(AuditRow.position.desc()).limit(1)).first()
    return Head(row.position, row.hash) if row is not None else Head()


def _next(head: Head, note: Note) -> Line:
    open_line = Line(head.position + 1, note, head.hash, "")
    return Line(open_line.position, note, head.hash, open_line.true_hash)


def _values(line: Line) -> dict[str, Any]:
    return {"position": line.position, "previous": line.previous, "hash": line.hash, **asdict(line.note)}


def _line(row: Any) -> Line:
    return Line(row.position, Note(row.id, row.at, row.what, row.facts), row.previous, row.hash)
