"""Errors that an operator can correct are printed as one message, without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def told_plainly() -> Iterator[None]:
    """Print our own errors (those with a `code`) to standard error and exit with 2; let anything else through."""
    try:
        yield
    except Exception as error:
        if not isinstance(getattr(error, "code", None), str):
            raise
        print(f"{error}", file=sys.stderr)
        raise typer.Exit(2) from error
