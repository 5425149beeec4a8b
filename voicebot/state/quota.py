"""How often something may be done in a minute, over all processes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from voicebot.state.shared import PREFIX, SharedState

_MINUTE_S = 60

# counts under one name after the other, and stops at the first that is used up: what is refused by one costs the others nothing
_TAKE = """
for i, name in ipairs(KEYS) do
  local count = redis.call('INCR', name)
  if count == 1 then redis.call('EXPIRE', name, 120) end
  if count > tonumber(ARGV[i]) then return i end
end
return 0
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in a minute."""

    kind: str
    """What is limited: "ticket:customer"."""
    whose: str
    """Whose they are; only its hash is kept."""
    most: int


class Quota:
    """Counts by the minute of the clock. While the state server is away it cannot be known: StateError, and the caller refuses."""

    def __init__(self, shared: SharedState, *, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970, the same for all processes."""
        self._shared = shared
        self._clock = clock

    async def take(self, limits: Sequence[Limit]) -> Limit | None:
        """Count once under each limit in order; the first that was used up already, where counting stops. Raises StateError."""
        names = [self._name(limit) for limit in limits]

        async def count(redis: Redis) -> int:
            return int(await cast("Any", redis.eval(_TAKE, len(names), *names, *(str(limit.most) for limit in limits))))

        first = await self._shared.ask(count)
        return limits[first - 1] if first else None

    async def give_back(self, limit: Limit) -> None:
        """It does not count after all. Raises StateError."""
        name = self._name(limit)

        async def less(redis: Redis) -> int:
            return int(await redis.decr(name))

        await self._shared.ask(less)

    @property
    def until_next_s(self) -> int:
        """Seconds until everything is counted anew."""
        return _MINUTE_S - int(self._clock()) % _MINUTE_S

    def _name(self, limit: Limit) -> str:
        whose = hashlib.sha256(limit.whose.encode()).hexdigest()[:32]
        return f"{PREFIX}quota:{limit.kind}:{whose}:{int(self._clock()) // _MINUTE_S}"
