"""A PostgreSQL server of one's own, where one is installed; tests use it, too."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy.engine import make_url

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


def processor_s(url: str) -> float:
    """Seconds of the processor that the connections to a server of ours took so far; 0 for SQLite, which works in our process."""
    folder = make_url(url).query.get("host")
    if not isinstance(folder, str):
        return 0.0
    main = (Path(folder) / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0]
    ended = Path(f"/proc/{main}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[13:15]
    took = sum(map(int, ended)) / os.sysconf("SC_CLK_TCK")
    for child in Path(f"/proc/{main}/task/{main}/children").read_text(encoding="utf-8").split():
        with suppress(OSError):  # it ended meanwhile
            if b"postgres: voicebot" in Path(f"/proc/{child}/cmdline").read_bytes():
                took += int(Path(f"/proc/{child}/schedstat").read_text(encoding="utf-8").split()[0]) / 1e9
    return took


def _run(*command: str) -> None:
    as_server = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_server, *command], cwd="/", check=True, stdout=subprocess.DEVNULL)
