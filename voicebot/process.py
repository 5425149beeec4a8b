"""What a process of ours asks of the system."""

from __future__ import annotations

import fcntl
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from voicebot.errors import ConfigError
from voicebot.files import FILE_MODE

_log = structlog.get_logger(__name__)

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
    """While the context lasts, `voicebot.pid` in `data_dir` holds our process id, for `voicebot reload`, and is locked: what a
    dead process left there is nobody's. Where it cannot be written, or is another service's, the calls go on without it.
    """
    path = data_dir / PID_FILE
    try:
        file = os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, FILE_MODE), "r+b", buffering=0)
    except OSError as error:
        _unfound(f"{path}: {error.strerror}")
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(0)
            file.write(f"{os.getpid()}\n".encode())
        except BlockingIOError:
            _unfound(f"{path} is another service's; it is the one that is reloaded")
            yield
            return
        except OSError as error:
            _unfound(f"{path}: {error.strerror}")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _unfound(why: str) -> None:
    _log.warning("voicebot reload cannot find this service; SIGHUP does the same", code=ConfigError.code, why=why)


def give_way() -> None:
    """Let other processes of ours run first when there is not processor enough for all. Linux may weigh a session as a whole,
    beside the processes in it (sched(7), autogroup).
    """
    os.nice(_GIVE_WAY)
    with suppress(OSError):  # no such weighing here
        Path("/proc/self/autogroup").write_text(f"{_GIVE_WAY}\n", encoding="ascii")


def running_pid(data_dir: Path) -> int | None:
    """The process id of the service that uses this folder; None when none runs. Raises OSError when the file cannot be read."""
    try:
        handle = os.open(data_dir / PID_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(handle, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = file.read(32).strip()
            return int(text) if text.isdigit() and int(text) > 1 else None
    return None
