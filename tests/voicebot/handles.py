"""A process that has no file handles left."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


async def handles_settled() -> None:
    """Wait until nothing that was closed just now is still to give its handle back: somebody would come in by it."""
    before, same = set[str](), 0
    while same < 20:
        await asyncio.sleep(0.02)
        now = set(os.listdir("/proc/self/fd"))
        before, same = now, same + 1 if len(now) == len(before) else 0


@contextmanager
def no_handles_left() -> Iterator[None]:
    """No file, socket or pipe can be opened in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    fillers = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    try:
        while True:
            fillers.append(os.dup(0))
    except OSError:
        pass
    try:
        yield
    finally:
        for each in fillers:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
