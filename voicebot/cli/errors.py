"""Errors that an operator can correct are printed as one message, without a traceback."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer


@contextmanager
def told_plainly() -> Iterator[None]:
    """Print our own errors (those with a `code`), and those of files, to standard error and exit with 2; let others through."""
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
        if not isinstance(getattr(error, "code", None), str):
            raise
        print(f"{error}", file=sys.stderr)
        raise typer.Exit(2) from error


def write_file(path: Path, content: bytes) -> None:
    """Write a file that the person asked for, and its folder; exit with 2 and say why where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        print(f"{path} cannot be written: {error.strerror}. Name a folder that can be written to.", file=sys.stderr)
        raise typer.Exit(2) from error
