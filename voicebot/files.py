"""Files as the service writes them: whole or not at all, readable by the service only, and overwritten when they are deleted."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
DRAFT = ".draft"
"""The ending of a file that is being written, which is hidden; one that is old was left behind by a process that died."""
_OTHERS = 0o077
_BLOCK = 1 << 20


def keep_private() -> None:
    """From now on, whatever this process creates can be read by its own user only. For the start of a command."""
    os.umask(_OTHERS)


def private_folder(path: Path) -> Path:
    """The folder, made now with mode 700 when there is none, and so are its missing parents. Raises OSError."""
    for folder in (*reversed(path.parents), path):
        with suppress(FileExistsError):
            folder.mkdir(mode=FOLDER_MODE)
    if not path.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(path))
    return path


def write_whole(path: Path, content: str | bytes, *, mode_of: Path | None = None) -> None:
    """Put a file with this content in place of what is there. After a crash the old or the new one is there, whole. Its mode is
    600, or that of another file, which may be the one that it replaces.

    Raises OSError; then nothing has changed.
    """
    with _draft(path, content) as draft:
        if mode_of is not None:
            shutil.copymode(mode_of, draft)
        os.replace(draft, path)


def write_new(path: Path, text: str) -> bool:
    """The same for a file that must not be there yet: False when it is, and of several who try, one gets True. Raises OSError."""
    with _draft(path, text) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
    return True


@contextmanager
def _draft(path: Path, content: str | bytes) -> Iterator[Path]:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}{DRAFT}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too, is on the disk
    finally:
        os.close(folder)


def shown(name: str) -> str:
    """A file's name as it can be printed: anything may stand in one."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def files_under(folder: Path, ending: str) -> Iterator[Path]:
    """Files whose names end so, in the folder and in those below it. What others rename or remove meanwhile is left out."""
    for root, _, names in os.walk(folder):  # pathlib's own search fails at a folder that has just gone
        yield from (Path(root, name) for name in names if name.endswith(ending))


def erase(path: Path) -> bool:
    """Overwrite a file with zeros, then delete it; False when there is none. What a link points at is left alone.

    Where the disk writes in new places (copy-on-write, SSD) the old blocks are only free, not overwritten. Raises OSError.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "wb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                _overwrite(file.fileno())
    except FileNotFoundError:
        return False
    except OSError:
        pass  # a link, a read-only file, a full copy-on-write disk: deleted at least
    path.unlink(missing_ok=True)
    return True


def _overwrite(handle: int) -> None:
    left = os.fstat(handle).st_size
    zeros = bytes(min(left, _BLOCK))
    while left > 0:
        left -= os.write(handle, zeros[:left])
    os.fsync(handle)


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether this file is ours alone while the context lasts: no other process, and nobody else in this one, has it locked.

    With `wait` we wait for those who have it. The kernel ends the lock of a process that dies. False when the file is gone.
    Raises OSError.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            taken = os.fstat(handle).st_nlink > 0  # else whoever had it deleted it
        except BlockingIOError:
            taken = False
        yield taken
    finally:
        os.close(handle)


def close_to_others(paths: Iterable[Path]) -> Iterator[str]:
    """Take other users' rights to these files and folders away; a sentence for each that was open to them, or still is."""
    for path in paths:
        try:
            found = os.lstat(path)
        except OSError:
            continue
        if not found.st_mode & _OTHERS or stat.S_ISLNK(found.st_mode):
            continue
        mode = FOLDER_MODE if stat.S_ISDIR(found.st_mode) else FILE_MODE
        if _shared(path, found):
            yield f"{path}: other users may read what is kept there. Give the service a folder of its own."
            continue
        try:
            os.chmod(path, mode)
        except OSError:
            yield f"{path}: other users may read this. Run as its owner: chmod {mode:o} {path}"
        else:
            yield f"{path}: other users could read this; its mode is {mode:o} now"


def _shared(path: Path, found: os.stat_result) -> bool:
    """A folder that is not the service's alone: closing it would shut others out of what is theirs."""
    whole = path.resolve()
    return stat.S_ISDIR(found.st_mode) and (
        bool(found.st_mode & stat.S_ISVTX) or len(whole.parts) <= 2 or whole == Path.home() or Path.cwd().is_relative_to(whole)
    )
