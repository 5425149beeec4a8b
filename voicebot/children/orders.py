"""The child's side of `ChildProcess`: its orders come by standard input, a line each; what it says leaves by standard output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voicebot.children.child import ALIVE
from voicebot.tasks import cancelled

PARENT_GONE = "the parent is gone: this process serves who is there, takes nobody new, and ends"
"""What the log says then."""
_MOST_OCTETS = 1_000_000
_BEAT_S = 3.0


class Orders(asyncio.StreamReader):
    """Lines of the parent."""

    def __init__(self) -> None:
        super().__init__(limit=_MOST_OCTETS)
        self.ended = asyncio.Event()
        """Set once the parent is gone."""

    def feed_eof(self) -> None:
        """The parent's end of the pipe was closed."""
        super().feed_eof()
        self.ended.set()


def first_line() -> bytes:
    """The next line, read octet by octet: what follows is for `order_lines`. Empty at the end."""
    line = bytearray()
    while (octet := os.read(0, 1)) not in (b"", b"\n"):
        line += octet
    return bytes(line)


async def order_lines() -> Orders:
    """The orders that follow. Their end means that the parent is gone."""
    orders = Orders()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    return orders


@asynccontextmanager
async def starting(orders: Orders) -> AsyncIterator[None]:
    """What is started within is given up (CancelledError) when the parent goes meanwhile: nobody waits for it, and whoever starts
    the service anew needs its ports.
    """
    task = asyncio.current_task()

    async def give_up() -> None:
        await orders.ended.wait()
        if task is not None:
            task.cancel()

    watching = asyncio.create_task(give_up())
    try:
        yield
    finally:
        await cancelled(watching)


async def beat() -> None:
    """Tell the parent for ever that the event loop turns."""
    while True:
        say(ALIVE)
        await asyncio.sleep(_BEAT_S)


def say(line: bytes) -> None:
    """Tell the parent; one that is gone hears nothing, and the end of the orders tells of it."""
    with contextlib.suppress(OSError):
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.flush()
