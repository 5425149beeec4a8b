"""A real PostgreSQL server, where one is installed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from bench.console.servers import BINARIES, PostgresServer
from voicebot.records import schema
from voicebot.records.engine import open_engine


@pytest.fixture
def killable_postgres() -> Iterator[PostgresServer]:
    """A running server of the test's own."""
    pytest.importorskip("psycopg")
    if not BINARIES:
        pytest.skip("no PostgreSQL is installed (apt-get install postgresql)")
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="vb-pg-")))
    server.start()
    yield server
    with contextlib.suppress(subprocess.CalledProcessError):
        server.kill()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind. A test imports `postgres` beside this one."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'calls.db'}"
    server: str = request.getfixturevalue("postgres")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
            connection.execute(text(statement))
    engine.dispose()
    return server


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Of an empty database of each kind, with its tables."""
    opened = open_engine(database_url)
    schema.upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of its own, empty server, on a Unix socket."""
    pytest.importorskip("psycopg")
    if not BINARIES:
        pytest.skip("no PostgreSQL is installed (apt-get install postgresql)")
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="vb-pg-")))
    server.start()
    yield server.url
    server.kill()
    shutil.rmtree(server.folder, ignore_errors=True)
