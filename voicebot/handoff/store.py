"""Where hand-off records are kept until the agent's screen has fetched them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from dialogs.wire import WireError
from voicebot.errors import StateError
from voicebot.handoff.keys import digests, is_ref, spellings
from voicebot.handoff.record import HandOffRecord, record_codec
from voicebot.state.shared import PREFIX, SharedState

_MOST_HELD = 1000
_SCANNED = 1000
_TO_DO = f"{PREFIX}handoffs-to-do"
"""Messages and callbacks that somebody must still deal with, by when they came."""
_FORGOTTEN = ""
"""Stands in place of a record that was deleted before it expired, until then."""

_log = structlog.get_logger(__name__)


class HandOffStore:
    """Records under their opaque reference, and under the call's ids in the network, until they expire. A record put here can be
    read here at once, whatever the state server does; other processes see it when the server has it.
    """

    def __init__(self, shared: SharedState, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`clock` is the one that records are made by: they expire by it."""
        self._shared = shared
        self._clock = clock
        self._held: OrderedDict[str, HandOffRecord] = OrderedDict()

    async def put(self, record: HandOffRecord) -> None:
        """Keep a record. Never raises, and waits no longer than the state server's deadline."""
        self._hold(record)
        text = record_codec.to_text(record)

        def left() -> int:
            # a time to live, not a time of day: the state server's clock need not be ours
            return max(1, int((record.expires - self._clock()).total_seconds() * 1000))

        def queue_writes(pipeline: Pipeline) -> None:
            pipeline.set(_key(record.ref), text, px=left())
            for name in _names(record):
                pipeline.set(name, record.ref, px=left())
            if record.kind != "transfer":
                pipeline.zadd(_TO_DO, {record.ref: record.created.timestamp()})

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=True) as pipeline:
                queue_writes(pipeline)
                await pipeline.execute()

        try:
            await self._shared.ask(write)
        except StateError:
            self._shared.write_later(_key(record.ref), queue_writes)

    async def get(self, ref: str) -> HandOffRecord | None:
        """The record, or None when there is none (any more). Raises StateUnavailable when only the state server could know."""
        held = self._held.get(ref)
        if held is not None and self._clock() >= held.expires:
            return None

        async def read(redis: Redis) -> str | None:
            return cast("str | None", await redis.get(_key(ref)))

        try:
            text = await self._shared.ask(read)
        except StateError:
            if held is not None:
                return held
            raise
        if text == _FORGOTTEN:
            self._held.pop(ref, None)
            return None
        if held is not None:
            return held
        if text is None:
            return None
        record = _readable(text)
        return record if record is not None and self._clock() < record.expires else None

    async def is_kept(self, ref: str) -> bool:
        """Whether every process can read the record. Raises StateError."""

        async def read(redis: Redis) -> int:
            return await redis.exists(_key(ref))

        return bool(await self._shared.ask(read))

    async def find(self, key: str) -> HandOffRecord | None:
        """The record that `key` names: our reference, or the latest of the call that has this id (our own, SIP Call-ID,
        X-Call-Ref) or this User-to-User, sent by us or to us. Raises StateUnavailable when only the state server could know.
        """
        meant = spellings(key)
        for ref in filter(is_ref, meant):
            if (record := await self.get(ref)) is not None:
                return record
        names = [_index(digest) for digest in digests(meant)]
        held = next((each for each in reversed(self._held.values()) if not set(names).isdisjoint(_names(each))), None)

        async def read(redis: Redis) -> list[str | None]:
            return cast("list[str | None]", await redis.mget(names))

        try:
            refs = [ref for ref in await self._shared.ask(read) if ref]
        except StateError:
            if held is None:
                raise
            refs = []
        refs = refs or ([held.ref] if held is not None else [])
        return await self.get(refs[0]) if refs else None

    async def to_do(self) -> list[str]:
        """References of messages and callbacks that are still to be dealt with, oldest first. Raises StateError."""

        async def read(redis: Redis) -> list[str]:
            return cast("list[str]", await redis.zrange(_TO_DO, 0, -1))

        return await self._shared.ask(read)

    def dealt_with(self, ref: str) -> None:
        """Nothing is left to be done for this message or callback, or it is a case. Never raises."""

        def remove(pipeline: Pipeline) -> None:
            pipeline.zrem(_TO_DO, ref)

        self._shared.write_later(f"{_TO_DO}:{ref}", remove)

    async def of_number(self, number: str) -> list[HandOffRecord]:
        """All that the state server has of an E.164 number, called from, or to be called back or answered on. Raises
        StateError.
        """
        found: list[HandOffRecord] = []
        cursor = 0
        while True:

            async def read(redis: Redis, at: int = cursor) -> tuple[int, list[str | None]]:
                following, keys = await redis.scan(at, match=_key("*"), count=_SCANNED)
                return following, cast("list[str | None]", await redis.mget(keys)) if keys else []

            cursor, texts = await self._shared.ask(read)
            found += (record for record in map(_readable, filter(None, texts)) if record and _is_of(record, number))
            if not cursor:
                return sorted({record.ref: record for record in found}.values(), key=lambda record: record.created)

    async def forget(self, ref: str) -> None:
        """Delete a record, and what finds it. A process that holds it itself learns of that when it is asked for it. Raises
        StateError.
        """

        async def write(redis: Redis) -> None:
            text = cast("str | None", await redis.get(_key(ref)))
            record = _readable(text) if text else None
            names = _names(record) if record is not None else []
            leading_here = (
                [name for name, found in zip(names, await redis.mget(names), strict=True) if found == ref] if names else []
            )
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.set(_key(ref), _FORGOTTEN, keepttl=True, xx=True)
                pipeline.zrem(_TO_DO, ref)
                for name in leading_here:
                    pipeline.delete(name)
                await pipeline.execute()

        await self._shared.ask(write)
        self._held.pop(ref, None)

    def _hold(self, record: HandOffRecord) -> None:
        now = self._clock()
        while self._held and (len(self._held) >= _MOST_HELD or next(iter(self._held.values())).expires <= now):
            self._held.popitem(last=False)
        self._held[record.ref] = record


def _readable(text: str) -> HandOffRecord | None:
    try:
        return record_codec.from_text(text)
    except WireError as error:
        _log.error("a stored hand-off cannot be read", code="handoff.unreadable", why=str(error))
        return None


def _is_of(record: HandOffRecord, number: str) -> bool:
    return number in (record.number, record.call_back, record.answer_to)


def _key(ref: str) -> str:
    return f"{PREFIX}handoff:{ref}"


def _names(record: HandOffRecord) -> list[str]:
    """Where its reference is kept, beside the record."""
    return [_index(digest) for digest in digests((record.call_id, record.call_ref, record.x_call_ref, record.user_to_user))]


def _index(digest: str) -> str:
    return f"{PREFIX}handoff-of:{digest}"
