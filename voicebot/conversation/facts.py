"""`FactQueue`: what happened in one call, in the order in which it happened."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from voicebot.conversation.stage import Fact

F = TypeVar("F")


class FactQueue:
    """Facts of one call. Any task may put one; one task takes them. What comes before `begin` waits for it."""

    def __init__(self) -> None:
        self._facts: asyncio.Queue[Fact] = asyncio.Queue()
        self._early: list[Fact] | None = []  # None once the call has begun
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be taken."""
        return self._facts.empty()

    def begin(self, first: Fact) -> None:
        """The call begins with this fact; what happened before is taken after it, in order."""
        early, self._early = self._early or [], None
        for fact in (first, *early):
            self.put(fact)

    def put(self, fact: Fact) -> None:
        """One more fact."""
        if self._early is not None:
            self._early.append(fact)
        else:
            self._facts.put_nowait(fact)

    def put_later(self, seconds: float, fact: Fact) -> None:
        """One more fact, when so much time has gone by."""
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self.put, fact))

    async def take(self) -> Fact:
        """The next fact."""
        return await self._facts.get()

    def take_out(self, kind: type[F]) -> list[F]:
        """Facts of one kind that already wait, taken out of turn; the rest keeps its order."""
        waiting = [self._facts.get_nowait() for _ in range(self._facts.qsize())]
        for fact in waiting:
            if not isinstance(fact, kind):
                self._facts.put_nowait(fact)
        return [fact for fact in waiting if isinstance(fact, kind)]

    def close(self) -> None:
        """Nothing comes later any more."""
        for timer in self._timers:
            timer.cancel()
