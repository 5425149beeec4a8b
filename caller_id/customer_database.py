"""The customers in one SQLite file: how it is filled, read and compared. Once filled it is only read, or replaced."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from caller_id.customer_rows import CustomerRow
from caller_id.directory import Customer, DirectoryError
from caller_id.types import Segment

MOST_OF_A_NUMBER = 50
"""A number with more customers than this is no customer's: a placeholder of the export."""

# one number may have several customers, also two without a reference that differ in their values only: so all is part of the key
_SCHEMA = """
CREATE TABLE customers (
    number TEXT NOT NULL,
    customer_ref TEXT NOT NULL,
    segment TEXT NOT NULL,
    language TEXT NOT NULL,
    tenure_years REAL NOT NULL,
    line INTEGER NOT NULL,
    PRIMARY KEY (number, customer_ref, segment, language, tenure_years)
) WITHOUT ROWID;
CREATE TABLE made (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_INSERT = (
    "INSERT OR IGNORE INTO customers (number, customer_ref, segment, language, tenure_years, line) VALUES (?, ?, ?, ?, ?, ?)"
)
_SELECT = "SELECT segment, language, tenure_years, customer_ref FROM customers WHERE number = ?"
_DELETE_CROWDED = "DELETE FROM customers WHERE number IN (SELECT number FROM customers GROUP BY number HAVING count(*) > ?)"
_NUMBERS = "SELECT count(*) FROM (SELECT 1 FROM {0}.customers GROUP BY number)"
_SHARED = "SELECT count(*) FROM (SELECT 1 FROM customers GROUP BY number HAVING count(*) > 1)"
_LINES_SHARED = """
SELECT line, first FROM customers JOIN
    (SELECT number AS shared, min(line) AS first FROM customers GROUP BY number HAVING count(*) > 1) ON number = shared
WHERE line > first ORDER BY line LIMIT ?
"""
_ONLY_IN = """
SELECT count(*) FROM (SELECT DISTINCT number FROM {0}.customers) AS one
WHERE NOT EXISTS (SELECT 1 FROM {1}.customers AS other WHERE other.number = one.number)
"""
# what is unknown is NULL in a file of an older voicebot
_OTHERWISE_IN = """
SELECT number FROM {0}.customers AS one
WHERE EXISTS (SELECT 1 FROM {1}.customers AS other WHERE other.number = one.number)
AND NOT EXISTS (
    SELECT 1 FROM {1}.customers AS other WHERE other.number = one.number AND other.customer_ref = one.customer_ref
    AND other.segment = one.segment AND ifnull(other.language, '') = ifnull(one.language, '')
    AND ifnull(other.tenure_years, -1) = ifnull(one.tenure_years, -1)
)
"""
_UNKNOWN_TENURE = -1.0
_BATCH = 20_000
_CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class DirectoryStatus:
    """What a customer directory holds."""

    numbers: int
    customers: int
    segments: Mapping[str, int]
    """Customers of each segment."""
    shared: int
    """Numbers with several customers: only what all of them have in common is used."""
    imported_at: datetime | None = None
    """UTC; None where an older voicebot made the file."""
    source: str = ""
    """The name of the imported file."""
    sha256: str = ""
    """Of the imported file."""
    taken_back_sha256: str = ""
    """Of the file whose import was taken back for this one."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What an import changes, in telephone numbers."""

    added: int
    changed: int
    removed: int


def open_database(path: Path) -> sqlite3.Connection:
    """For reading, by any thread. Raises DirectoryError."""
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, check_same_thread=False, timeout=0.05, isolation_level=None)
        try:
            connection.execute(_SELECT, ("",)).fetchall()
        except sqlite3.Error:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise unreadable(path, error) from error
    return connection


def unreadable(path: Path, error: Exception) -> DirectoryError:
    """The error of a file that cannot be read as a directory."""
    return DirectoryError(
        f"{path}: cannot be read as a customer directory: {error}. "
        "Import the customers' file again (--force, since nothing can be compared), or go back: voicebot customers rollback."
    )


def customers_of(connection: sqlite3.Connection, number: str) -> tuple[Customer, ...]:
    """Every customer of an E.164 number. Raises sqlite3.Error, and ValueError for a segment that does not exist."""
    return tuple(
        Customer(Segment(segment), language or None, None if tenure is None or tenure < 0 else tenure, ref or None)
        for segment, language, tenure, ref in connection.execute(_SELECT, (number,))
    )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far an import has come: all rows up to `line` are in the file."""

    line: int = 0
    """Of the bank's file; 0 before the first."""
    taken: int = 0
    """Good rows."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """How many rows were refused for what."""


def checkpoint_of(path: Path, made: Mapping[str, str]) -> Checkpoint | None:
    """Where an import of the same file was interrupted; None when it cannot be taken up. `made` tells which file that is."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as connection:
            kept = dict(connection.execute("SELECT name, value FROM made"))
            if any(kept.get(name) != value for name, value in made.items()) or _CHECKPOINT not in kept:
                return None
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return None
            return Checkpoint(**json.loads(kept[_CHECKPOINT]))
    except (sqlite3.Error, ValueError, TypeError):
        return None


