"""Waiting for what has no event: sound, counters, the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

DEADLINE_S = 8.0


async def until(happened: Callable[[], object]) -> None:
    """Look again and again until it has happened. Raises TimeoutError when it does not."""
    async with asyncio.timeout(DEADLINE_S):
        while not happened():
            await asyncio.sleep(0.01)
