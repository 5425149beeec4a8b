"""A real PostgreSQL server, where one is installed."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from voicebot.records import schema
from voicebot.records.engine import open_engine

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def _command(*arguments: str) -> list[str]:
    """PostgreSQL does not run as root."""
    return ["runuser", "-u", "postgres", "--", *arguments] if os.geteuid() == 0 else list(arguments)


class PostgresServer:
    """A PostgreSQL server of its own on a Unix socket, which a test can kill and start again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vb-pg-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, pwd.getpwnam("postgres").pw_uid)
        data, programs = self.folder / "data", _BINARIES[-1]
        _run(str(programs / "initdb"), "-A", "trust", "-U", "voicebot", "--no-sync", str(data))
        self._control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(self.folder / "log")]

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://voicebot@/postgres?host={self.folder}"

    def start(self) -> None:
        _run(*self._control, "-o", f"-k {self.folder} -c listen_addresses= -c fsync=off", "start")

    def kill(self) -> None:
        """Without a word to anybody who is connected."""
        _run(*self._control, "-m", "immediate", "stop")

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _run(*arguments: str) -> None:
    subprocess.run(_command(*arguments), cwd="/", check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def killable_postgres() -> Iterator[PostgresServer]:
    """A running server of the test's own."""
    pytest.importorskip("psycopg")
    if not _BINARIES:
        pytest.skip("no PostgreSQL is installed (apt-get install postgresql)")
    server = PostgresServer()
    server.start()
    yield server
    with contextlib.suppress(subprocess.CalledProcessError):
        server.kill()
    server.remove()


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
    if not _BINARIES:
        pytest.skip("no PostgreSQL is installed (apt-get install postgresql)")
    server = PostgresServer()
    server.start()
    yield server.url
    server.kill()
    server.remove()
