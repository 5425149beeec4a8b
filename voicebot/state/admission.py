"""Whether one more call may come in: a limit of this process, and one shared by all processes behind the same trunk."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from voicebot.errors import StateError
from voicebot.state.renewal import Renewal
from voicebot.state.shared import PREFIX, SharedState

LEASE_S = 30.0
_SLOTS = f"{PREFIX}admitted"


class Admitted(StrEnum):
    """Whether a call may come in; everything but YES is a refusal with its reason."""

    YES = "yes"
    PROCESS_FULL = "process_full"
    SHARED_FULL = "shared_full"
    DRAINING = "draining"
    OVERLOADED = "overloaded"


class Admission:
    """Slots for calls. The process's own limit holds always. The shared limit holds while the state server answers: callers
    must not be refused because a counter is away.

    A slot is a lease: the slot of a crashed process is free again after `LEASE_S`.
    """

    def __init__(
        self,
        shared: SharedState,
        *,
        max_calls: int,
        max_shared_calls: int | None = None,
        clock: Callable[[], float] | None = None,
        renewal: Renewal | None = None,
    ) -> None:
        """`max_shared_calls` counts over all processes with the same state server. `clock` counts leases, in seconds: by default
        the state server's, since all processes must agree on it.
        """
        self._shared = shared
        self._max_calls = max_calls
        self._max_shared = max_shared_calls
        self._clock = clock or shared.now
        self._own: set[str] = set()
        self._draining = False
        self._renewal = renewal or Renewal("admission")

    @property
    def taken(self) -> int:
        """Calls admitted to this process and not yet released."""
        return len(self._own)

    @property
    def open(self) -> bool:
        """Whether this process has a slot for one more call. The shared limit is known only when a call asks."""
        return not self._draining and len(self._own) < self._max_calls

    @property
    def draining(self) -> bool:
        """Nobody is admitted any more."""
        return self._draining

    async def start(self) -> None:
        """Begin renewing leases."""
        self._renewal.start(self._renew)

    async def close(self) -> None:
        """Stop renewing leases."""
        await self._renewal.close()

    def drain(self) -> None:
        """Admit nobody from now on."""
        self._draining = True

    async def admit(self, call_id: str) -> Admitted:
        """Ask for a slot; release it with `release`. Never raises, and takes no longer than the state server's deadline."""
        if self._draining:
            return Admitted.DRAINING
        if len(self._own) >= self._max_calls:
            return Admitted.PROCESS_FULL
        self._own.add(call_id)  # before waiting: calls arriving meanwhile must see it taken
        admitted = False
        try:
            admitted = self._max_shared is None or await self._shared_slot(call_id, self._max_shared)
        finally:
            if not admitted:  # also when the caller hung up while we asked
                self.release(call_id)
        return Admitted.YES if admitted else Admitted.SHARED_FULL

    def release(self, call_id: str) -> None:
        """The call is over. Harmless when it has no slot."""
        self._own.discard(call_id)
        if self._max_shared is not None:

            def forget(pipeline: Pipeline) -> None:
                pipeline.zrem(_SLOTS, call_id)

            self._shared.write_later(f"slot:{call_id}", forget)

    async def _shared_slot(self, call_id: str, limit: int) -> bool:
        async def take(redis: Redis) -> int:
            now = self._clock()
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.zremrangebyscore(_SLOTS, "-inf", now)
                pipeline.zadd(_SLOTS, {call_id: now + LEASE_S})
                pipeline.zcard(_SLOTS)
                answers = await pipeline.execute()
            return int(answers[-1])

        try:
            return await self._shared.ask(take) <= limit
        except StateError:
            self._lease(call_id)
            return True

    def _lease(self, call_id: str) -> None:
        def write(pipeline: Pipeline) -> None:
            pipeline.zadd(_SLOTS, {call_id: self._clock() + LEASE_S})

        self._shared.write_later(f"slot:{call_id}", write)

    def _renew(self) -> None:
        for call_id in tuple(self._own) if self._max_shared is not None else ():
            self._lease(call_id)
