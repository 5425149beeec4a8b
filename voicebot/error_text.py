"""Errors as they may be written: a message of ours is kept, of any other only what cannot quote a caller."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from types import TracebackType

_MOST_NAMES = 30


def unknown_name(what: str, name: str, names: Sequence[str]) -> str | None:
    """What to tell about a name that the bundle does not have, with the nearest one that it has; None when it has it."""
    if name in names:
        return None
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names[:_MOST_NAMES])}"
    return f"the bundle has no {what} {name!r}; {hint}"


_QUOTED = re.compile(r"'(?:[^'\\\n]|\\.){0,4000}'|\"(?:[^\"\\\n]|\\.){0,4000}\"")
_ABOUT_THE_PROGRAM = (TypeError, AttributeError, NameError, ImportError, MemoryError, RecursionError, ExceptionGroup)
_MOST_IN_A_CHAIN = 10

ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def error_text(error: BaseException) -> str:
    """The type, and a message where it cannot be about what a caller said or pressed. Never raises.

    An error with a code is ours, and its message is for an operator. Of an OSError the system's words are told, of what is
    about the program itself, or comes from a library, what does not stand in quotes. The message of any other may be anything.
    """
    try:
        message = _message(error)
    except Exception:
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def traceback_text(exc_info: ErrorInfo) -> str:
    """The frames of an error and of those that it came from, the first one first, each with its `error_text`."""
    return "\n".join(_chain(exc_info[1], set()))


def _message(error: BaseException) -> str:
    if _is_ours(error):
        return str(error)
    if isinstance(error, OSError):
        return f"[Errno {error.errno}] {os.strerror(error.errno)}" if error.errno else ""
    about_a_value = isinstance(error, ValueError | LookupError)
    of_a_library = type(error).__module__ != "builtins" and not about_a_value
    return _QUOTED.sub("'…'", str(error)) if of_a_library or isinstance(error, _ABOUT_THE_PROGRAM) else ""


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
