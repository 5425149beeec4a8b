"""The calls under way: this process's own, and everybody's as the state server knows them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
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
_INDEX = f"{PREFIX}live"

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


_codec = Codec(LiveCall)


def shown(call: LiveCall) -> dict[str, Any]:
    """The call as a screen gets it: the number shortened."""
    return _codec.encode(call) | {"number": redact_text(call.number)}


class LiveCalls:
    """Every process keeps its own calls here and leases them to the state server: the calls of a crashed process disappear when
    their lease ends.
    """

    def __init__(self, shared: SharedState, *, clock: Callable[[], float] = time.time, renewal: Renewal | None = None) -> None:
        """`clock` counts leases: it is the machine's own, in seconds, since all processes must agree on it."""
        self._shared = shared
        self._clock = clock
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
            pipeline.set(_key(call.call_id), json.dumps(shown(call)), px=int(LEASE_S * 1000))

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
