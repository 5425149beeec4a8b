"""Replacing the customer directory by a file of the bank's: first made beside it and compared, then exchanged in one step.

A running service uses the new one from its next call on (`SqliteDirectory`). Whatever stops an import, the old directory stays as
it was; the one before the last import is kept, to go back to.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from caller_id.customer_database import (
    Changes,
    Checkpoint,
    DirectoryStatus,
    begin,
    checkpoint_of,
    compare,
    complete,
    discard,
    fill,
    leave_wal,
    note,
    shared_lines,
    status_of,
    unreadable,
)
from caller_id.customer_rows import CustomerRow, RowProblem, read_customers
from caller_id.directory import DirectoryError

GREAT_LOSS = 0.1
"""The share of the numbers that an import may take away, and of the rows it may refuse, without being forced."""
_FEW = 10
"""So many numbers or rows are never a great loss: to try things out with a handful of customers."""
_SHOWN = 20

Progress = Callable[[str, float], None]
"""Gets what is being done, and the share of it that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How an import went, or would go."""

    source: Path
    done: bool
    """False for a dry run, and for an import with an objection that was not forced."""
    objections: tuple[str, ...]
    """Why it is not carried out unless forced."""
    now: DirectoryStatus
    """What the file makes."""
    before: DirectoryStatus | None
    """What is there already; None when there is nothing, or nothing that can be read."""
    changes: Changes
    rows: int
    """Rows with a customer."""
    refused: int
    """Rows that cannot be used."""
    reasons: Mapping[str, int]
    """How many rows were refused for what."""
    repeated: int
    """Rows that say the same as another one."""
    crowded: int
    """Rows whose number has so many customers that it is nobody's: left out."""
    shared_lines: tuple[tuple[int, int], ...]
    """The first lines whose number stands on an earlier line too, and that line."""
    resumed_after: int
    """The line up to which an import that was interrupted had come; 0 when there was none."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read from the bank's file."""

    reasons: Counter[str]
    repeated: int
    crowded: int
    now: DirectoryStatus
    resumed_after: int


def import_customers(
    source: Path,
    database: Path,
    *,
    most_lost: int,
    dry_run: bool = False,
    force: bool = False,
    on_problem: Callable[[RowProblem], None] = lambda problem: None,
    progress: Progress = lambda doing, share: None,
) -> ImportReport:
    """Replace the directory in `database` by the customers in `source` (`read_customers`).

    Not carried out, unless forced, when more than `most_lost` numbers or a great share of them would be gone, or when a great
    share of the rows is refused. Raises DirectoryError when a file cannot be read or written, or when no row is good.
    """
    with _workplace(database, dry_run) as place:
        new = place / f"{database.name}.new"
        try:
            read = _read(source, new, on_problem, progress)
            progress("comparing", 0.0)
            report = _compared(source, database, new, read, most_lost)
            progress("comparing", 1.0)
            if not dry_run and (force or not report.objections):
                _exchange(database, new)
                report = replace(report, done=True)
        except sqlite3.Error as error:
            discard(new)
            raise DirectoryError(f"{new}: cannot be written: {error}. The old customers are still in place.") from error
        except Exception:
            discard(new)
            raise
        # not when it is interrupted: the next import of the same file goes on there
        discard(new)
        return report


def roll_back(database: Path) -> DirectoryStatus:
    """Exchange the directory and the one before the last import; doing it twice changes nothing. Raises DirectoryError."""
    with _workplace(database, dry_run=False):
        before, now = status_of(previous(database)), _status_if_any(database)
        if before is None:
            raise DirectoryError(f"{database}: there is no earlier directory to go back to: nothing was imported over one.")
        aside = database.with_name(f"{database.name}.aside")
        try:
            leave_wal(database)
            leave_wal(previous(database))
            note(previous(database), "taken_back_sha256", now.sha256 if now else "")
            if database.exists():
                _linked(database, aside)
            os.replace(previous(database), database)
            if aside.exists():
                os.replace(aside, previous(database))
        except sqlite3.Error as error:
            raise unreadable(previous(database), error) from error
        return before


def _status_if_any(database: Path) -> DirectoryStatus | None:
    """None for one that cannot be read, too."""
    try:
        return status_of(database)
    except DirectoryError:
        return None


def previous(database: Path) -> Path:
    """Where the directory before the last import is kept."""
    return database.with_name(f"{database.name}.previous")


def sha256_of(source: Path) -> str:
    """Of a file to import. Raises DirectoryError."""
    try:
        if not source.is_file():
            source.stat()  # says better why
            raise DirectoryError(f"{source}: is no file. Give the path of the customers' CSV or XLSX.")
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DirectoryError(
            f"{source}: cannot be read: {error.strerror}. Give the path of the customers' CSV or XLSX."
        ) from error


