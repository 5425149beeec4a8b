"""Answers that are made seldom, however often they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Makes an answer once for all who ask meanwhile, and keeps it for some seconds. An error is told to them, and not kept."""

    def __init__(self, make: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._make = make
        self._seconds = seconds
        self._making: asyncio.Task[T] | None = None
        self._until = float("-inf")

    async def __call__(self) -> T:
        """The answer, at most `seconds` old. Raises what `make` raises."""
        loop = asyncio.get_running_loop()
        if self._making is None or (self._making.done() and loop.time() >= self._until):
            self._making = asyncio.create_task(self._made(), name="kept")
        return await asyncio.shield(self._making)  # whoever asked may go away

    async def _made(self) -> T:
        self._until = float("-inf")
        made = await self._make()
        self._until = asyncio.get_running_loop().time() + self._seconds
        return made


class KeptByKey(Generic[T]):
    """As `Kept`, an answer for each key; of the `most` keys that were asked for last."""

    def __init__(self, seconds: float, *, most: int = 32) -> None:
        self._seconds = seconds
        self._most = most
        self._kept: dict[Hashable, Kept[T]] = {}

    async def __call__(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The answer to this key. Raises what `make` raises."""
        kept = self._kept.pop(key, None) or Kept(make, self._seconds)
        self._kept[key] = kept
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
        return await kept()
