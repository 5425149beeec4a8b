"""A PostgreSQL server of one's own, where one is installed; tests use it, too."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
# as a server of a bank has it, but that a power cut may cost what was written last
_SETTINGS = "-c shared_buffers=512MB -c work_mem=16MB -c max_wal_size=2GB"


class PostgresServer:
    """On a Unix socket in a folder, where its data are kept; it can be stopped, or killed, and started again."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        """`settings` as options of `postgres`. Raises subprocess.CalledProcessError, as all methods do."""
        self.folder = folder.absolute()
        self._settings = settings
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:  # it does not run as root
            shutil.chown(self.folder, pwd.getpwnam("postgres").pw_uid)
        data = self.folder / "data"
        if not data.exists():
            _run(str(BINARIES[-1] / "initdb"), "-A", "trust", "-U", "voicebot", "-E", "UTF8", "--no-sync", str(data))
        self._control = [str(BINARIES[-1] / "pg_ctl"), "-D", str(data), "-w", "-l", str(self.folder / "log")]

    @property
    def url(self) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://voicebot@/postgres?host={self.folder}"

    def start(self) -> None:
        """Returns when it takes connections."""
        _run(*self._control, "-o", f"-k {self.folder} -c listen_addresses= -c fsync=off {self._settings}", "start")

    def stop(self) -> None:
        """Whoever is connected is told."""
        _run(*self._control, "-m", "fast", "stop")

    def kill(self) -> None:
        """Without a word to anybody who is connected."""
        _run(*self._control, "-m", "immediate", "stop")


@contextmanager
def postgresql(folder: Path) -> Iterator[str | None]:
    """The URL of a server whose data are kept in this folder, while the context lasts; None where none is installed."""
    if not BINARIES:
        yield None
        return
    server = PostgresServer(folder, _SETTINGS)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def _run(*command: str) -> None:
    as_server = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_server, *command], cwd="/", check=True, stdout=subprocess.DEVNULL)
