"""The calls under way: this process's own, and everybody's as the state server knows them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from voicebot.errors import StateError
from voicebot.redaction import redact_text
from voicebot.state.shared import PREFIX, SharedState

LEASE_S = 30.0
_RENEW_S = 10.0
_INDEX = f"{PREFIX}live"


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call under way, as a screen shows it. `phase` is a word of the driver's: greeting, listening, handing over…"""

    call_id: str
    started: datetime
    line: str = "main"
    language: str = "pl"
    segment: str = "mass"
    number: str = ""
    phase: str = ""
    intent: str | None = None
    queue: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON values; the number shortened."""
        return asdict(self) | {"started": self.started.isoformat(), "number": redact_text(self.number)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LiveCall:
        """The call from `as_dict`."""
        return cls(**values | {"started": datetime.fromisoformat(values["started"])})


class LiveCalls:
    """Every process keeps its own calls here; each is leased to the state server, so that a crashed process's calls fade away."""

    def __init__(self, shared: SharedState, *, clock: Callable[[], float] = time.time) -> None:
        self._shared = shared
        self._clock = clock
        self._own: dict[str, LiveCall] = {}
        self._renewing: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._own)

    def __iter__(self) -> Iterator[LiveCall]:
        """The calls of this process."""
        return iter(tuple(self._own.values()))

    async def start(self) -> None:
        """Begin renewing leases."""
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew_forever(), name="live-calls")

    async def close(self) -> None:
        """Stop renewing; calls still here fade away."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
            self._renewing = None

    def began(self, call: LiveCall) -> None:
        """A call is answered."""
        self._own[call.call_id] = call
        self._lease(call)

    def changed(self, call_id: str, **changes: Any) -> None:
        """Something about a call changed: fields of `LiveCall` by name. Unknown calls are ignored: they have just ended."""
        if call_id in self._own:
            self._own[call_id] = replace(self._own[call_id], **changes)
            self._lease(self._own[call_id])

    def ended(self, call_id: str) -> None:
        """A call is over."""
        self._own.pop(call_id, None)

        def forget(pipeline: Pipeline) -> None:
            pipeline.zrem(_INDEX, call_id)
            pipeline.delete(_key(call_id))

        self._shared.write_later(_key(call_id), forget)

    async def everywhere(self) -> list[LiveCall]:
        """All processes' calls, oldest first; this process's own only, while the state server is away."""

        async def read(redis: Redis) -> list[str | None]:
            ids = cast("list[str]", await redis.zrangebyscore(_INDEX, self._clock(), "+inf"))
            return cast("list[str | None]", await redis.mget([_key(call_id) for call_id in ids])) if ids else []

        try:
            stored = [LiveCall.from_dict(json.loads(text)) for text in await self._shared.ask(read) if text]
        except (StateError, ValueError, TypeError, KeyError):
            stored = []
        calls = {call.call_id: call for call in stored} | self._own
        return sorted(calls.values(), key=lambda call: call.started)

    def _lease(self, call: LiveCall) -> None:
        def write(pipeline: Pipeline) -> None:
            # read the clock when written: a lease that waited for the server must not be an expired one
            pipeline.zadd(_INDEX, {call.call_id: self._clock() + LEASE_S})
            pipeline.set(_key(call.call_id), json.dumps(call.as_dict()), px=int(LEASE_S * 1000))

        self._shared.write_later(_key(call.call_id), write)

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_S)
            for call in self:
                self._lease(call)


def _key(call_id: str) -> str:
    return f"{PREFIX}live:{call_id}"
