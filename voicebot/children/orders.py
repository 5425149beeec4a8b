"""The child's side of `ChildProcess`: its orders come by standard input, a line each; what it says leaves by standard output."""

from __future__ import annotations

import asyncio
import os
import sys

_MOST_OCTETS = 1_000_000


def first_line() -> bytes:
    """The next line, read octet by octet: what follows is for `order_lines`. Empty at the end."""
    line = bytearray()
    while (octet := os.read(0, 1)) not in (b"", b"\n"):
        line += octet
    return bytes(line)


async def order_lines() -> asyncio.StreamReader:
    """The orders that follow. Their end means that the parent is gone."""
    orders = asyncio.StreamReader(limit=_MOST_OCTETS)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    return orders


def say(line: bytes) -> None:
    """Tell the parent."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.flush()