def _read(source: Path, new: Path, on_problem: Callable[[RowProblem], None], progress: Progress) -> _Read:
    """Make the new file, or go on where an import of the same file was interrupted. Raises DirectoryError when no row is good."""
    made = {"source": source.name, "sha256": sha256_of(source)}
    before = checkpoint_of(new, made)
    if before is None:
        discard(new)
        begin(new, made)
        before = Checkpoint()
    line, taken, reasons = before.line, before.taken, Counter(before.reasons)

    def good(rows: Iterable[CustomerRow | RowProblem]) -> Iterator[CustomerRow]:
        nonlocal line, taken
        for row in rows:
            line = row.line
            if isinstance(row, CustomerRow):
                taken += 1
                yield row
            else:
                reasons[row.reason] += 1
                on_problem(row)

    progress("reading", 0.0)
    with closing(read_customers(source, lambda share: progress("reading", share), after=before.line)) as rows:
        fill(new, good(rows), lambda: Checkpoint(line, taken, dict(reasons)))
    repeated, crowded = complete(new, taken)
    now = status_of(new)
    if now is None or not now.customers:
        why = ", ".join(f"{reason} ({times:,} rows)" for reason, times in reasons.most_common(3)) or "there are none"
        raise DirectoryError(f"{source}: no row is good, so nothing is imported: {why}. The old customers are still in place.")
    return _Read(reasons, repeated, crowded, now, before.line)


def _compared(source: Path, database: Path, new: Path, read: _Read, most_lost: int) -> ImportReport:
    before, changes, objections = None, Changes(read.now.numbers, 0, 0), []
    try:
        before = status_of(database)
        if before is not None:
            changes = compare(database, new)
    except DirectoryError:
        objections.append(f"{database} cannot be read as a customer directory, so nothing can be compared")
    if before is not None and _great(changes.removed, before.numbers, most_lost):
        objections.append(
            f"{changes.removed:,} of {before.numbers:,} numbers would be gone ({_share(changes.removed, before.numbers)})"
        )
    rows, refused = read.now.customers + read.repeated + read.crowded, read.reasons.total()
    if _great(refused, rows + refused):
        objections.append(f"{refused:,} of {rows + refused:,} rows cannot be used ({_share(refused, rows + refused)})")
    return ImportReport(
        source=source,
        done=False,
        objections=tuple(objections),
        now=read.now,
        before=before,
        changes=changes,
        rows=rows,
        refused=refused,
        reasons=dict(read.reasons.most_common()),
        repeated=read.repeated,
        crowded=read.crowded,
        shared_lines=tuple(shared_lines(new, _SHOWN)),
        resumed_after=read.resumed_after,
    )


def _great(lost: int, of: int, most: int | None = None) -> bool:
    return lost > _FEW and (lost > GREAT_LOSS * of or (most is not None and lost > most))


def _share(part: int, of: int) -> str:
    return f"{100 * part / of:.1f} %"


@contextmanager
def _workplace(database: Path, dry_run: bool) -> Iterator[Path]:
    """Where the new file is made: beside the old one, one import at a time; for a dry run, anywhere. Raises DirectoryError."""
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="voicebot-") as made:
            yield Path(made)
        return
    folder = database.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock(database).open("w") as lock:
            _lock(database).chmod(0o600)
            _given_to_owner(_lock(database), database)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder
    except BlockingIOError as error:
        raise DirectoryError(f"{database}: another import is under way. Wait until it has ended.") from error
    except OSError as error:
        why = f"{error.filename or database}: cannot be written: {error.strerror}"
        raise DirectoryError(f"{why}. The old customers are still in place.") from error


def _lock(database: Path) -> Path:
    return database.with_name(f"{database.name}.lock")


def _exchange(database: Path, new: Path) -> None:
    """Put the new file in place, the old one aside. Readers see the one or the other, never none."""
    _given_to_owner(new, database)
    _to_disk(new)
    if database.exists():
        leave_wal(database)
        aside = database.with_name(f"{database.name}.aside")
        _linked(database, aside)
        os.replace(aside, previous(database))
    os.replace(new, database)
    _to_disk(database.parent)


def _linked(path: Path, also: Path) -> None:
    """Give a file a second name; a copy where the disk knows no such links."""
    also.unlink(missing_ok=True)
    path.chmod(0o600)
    try:
        os.link(path, also)
    except OSError:
        shutil.copy2(path, also)


def _given_to_owner(path: Path, database: Path) -> None:
    """An import by root must leave files that the service can read."""
    if os.geteuid() == 0:
        owner = (database if database.exists() else database.parent).stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
