"""The calls under way: this process's own, and everybody's as the state server knows them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from dialogs.wire import Codec, Instant, WireError
from voicebot.errors import StateError
from voicebot.redaction import redact_text
from voicebot.state.renewal import Renewal
from voicebot.state.shared import PREFIX, SharedState

LEASE_S = 30.0
LOST_AFTER_S = 180.0
"""A lease that ended so long ago is not renewed any more: its process died, or its machine. Until then whoever shares the dead
process's disk writes a better record (see `voicebot.records.under_way`)."""
_KEPT_S = 24 * 3600.0
"""What is known of a call is kept so long after its lease: somebody has closed its record by then."""
_CLAIM_S = 120.0
"""Whoever closes a call's record has so long for it; after that another one may."""
_INDEX = f"{PREFIX}live"
_LOST_AT_ONCE = 100

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A conversation under way, as a screen shows it."""

    call_id: str
    started: Instant
    line: str = "main"
    language: str = "pl"
    segment: str = "mass"
    number: str = ""
    phase: str = ""
    """The kind of the latest decision, or "handing over"."""
    intent: str | None = None
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call whose process died, as far as it is known."""

    call: LiveCall
    """The number shortened."""
    seen: datetime
    """When its process was last heard of."""


_codec = Codec(LiveCall)


def shown(call: LiveCall) -> dict[str, Any]:
    """The call as a screen gets it: the number shortened."""
    return _codec.encode(call) | {"number": redact_text(call.number)}


class LiveCalls:
    """Every process keeps its own calls here and leases them to the state server: the calls of a crashed process disappear from
    the screens when their lease ends, and another process closes their records.
    """

    def __init__(self, shared: SharedState, *, clock: Callable[[], float] | None = None, renewal: Renewal | None = None) -> None:
        """`clock` counts leases, in seconds: by default the state server's, since all processes must agree on it."""
        self._shared = shared
        self._clock = clock or shared.now
        self._own: dict[str, LiveCall] = {}
        self._renewal = renewal or Renewal("live-calls")

    def __len__(self) -> int:
        return len(self._own)

    def __iter__(self) -> Iterator[LiveCall]:
        """The calls of this process."""
        return iter(tuple(self._own.values()))

    async def start(self) -> None:
        """Begin renewing leases."""
        self._renewal.start(self._renew)

    async def close(self) -> None:
        """Stop renewing; the leases of calls that are still here end by themselves."""
        await self._renewal.close()

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
        self.closed(call_id)

    async def take_lost(self) -> list[LostCall]:
        """Calls of dead processes that nobody has taken yet, ours now: no other process gets them, unless we do not say within
        two minutes that they are `closed`. Raises StateError.
        """

        async def old(redis: Redis) -> list[str]:
            until = self._clock() - LOST_AFTER_S
            return cast("list[str]", await redis.zrangebyscore(_INDEX, "-inf", until, start=0, num=_LOST_AT_ONCE))

        ids = [call_id for call_id in await self._shared.ask(old) if call_id not in self._own]
        return [lost for call_id in ids if (lost := await self._taken(call_id)) is not None]

    async def _taken(self, call_id: str) -> LostCall | None:
        async def claim(redis: Redis) -> tuple[bool, float | None, str | None]:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.set(_claim(call_id), "1", nx=True, px=int(_CLAIM_S * 1000))
                pipeline.zscore(_INDEX, call_id)
                pipeline.get(_key(call_id))
                ours, lease, text = await pipeline.execute()
            return bool(ours), lease, text

        ours, lease, text = await self._shared.ask(claim)
        if not ours or lease is None or lease > self._clock() - LOST_AFTER_S:
            return None  # another process has it, or its own renewed it meanwhile
        for call in _readable([text]):
            return LostCall(call, datetime.fromtimestamp(lease - LEASE_S, UTC))
        self.closed(call_id)  # nothing is known of it any more
        return None

    def closed(self, call_id: str) -> None:
        """The record of a lost call is written."""

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
            stored = list(_readable(await self._shared.ask(read)))
        except StateError:
            stored = []
        calls = {call.call_id: call for call in stored} | self._own
        return sorted(calls.values(), key=lambda call: call.started)

    def _lease(self, call: LiveCall) -> None:
        def write(pipeline: Pipeline) -> None:
            # read the clock when written: a lease that waited for the server must not be an expired one
            pipeline.zadd(_INDEX, {call.call_id: self._clock() + LEASE_S})
            pipeline.set(_key(call.call_id), json.dumps(shown(call)), px=int((LEASE_S + _KEPT_S) * 1000))

        self._shared.write_later(_key(call.call_id), write)

    def _renew(self) -> None:
        for call in self:
            self._lease(call)


def _readable(texts: Iterable[str | None]) -> Iterator[LiveCall]:
    """The calls that can be read; one that cannot must not hide the others."""
    for text in texts:
        try:
            if text:
                yield _codec.from_text(text)
        except WireError as error:
            _log.warning("a live call cannot be read", code=error.code, why=str(error))


def _key(call_id: str) -> str:
    return f"{PREFIX}live:{call_id}"


def _claim(call_id: str) -> str:
    return f"{PREFIX}lost:{call_id}"
