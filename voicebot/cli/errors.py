"""Errors that an operator can correct are printed as one message, without a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer


@contextmanager
def told_plainly() -> Iterator[None]:
    """Print our own errors (those with a `code`), and those of files and of the database, to standard error and exit with 2; let
    others through.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # the command line itself ends quietly when nobody reads on
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # told while writing, where Python no longer knows the file
            print(f"{error.strerror}: make room, and say the command again.", file=sys.stderr)
            raise typer.Exit(2) from error
        if error.filename is None:
            raise
        print(f"{error.filename}: {error.strerror}. Correct the path, or its rights.", file=sys.stderr)
        raise typer.Exit(2) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] == "sqlalchemy":  # its own words quote the statement
            print(f"the database cannot be used: {_first_line(error)}. See to it, or to records.database_url.", file=sys.stderr)
        elif isinstance(getattr(error, "code", None), str):
            print(f"{error}", file=sys.stderr)
        else:
            raise
        raise typer.Exit(2) from error


def _first_line(error: Exception) -> str:
    """What the driver says; the lines behind it may quote values."""
    cause = getattr(error, "orig", None) or error
    return next(iter(str(cause).splitlines()), "").strip().rstrip(".") or type(cause).__name__


def may_write(path: Path) -> None:
    """Before work that takes long: exit as `write_file` would where it could not write there."""
    draft = _draft_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not path.exists() or path.is_file():  # else a pipe, or /dev/stdout
            draft.touch()
            draft.unlink()
    except OSError as error:
        raise _unwritten(path, error) from error


def write_file(path: Path, content: bytes) -> None:
    """Write a file that the person asked for, and its folder; whole or not at all, so that what was there stays. Exit with 2 and
    say why where that cannot be.
    """
    draft = _draft_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():  # a pipe, or /dev/stdout
            path.write_bytes(content)
            return
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritten(path, error) from error


def _draft_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _unwritten(path: Path, error: OSError) -> typer.Exit:
    print(f"{path} cannot be written: {error.strerror}. Name a folder that can be written to.", file=sys.stderr)
    return typer.Exit(2)
