"""Where hand-off records are kept until the agent's screen has fetched them."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from voicebot.errors import StateError
from voicebot.handoff.record import HandOffRecord
from voicebot.state.shared import PREFIX, SharedState

_MOST_HELD = 1000
_log = structlog.get_logger(__name__)


class HandOffStore:
    """Records under their opaque reference, until they expire. A record put here can be had here at once, whatever the state
    server does; other processes see it when the server has it.
    """

    def __init__(self, shared: SharedState, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._shared = shared
        self._clock = clock
        self._held: OrderedDict[str, HandOffRecord] = OrderedDict()

    async def put(self, record: HandOffRecord) -> None:
        """Keep a record. Never raises, and waits no longer than the state server's deadline."""
        self._hold(record)
        text = json.dumps(record.as_dict(), ensure_ascii=False)
        expires = int(record.expires.timestamp())

        async def write(redis: Redis) -> None:
            await redis.set(_key(record.ref), text, exat=expires)

        def write_again(pipeline: Pipeline) -> None:
            pipeline.set(_key(record.ref), text, exat=expires)

        try:
            await self._shared.ask(write)
        except StateError:
            self._shared.write_later(_key(record.ref), write_again)

    async def get(self, ref: str) -> HandOffRecord | None:
        """The record, or None when there is none (any more). Raises StateUnavailable when only the state server could know."""
        held = self._held.get(ref)
        if held is not None:
            return held if self._clock() < held.expires else None

        async def read(redis: Redis) -> str | None:
            return cast("str | None", await redis.get(_key(ref)))

        text = await self._shared.ask(read)
        if text is None:
            return None
        try:
            record = HandOffRecord.from_dict(json.loads(text))
        except (ValueError, TypeError, KeyError):
            _log.error("a stored hand-off cannot be read", code="handoff.unreadable")
            return None
        return record if self._clock() < record.expires else None

    def _hold(self, record: HandOffRecord) -> None:
        now = self._clock()
        while self._held and (len(self._held) >= _MOST_HELD or next(iter(self._held.values())).expires <= now):
            self._held.popitem(last=False)
        self._held[record.ref] = record


def _key(ref: str) -> str:
    return f"{PREFIX}handoff:{ref}"
