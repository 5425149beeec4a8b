"""A pause between two rounds of a background task that a test ends when it wants to."""

from __future__ import annotations

import asyncio


class Stepping:
    """`pause` is given to the task, `step` lets it do one round and waits until it pauses again."""

    def __init__(self) -> None:
        self._pausing = asyncio.Semaphore(0)
        self._going_on = asyncio.Semaphore(0)

    async def pause(self) -> None:
        self._pausing.release()
        await self._going_on.acquire()

    async def step(self) -> None:
        """One round. Fails when the task is not there any more."""
        async with asyncio.timeout(10):
            await self._pausing.acquire()
            self._going_on.release()
            await self._pausing.acquire()
        self._pausing.release()
