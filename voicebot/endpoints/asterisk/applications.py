"""Which Stasis applications have a bot: told in the state server, so that one bot sends on the callers of another that died."""

from __future__ import annotations

from typing import cast

from redis.asyncio import Redis

from voicebot.state.shared import PREFIX, SharedState

BEAT_S = 2.0
DEAD_S = 7.0
"""An application that was not told of for so long has no bot: three beats, and a pause of a busy one."""


class Applications:
    """Those of one Asterisk. The state server's clock counts, since the bots may be on several machines."""

    def __init__(self, shared: SharedState, asterisk: str) -> None:
        """`asterisk` is the address of its REST interface, the same for all bots before it."""
        self._shared = shared
        self._key = f"{PREFIX}asterisk:{asterisk}"

    async def dead(self, own: str) -> list[str]:
        """Tell that `own` has a bot; the names of the others that have none any more. Raises StateError."""

        async def beat(redis: Redis) -> list[str]:
            seconds, micros = await redis.time()
            now = seconds + micros / 1e6
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.zadd(self._key, {own: now})
                pipeline.zrangebyscore(self._key, "-inf", now - DEAD_S)
                answers = await pipeline.execute()
            return cast("list[str]", answers[-1])

        return await self._shared.ask(beat)

    async def forget(self, *apps: str) -> None:
        """They have no callers left, or their bots stop in order. Raises StateError."""

        async def write(redis: Redis) -> None:
            await redis.zrem(self._key, *apps)

        await self._shared.ask(write)
