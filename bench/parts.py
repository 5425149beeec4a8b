"""A bench is made of parts, and a part that cannot be measured does not take the others with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def part(name: str, failed: list[str]) -> Iterator[None]:
    """Tell an error that the project foresees (it has a `code`) in one line, and add the part's name to `failed`."""
    try:
        yield
    except Exception as error:
        if not isinstance(getattr(error, "code", None), str):
            raise
        print(f"{name}: not measured: {error}", file=sys.stderr, flush=True)
        failed.append(name)


def doing(what: str) -> None:
    """Tell what is being prepared: the first time a classifier is trained and every prompt is spoken, which takes minutes."""
    print(f"… {what}", file=sys.stderr, flush=True)
