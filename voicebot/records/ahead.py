"""Indexes of a step of the tables, made before the step on a database that is in use.

The step itself is one transaction: on a million calls its indexes would keep every writer waiting for a minute. Made ahead they
are one transaction each; PostgreSQL makes them CONCURRENTLY, beside writers. Killed in the middle, the next start goes on with
the index that it was at. Whoever runs the older code meanwhile is not disturbed: an index more changes nothing for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import structlog
from sqlalchemy import Connection, Engine, text

_log = structlog.get_logger(__name__)

_LOCK = 7_604_113_230  # any number that nothing else in the database locks
_WAIT_S = 0.2
_MADE = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
    "postgresql": "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisvalid",
}


def make_ahead(engine: Engine, indexes: Mapping[str, str]) -> None:
    """Make those of these indexes (name: table and columns) that are not there, one after another. Processes that begin at once
    wait for each other. Does nothing in a database of another kind. Raises what SQLAlchemy raises.
    """
    kind = engine.dialect.name
    if kind not in _MADE:
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not _missing(connection, indexes):
            return
        if kind == "sqlite":
            _make(connection, indexes, "CREATE INDEX IF NOT EXISTS")
            return
        # asked again and again: who waits inside a statement is waited for by CONCURRENTLY, and both would wait for ever
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
            time.sleep(_WAIT_S)
        try:
            for name in _missing(connection, indexes):  # not sound: of a process that was killed
                connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))
            _make(connection, indexes, "CREATE INDEX CONCURRENTLY")
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})


def _missing(connection: Connection, indexes: Mapping[str, str]) -> list[str]:
    made = set(connection.scalars(text(_MADE[connection.dialect.name])))
    return [name for name in indexes if name not in made]


def _make(connection: Connection, indexes: Mapping[str, str], how: str) -> None:
    missing = _missing(connection, indexes)
    for name in missing:
        of = len(indexes)
        _log.info("an index is made for the next version of the tables", index=name, done=of - len(missing), of=of)
        connection.execute(text(f"{how} {name} ON {indexes[name]}"))
        missing = missing[1:]
