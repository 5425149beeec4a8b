"""Errors as they may be written: a message of ours is kept, of any other only what cannot quote a caller."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from types import TracebackType

_QUOTED = re.compile(r"'(?:[^'\\\n]|\\.){0,4000}'|\"(?:[^\"\\\n]|\\.){0,4000}\"")
_MOST_IN_A_CHAIN = 10

ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def error_text(error: BaseException) -> str:
    """The type, and a message.

    An error with a code is ours, and its message is written for an operator. A ValueError or LookupError is about a value, which
    may be what a caller said or pressed: its message is left out. Of any other what stands in quotes is left out. Never raises.
    """
    kind = type(error).__name__
    try:
        message = str(error)
    except Exception:
        return kind
    if not _is_ours(error):
        message = "" if isinstance(error, ValueError | LookupError) else _QUOTED.sub("'…'", message)
    return f"{kind}: {message}" if message else kind


def traceback_text(exc_info: ErrorInfo) -> str:
    """The frames of an error and of those that it came from, the first one first, each with its `error_text`."""
    return "\n".join(_chain(exc_info[1], set()))


def _is_ours(error: BaseException) -> bool:
    code = getattr(error, "code", None)
    return isinstance(code, str) and "." in code


def _chain(error: BaseException, seen: set[int]) -> Iterator[str]:
    if id(error) in seen or len(seen) >= _MOST_IN_A_CHAIN:
        return
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _chain(before, seen)
    yield "Traceback (most recent call last):"
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
    yield error_text(error)
    for part in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _chain(part, seen)
