"""A PostgreSQL server of one's own, where one is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
# as a server of a bank has it, but that a power cut may cost what was written last
_SETTINGS = "-c listen_addresses= -c fsync=off -c shared_buffers=512MB -c work_mem=16MB -c max_wal_size=2GB"


@contextmanager
def postgresql(folder: Path) -> Iterator[str | None]:
    """The URL of a server whose data are kept in this folder, while the context lasts; None where none is installed."""
    if not _BINARIES:
        yield None
        return
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:  # it does not run as root
        shutil.chown(folder, pwd.getpwnam("postgres").pw_uid)
    data, control = folder / "data", str(_BINARIES[-1] / "pg_ctl")
    if not data.exists():
        _run(str(_BINARIES[-1] / "initdb"), "-A", "trust", "-U", "voicebot", "-E", "UTF8", "--no-sync", str(data))
    _run(control, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", f"-k {folder} {_SETTINGS}", "start")
    try:
        yield f"postgresql+psycopg://voicebot@/postgres?host={folder}"
    finally:
        _run(control, "-D", str(data), "-w", "-m", "fast", "stop")


def _run(*command: str) -> None:
    as_server = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_server, *command], cwd="/", check=True, stdout=subprocess.DEVNULL)
