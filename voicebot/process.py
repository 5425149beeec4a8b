"""What a process of ours asks of the system."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PID_FILE = "voicebot.pid"
_MOST_FILES = 65_536
_GIVE_WAY = 5


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, or 65,536 if that is less. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


@contextmanager
def pid_file(data_dir: Path) -> Iterator[None]:
    """While the context lasts, `voicebot.pid` in `data_dir` holds our process id, for `voicebot reload`."""
    path = data_dir / PID_FILE
    path.write_text(f"{os.getpid()}\n", encoding="ascii")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def give_way() -> None:
    """Let other processes of ours run first when there is not processor enough for all. Linux may weigh a session as a whole,
    beside the processes in it (sched(7), autogroup).
    """
    os.nice(_GIVE_WAY)
    with suppress(OSError):  # no such weighing here
        Path("/proc/self/autogroup").write_text(f"{_GIVE_WAY}\n", encoding="ascii")


def running_pid(data_dir: Path) -> int | None:
    """The process id of the service that uses this folder; None when none runs."""
    try:
        pid = int((data_dir / PID_FILE).read_text(encoding="ascii"))
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid
