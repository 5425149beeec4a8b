"""A real PostgreSQL server, where one is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def _command(*arguments: str) -> list[str]:
    """PostgreSQL does not run as root."""
    return ["runuser", "-u", "postgres", "--", *arguments] if os.geteuid() == 0 else list(arguments)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of its own, empty server, on a Unix socket."""
    pytest.importorskip("psycopg")
    if not _BINARIES:
        pytest.skip("no PostgreSQL is installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="vb-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, pwd.getpwnam("postgres").pw_uid)
    data, programs = folder / "data", _BINARIES[-1]
    quiet = {"cwd": "/", "check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(_command(str(programs / "initdb"), "-A", "trust", "-U", "voicebot", "--no-sync", str(data)), **quiet)  # type: ignore[call-overload]
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    subprocess.run(_command(*control, "-o", options, "start"), **quiet)  # type: ignore[call-overload]
    yield f"postgresql+psycopg://voicebot@/postgres?host={folder}"
    subprocess.run(_command(*control, "-m", "immediate", "stop"), **quiet)  # type: ignore[call-overload]
    shutil.rmtree(folder, ignore_errors=True)
