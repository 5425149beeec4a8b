"""Records that were put aside, tried once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import DatabaseError, DBAPIError, SQLAlchemyError

from voicebot.errors import RecordsError
from voicebot.records.database import Database
from voicebot.records.spool import Spool


@dataclass(slots=True)
class Outcome:
    """What became of them."""

    written: int = 0
    still: dict[Path, str] = field(default_factory=dict)
    """Those that stay where they are, with the reason."""


def try_again(database: Database, spool: Spool, progress: Callable[[int, int], None] = lambda done, of: None) -> Outcome:
    """Write what lies aside into the database. What is not written stays where it is; a running service may go on meanwhile.

    Raises RecordsError when the database takes nothing at all, OSError when the folder cannot be read.
    """
    outcome = Outcome()
    paths = spool.rejected()
    for done, path in enumerate(paths):
        progress(done, len(paths))
        with spool.claimed(path) as ours:
            why = _written(database, spool, path) if ours else None
            if why is not None:
                outcome.still[path] = why
            elif ours:
                outcome.written += 1
                spool.done(path)
    progress(len(paths), len(paths))
    return outcome


def _written(database: Database, spool: Spool, path: Path) -> str | None:
    """None when it is written, else why not."""
    try:
        record = spool.read(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "is no record: look at it, and delete it"
    try:
        database.write(record)
    except (SQLAlchemyError, OSError, RecordsError) as error:
        _still_there(database)
        return _reason(error)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        return f"the database cannot hold it: {type(error).__name__}"
    return None


def _still_there(database: Database) -> None:
    try:
        database.probe()
    except (SQLAlchemyError, OSError, RecordsError) as error:
        raise RecordsError(f"the database takes no records: {database.advice(error)}") from error


def _reason(error: Exception) -> str:
    """Without what a server says after the first line: that quotes values. Neither is what it says of a value's form quoted."""
    if isinstance(error, DBAPIError) and error.orig is not None and isinstance(error, DatabaseError):
        return f"the database refuses it: {type(error.orig).__name__}"
    return f"the database refuses it: {type(error).__name__}"
