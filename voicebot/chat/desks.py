"""Which queues have somebody who takes chats: the bank's agent desks say so themselves, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import cast

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

    async def here(self, desk: str, queues: Iterable[str]) -> None:
        """Note that a desk takes chats of these queues, and of no others. Raises StateError."""
        taken = frozenset(queues)

        async def write(redis: Redis) -> None:
            now = self._clock()
            members = cast("list[str]", await redis.zrange(_DESKS, 0, -1))
            dropped = [each for each in members if each.partition(" ")[0] == desk and each.partition(" ")[2] not in taken]
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.zremrangebyscore(_DESKS, "-inf", now)
                if dropped:
                    pipeline.zrem(_DESKS, *dropped)
                if taken:
                    pipeline.zadd(_DESKS, {f"{desk} {queue}": now + self._lease for queue in taken})
                await pipeline.execute()

        await self._shared.ask(write)
        await self.refresh()

    async def refresh(self) -> bool:
        """Read now; False when it cannot be read. Never raises."""
        if not self._enabled:
            return True

        async def read(redis: Redis) -> list[str]:
            return cast("list[str]", await redis.zrangebyscore(_DESKS, self._clock(), "+inf"))

        try:
            members = await self._shared.ask(read)
        except StateError:
            self._failures += 1
            if self._failures >= _MOST_FAILURES:
                self.queues = frozenset()
            return False
        self._failures = 0
        self.queues = frozenset(member.partition(" ")[2] for member in members)
        return True

    async def _read_forever(self) -> None:
        while True:
            await self._pause()
            try:
                await self.refresh()
            except Exception as error:
                log.exception("the desks cannot be read", code=code_of(error))


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
