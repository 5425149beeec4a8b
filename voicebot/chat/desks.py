"""Which queues have somebody who takes chats: the bank's agent desks say so themselves, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from dialogs.data.bundle import Bundle
from dialogs.events import Conditions, Switch
from voicebot.errors import StateError, code_of
from voicebot.state.shared import PREFIX, SharedState
from voicebot.tasks import cancelled

_DESKS = f"{PREFIX}chat-desks"
_READ_EVERY_S = 1.0
_MOST_FAILURES = 3

# A member is "<desk> <queue>", its score the end of its lease. A hundred desks with all queues are thousands of them: the server
# looks through them, and tells the queues. ARGV: now; the end of the lease; the desk; its queues.
_QUEUES = """
local queues, known = {}, {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf')) do
  local queue = string.match(member, ' (.*)$')
  if queue and not known[queue] then known[queue] = true; table.insert(queues, queue) end
end
return queues
"""
_HERE = (
    """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
local taken = {}
for at = 4, #ARGV do taken[ARGV[3] .. ' ' .. ARGV[at]] = true end
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.match(member, '^[^ ]*') == ARGV[3] and not taken[member] then redis.call('ZREM', KEYS[1], member) end
end
for member in pairs(taken) do redis.call('ZADD', KEYS[1], ARGV[2], member) end
"""
    + _QUEUES
)
_LEAVING = (
    """
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.match(member, '^[^ ]*') == ARGV[3] then redis.call('ZADD', KEYS[1], 'XX', 'LT', ARGV[2], member) end
end
"""
    + _QUEUES
)

log = structlog.get_logger(__name__)


def _every_second() -> Awaitable[None]:
    return asyncio.sleep(_READ_EVERY_S)


class Desks:
    """Read in the background, so that no conversation waits for it. When the state server has not answered some times in a row
    nobody is there: a chat could not be handed over.
    """

    def __init__(
        self,
        shared: SharedState,
        *,
        enabled: bool = True,
        lease_s: float = 30.0,
        clock: Callable[[], float] | None = None,
        pause: Callable[[], Awaitable[None]] = _every_second,
    ) -> None:
        """Not `enabled`: chats go to nobody, ever. A desk that says nothing for `lease_s` is gone. `clock` counts leases, in
        seconds: by default the state server's, since all processes must agree on it. `pause` waits until the next reading is due.
        """
        self._shared = shared
        self._enabled = enabled
        self._lease = lease_s
        self._clock = clock or shared.now
        self._pause = pause
        self._reading: asyncio.Task[None] | None = None
        self._failures = 0
        self.queues: frozenset[str] = frozenset()
        """Those with a desk."""

    async def start(self) -> None:
        """Read once, then in the background."""
        await self.refresh()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_forever(), name="chat-desks")

    async def close(self) -> None:
        """Stop reading."""
        task, self._reading = self._reading, None
        await cancelled(task)

    async def here(self, desk: str, queues: Iterable[str], *, lease_s: float | None = None) -> None:
        """Note that a desk takes chats of these queues, and of no others. `lease_s`: it is gone sooner than others when it says
        nothing more. Raises StateError.
        """
        lease = min(self._lease, lease_s or self._lease)

        async def write(redis: Redis) -> list[str]:
            now = self._clock()
            return await _run(redis, _HERE, now, now + lease, desk, *frozenset(queues))

        self._read(await self._shared.ask(write))

    async def leaving(self, desk: str, within_s: float) -> None:
        """The desk is gone after so long unless it says again that it is there; one that is not stays so. Raises StateError."""

        async def write(redis: Redis) -> list[str]:
            now = self._clock()
            return await _run(redis, _LEAVING, now, now + within_s, desk)

        self._read(await self._shared.ask(write))

    async def refresh(self) -> bool:
        """Read now; False when it cannot be read. Never raises."""
        if not self._enabled:
            return True

        async def read(redis: Redis) -> list[str]:
            return await _run(redis, _QUEUES, self._clock())

        try:
            self._read(await self._shared.ask(read))
        except StateError:
            self._failures += 1
            if self._failures >= _MOST_FAILURES:
                self.queues = frozenset()
            return False
        return True

    def _read(self, queues: Iterable[str]) -> None:
        self._failures = 0
        self.queues = frozenset(queues) if self._enabled else frozenset()

    async def _read_forever(self) -> None:
        while True:
            await self._pause()
            try:
                await self.refresh()
            except Exception as error:
                log.exception("the desks cannot be read", code=code_of(error))


async def _run(redis: Redis, script: str, *arguments: str | float) -> list[str]:
    """The queues that have a desk, after the script."""
    return cast("list[str]", await cast("Any", redis.eval(script, 1, _DESKS, *map(str, arguments))))


def without_people(
    conditions: Conditions, bundle: Bundle, there: frozenset[str], *, since: datetime, now: datetime
) -> Conditions:
    """The conditions as they are for a chat, which began at `since`: a queue whose chats nobody takes is closed. Emergencies are
    never closed; outside its hours a queue is closed anyway, and the customer is told when it opens.
    """
    closed = tuple(
        Switch("closure", "no desk", since.isoformat(), queue)
        for queue, spec in sorted(bundle.queues.items())
        if queue not in there and not spec.emergency and bundle.calendar.is_open(spec.hours, now)
    )
    return Conditions(conditions.waits, (*conditions.switches, *closed))
