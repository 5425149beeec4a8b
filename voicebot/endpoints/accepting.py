"""How servers of asyncio take connections: the end of the file handles is one line a second in the log, not a flood."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

AT_ONCE = 1
"""For `backlog` of `create_server`. asyncio tries to accept as often as that in a row; without a file handle left each try is a
line with a traceback, and a timer that tries as often again a second later (CPython 3.11, selector_events._accept_connection).
"""
_WAITING = 256


class _Duplicable(Protocol):
    def dup(self) -> _Listening: ...


class _Listening(Protocol):
    def listen(self, waiting: int, /) -> None: ...
    def close(self) -> None: ...


def let_wait(sockets: Iterable[_Duplicable]) -> None:
    """Connections that were not accepted yet wait in the kernel, as many as usual: `AT_ONCE` is the length of that queue, too."""
    for each in sockets:
        duplicate = each.dup()
        try:
            duplicate.listen(_WAITING)
        finally:
            duplicate.close()
