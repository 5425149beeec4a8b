"""Ending asyncio tasks so that nothing outlives whoever started it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any


async def cancelled(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel these tasks and wait until each has ended. What they raised meanwhile is dropped: they were not wanted any more."""
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    if running:
        await asyncio.gather(*running, return_exceptions=True)


async def ended(tasks: Iterable[asyncio.Task[None]], within_s: float) -> None:
    """Wait for these tasks for so long at most, then cancel what is left and wait for that."""
    waiting = set(tasks)
    if waiting:
        _, late = await asyncio.wait(waiting, timeout=within_s)
        await cancelled(*late)


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Sleep for so long, but no longer than until the event is set; whether it is."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
