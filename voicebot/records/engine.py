"""The connection to the database: SQLite set up so that what is deleted is gone, and opened anew when its file is another one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError

from voicebot.errors import RecordsError
from voicebot.files import FILE_MODE, private_folder

_CONNECT_S = 5
_FILE = "file"
# auto_vacuum first: it counts only while the file is empty; secure_delete overwrites what is deleted with zeros
_PRAGMAS = ("auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON")

_NO_URL = "database_url is no URL; write it like sqlite:///calls.db or postgresql+psycopg://…"

FileId = tuple[int, int]
"""Device and inode."""


def open_engine(url: str) -> Engine:
    """`url` as SQLAlchemy writes it. Raises RecordsError."""
    try:
        return _engine(make_url(url))
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise RecordsError(
            f"database_url needs a driver that is not installed ({error}); for PostgreSQL: pip install 'psycopg[binary]'"
        ) from error
    except (ArgumentError, ValueError):  # their messages quote a part of the URL, which may be the password
        raise RecordsError(_NO_URL) from None


def sqlite_file(url: str) -> Path | None:
    """The file of the database at this URL, written as for `open_engine`; None for one in memory or on a server. Raises
    RecordsError.
    """
    try:
        return file_of(make_url(url))
    except (ArgumentError, ValueError):
        raise RecordsError(_NO_URL) from None


def file_of(url: URL) -> Path | None:
    """The file of an SQLite database; None for one in memory or on a server."""
    named = url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:"
    return Path(str(url.database)) if named and not str(url.database).startswith("file:") else None


def file_id(path: Path | None) -> FileId | None:
    """Which file this is, whatever its name; None when there is none."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _engine(url: URL) -> Engine:
    # an error that quotes a statement must not quote its values
    if url.get_backend_name() != "sqlite":
        arguments: dict[str, Any] = {"connect_timeout": _CONNECT_S} if url.get_backend_name() == "postgresql" else {}
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=2, connect_args=arguments)
        if url.get_backend_name() == "postgresql":
            event.listen(engine, "connect", _for_small_questions)
        return engine
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _CONNECT_S})
    path = file_of(url)

    @event.listens_for(engine, "do_connect")
    def _create(*_: Any) -> None:
        if path is not None:
            with suppress(OSError):  # then the database is away, and connecting says so
                private_folder(path.parent)
                # only where there is none: to close a file that is open here would take this process's locks on it away
                # (sqlite.org/howtocorrupt.html, 2.2), and another process that ends would delete its log
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, record: Any) -> None:
        record.info[_FILE] = file_id(path)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "checkout")
    def _same_file(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info[_FILE] != file_id(path):
            raise DisconnectionError("the database's file was moved or replaced")  # the pool opens it anew

    return engine


def _for_small_questions(connection: Any, _record: Any) -> None:
    """To compile a statement, or to start processes for it, takes PostgreSQL longer than what we ask: some hundred or thousand
    rows by their indexes.
    """
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
    connection.autocommit = False
