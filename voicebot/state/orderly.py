"""Questions to the state server that wait for their turn: two hundred that come at one instant are all answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis

from voicebot.state.shared import SharedState

T = TypeVar("T")

_AT_ONCE = 4


class Orderly:
    """Asks a few at a time, so that the deadline of a question counts from its turn: a burst of strangers' requests must not make
    the server seem away. While it is away, all are answered so at once.
    """

    def __init__(self, shared: SharedState, *, at_once: int = _AT_ONCE) -> None:
        self._shared = shared
        self._turns = asyncio.Semaphore(at_once)
        self.turn = asyncio.Semaphore(at_once)
        """For work that ends with a question (a signature to check): `async with` it, so that the work of all the others does not
        run down the deadline of the first question.
        """

    async def ask(self, question: Callable[[Redis], Awaitable[T]]) -> T:
        """See `SharedState.ask`."""
        async with self._turns:
            return await self._shared.ask(question)

    async def spend(self, name: str, by: str, *, keep_s: int) -> bool:
        """Whether this is the first to take `name`, over all processes; it stays taken for so long. Raises StateError."""

        async def take(redis: Redis) -> bool:
            return bool(await redis.set(name, by, nx=True, ex=keep_s))

        return await self.ask(take)