def begin(path: Path, made: Mapping[str, str]) -> None:
    """Make a new file, without rows. Raises sqlite3.Error, and OSError when it is there already."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")  # a process that is killed leaves whole checkpoints
        connection.executescript(_SCHEMA)
        connection.executemany("INSERT INTO made VALUES (?, ?)", made.items())


def fill(path: Path, rows: Iterable[CustomerRow], reached: Callable[[], Checkpoint]) -> None:
    """Put the rows into the file. `reached` is asked for the checkpoint after every so many, which are kept with it in one step.

    Raises sqlite3.Error, and what `rows` raises.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;")
        rows = iter(rows)
        while batch := [_values(row) for row in islice(rows, _BATCH)]:
            connection.execute("BEGIN")
            connection.executemany(_INSERT, batch)
            connection.execute("INSERT OR REPLACE INTO made VALUES (?, ?)", (_CHECKPOINT, json.dumps(asdict(reached()))))
            connection.execute("COMMIT")


def complete(path: Path, taken: int) -> tuple[int, int]:
    """End the filling of a file with so many good rows. Returns how many repeated another one, and how many were of crowded
    numbers; both are left out. Raises sqlite3.Error.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        crowded = connection.execute(_DELETE_CROWDED, (MOST_OF_A_NUMBER,)).rowcount
        kept = int(connection.execute("SELECT count(*) FROM customers").fetchone()[0])
        connection.execute("DELETE FROM made WHERE name = ?", (_CHECKPOINT,))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        connection.execute("INSERT OR REPLACE INTO made VALUES ('imported_at', ?)", (now,))
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=DELETE")
    return taken - kept - crowded, crowded


def discard(path: Path) -> None:
    """Remove a file that is being made, and its log."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _values(row: CustomerRow) -> tuple[str | float, ...]:
    tenure = _UNKNOWN_TENURE if row.tenure_years is None else row.tenure_years
    return (row.number, row.customer_ref, row.segment.value, row.language or "", tenure, row.line)


def leave_wal(path: Path) -> None:
    """End the write-ahead log that an older voicebot kept beside a file: it would be read into the file that takes its place.

    Raises sqlite3.OperationalError when somebody still reads by it.
    """
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
                connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return  # no database at all: it has no log either


def note(path: Path, name: str, value: str) -> None:
    """Write down something of how the file was made. Raises sqlite3.Error."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS made (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        connection.execute("INSERT OR REPLACE INTO made VALUES (?, ?)", (name, value))


def shared_lines(path: Path, most: int) -> list[tuple[int, int]]:
    """Lines whose number stands on an earlier line too, and that line. Raises DirectoryError."""
    with closing(open_database(path)) as connection:
        return [(int(line), int(first)) for line, first in connection.execute(_LINES_SHARED, (most,))]


def compare(old: Path, new: Path) -> Changes:
    """What changes from one file to the other. Raises DirectoryError."""
    with closing(open_database(old)) as connection:
        try:
            connection.execute("PRAGMA temp_store=FILE")
            connection.execute("ATTACH ? AS new", (f"{new.absolute().as_uri()}?mode=ro",))
            added, removed = (_count(connection, _ONLY_IN.format(*pair)) for pair in (("new", "main"), ("main", "new")))
            either = " UNION ".join(_OTHERWISE_IN.format(*pair) for pair in (("new", "main"), ("main", "new")))
            return Changes(added, _count(connection, f"SELECT count(*) FROM ({either})"), removed)  # noqa: S608
        except sqlite3.Error as error:
            raise unreadable(old, error) from error


def status_of(path: Path) -> DirectoryStatus | None:
    """None when there is no file. Raises DirectoryError."""
    if not path.exists():
        return None
    with closing(open_database(path)) as connection:
        try:
            segments = dict(connection.execute("SELECT segment, count(*) FROM customers GROUP BY segment"))
            known = "SELECT 1 FROM sqlite_master WHERE name = 'made'"
            made = dict(connection.execute("SELECT name, value FROM made")) if connection.execute(known).fetchone() else {}
            return DirectoryStatus(
                numbers=_count(connection, _NUMBERS.format("main")),
                customers=sum(segments.values()),
                segments={segment.value: segments.get(segment.value, 0) for segment in Segment},
                shared=_count(connection, _SHARED),
                imported_at=datetime.fromisoformat(made["imported_at"]) if "imported_at" in made else None,
                source=made.get("source", ""),
                sha256=made.get("sha256", ""),
                taken_back_sha256=made.get("taken_back_sha256", ""),
            )
        except (sqlite3.Error, ValueError) as error:
            raise unreadable(path, error) from error


def _count(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
