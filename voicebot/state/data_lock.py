"""Who uses data_dir: any number of services, or one restore."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voicebot.errors import StateError
from voicebot.files import FILE_MODE, private_folder

LOCK = "in-use"
UNFINISHED = "restore-unfinished"
"""A file in data_dir while a restore changes what is there. One that was left behind means that old and new data are mixed."""


class DataInUse(StateError):
    """The data are in use in a way that does not allow this; the message says what to do."""

    code = "state.in_use"


@contextmanager
def data_used(data_dir: Path) -> Iterator[None]:
    """A service uses the data meanwhile, beside others. Raises DataInUse while a restore is under way, or after one that was cut
    short.
    """
    with _locked(data_dir, fcntl.LOCK_SH, f"{data_dir} is being restored from a backup. Start again when that is done."):
        if (data_dir / UNFINISHED).exists():
            raise DataInUse(
                f"{data_dir}: a restore was cut short, old and new data are mixed. Run it again: voicebot restore FILE --force"
            )
        yield


@contextmanager
def data_held(data_dir: Path) -> Iterator[None]:
    """Nobody else uses the data meanwhile. Raises DataInUse while a service runs."""
    advice = f"{data_dir} is in use: the service runs. Stop it first (systemctl stop voicebot)."
    with _locked(data_dir, fcntl.LOCK_EX, advice):
        yield


@contextmanager
def _locked(data_dir: Path, how: int, refusal: str) -> Iterator[None]:
    try:
        lock = os.fdopen(os.open(private_folder(data_dir) / LOCK, os.O_CREAT | os.O_RDWR, FILE_MODE), "r+")
    except OSError as error:
        raise DataInUse(f"{data_dir} cannot be used: {error.strerror}. Set state.data_dir to a writable folder.") from error
    with lock:
        if os.geteuid() == 0:  # the service must be able to open what root made
            owner = data_dir.stat()
            os.fchown(lock.fileno(), owner.st_uid, owner.st_gid)
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataInUse(refusal) from error
        yield
