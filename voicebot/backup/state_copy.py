"""A consistent copy of what the embedded state server keeps."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from voicebot.backup.errors import BackupError
from voicebot.state.embedded import running_server
from voicebot.state.reach import write_anew

_FOLDER = "appendonlydir"  # as Valkey calls it: the manifest, a base and what was written since
_MANIFEST = "*.manifest"
_TRIES = 5
_GROWTH = "auto-aof-rewrite-percentage"


def copy_state(data_dir: Path, target: Path) -> bool:
    """Copy the append-only file of the state server of `data_dir` into the folder `target`; False when there is none.

    While the server runs it writes the file anew first, which makes it small, and leaves it in one piece until it is copied.
    Raises BackupError.
    """
    folder = data_dir / "state"
    if not (folder / _FOLDER).is_dir():
        return False
    url = running_server(folder)
    with _not_started(folder) if url is None else _kept_in_one_piece(Redis.from_url(url, socket_timeout=10)):
        _copy(folder / _FOLDER, target / _FOLDER)
    return True


@contextmanager
def _not_started(folder: Path) -> Iterator[None]:
    """No server starts here meanwhile."""
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError("the service was started this very moment. Run the backup again.") from error
        yield


@contextmanager
def _kept_in_one_piece(server: Redis) -> Iterator[None]:
    """The server begins no new file meanwhile (Valkey, Persistence: Backing up AOF persistence)."""
    try:
        growth = cast("dict[str, str]", server.config_get(_GROWTH))[_GROWTH]
        server.config_set(_GROWTH, 0)
        try:
            write_anew(server)
            yield
        finally:
            server.config_set(_GROWTH, growth)
    except RedisError as error:
        raise BackupError(f"the state server cannot be asked: {error}. Run the backup again.") from error
    finally:
        server.close()


def _copy(source: Path, target: Path) -> None:
    """All files by one manifest: when another backup made the server begin a new one meanwhile, once more."""
    for _ in range(_TRIES):
        shutil.rmtree(target, ignore_errors=True)
        try:
            before = _manifest(source)
            shutil.copytree(source, target)
        except (OSError, shutil.Error):
            continue
        if before == _manifest(source) == _manifest(target):
            return
    raise BackupError(f"{source}: changes all the time, or cannot be read. Is another backup under way? Run this one again.")


def _manifest(folder: Path) -> list[tuple[str, bytes]]:
    return sorted((path.name, path.read_bytes()) for path in folder.glob(_MANIFEST))
