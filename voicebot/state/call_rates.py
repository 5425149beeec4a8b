"""How often a number calls, counted in common by all processes, under a keyed hash of the number."""

from __future__ import annotations

from typing import cast

from redis.asyncio import Redis

from caller_id.types import CallRate
from voicebot.errors import StateError
from voicebot.state.shared import PREFIX, SharedState
from voicebot.state.shared_secret import hash_of_number


class CallRates:
    """Counts calls in windows that begin with a number's first call. While the state server is away, nobody is counted."""

    def __init__(self, shared: SharedState, secret: bytes, *, most: int, within_s: int) -> None:
        """More than `most` calls in `within_s` seconds are too many."""
        self._shared = shared
        self._secret = secret
        self._most = most
        self._within_s = within_s

    async def count(self, number: str) -> CallRate | None:
        """Count a call of an E.164 number; its rate when it calls too often. Never raises."""
        name = f"{PREFIX}rate:{hash_of_number(self._secret, number)}"

        async def increment(redis: Redis) -> int:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.set(name, 0, ex=self._within_s, nx=True)
                pipeline.incr(name)
                return cast("int", (await pipeline.execute())[1])

        try:
            calls = await self._shared.ask(increment)
        except StateError:
            return None
        return CallRate(calls, self._within_s) if calls > self._most else None
