"""How often something may be done in some time, over all processes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from voicebot.state.shared import PREFIX, SharedState

# counts under one name after the other, and stops at the first that is used up: what is refused by one costs the others nothing
_TAKE = """
for i, name in ipairs(KEYS) do
  local count = redis.call('INCR', name)
  if count == 1 then redis.call('EXPIRE', name, ARGV[#KEYS + i]) end
  if count > tonumber(ARGV[i]) then return i end
end
return 0
"""

# a minute that is over needs nothing
_GIVE_BACK = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECR', KEYS[1]) end return 0"


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in some seconds."""

    kind: str
    """What is limited: "ticket:customer"."""
    whose: str
    """Whose they are; only its hash is kept."""
    most: int
    per_s: int = 60
    """Counted by the clock: from one full minute, hour or day to the next."""


class Quota:
    """Counts by the clock. While the state server is away nothing can be known: StateError, and whoever asks refuses."""

    def __init__(self, shared: SharedState, *, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970, the same for all processes."""
        self._shared = shared
        self._clock = clock

    async def take(self, limits: Sequence[Limit]) -> Limit | None:
        """Count once under each limit in order; the first that was used up already, where counting stops. Raises StateError."""
        names = [self._name(limit) for limit in limits]
        arguments = [str(each) for each in (*(limit.most for limit in limits), *(2 * limit.per_s for limit in limits))]

        async def count(redis: Redis) -> int:
            return int(await cast("Any", redis.eval(_TAKE, len(names), *names, *arguments)))

        first = await self._shared.ask(count)
        return limits[first - 1] if first else None

    async def give_back(self, limit: Limit) -> None:
        """It does not count after all. Raises StateError."""
        name = self._name(limit)

        async def less(redis: Redis) -> object:
            return await cast("Any", redis.eval(_GIVE_BACK, 1, name))

        await self._shared.ask(less)

    def until_next_s(self, limit: Limit) -> int:
        """Seconds until it is counted anew."""
        return limit.per_s - int(self._clock()) % limit.per_s

    def _name(self, limit: Limit) -> str:
        whose = hashlib.sha256(limit.whose.encode()).hexdigest()[:32]
        return f"{PREFIX}quota:{limit.kind}:{whose}:{int(self._clock()) // limit.per_s}"
