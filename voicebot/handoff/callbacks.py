"""Callbacks that were promised: per queue, in the order of the places they keep."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from voicebot.errors import StateError
from voicebot.handoff.record import HandOffRecord
from voicebot.state.shared import PREFIX, SharedState


@dataclass(frozen=True, slots=True)
class Callback:
    """A promise: call `number` for `queue`, in the place kept since `since`, not before `due` ("": once the place is up)."""

    ref: str
    queue: str
    number: str
    since: datetime
    priority: int = 0
    due: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"since": self.since.isoformat()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Callback:
        """The callback from `as_dict`."""
        return cls(**values | {"since": datetime.fromisoformat(values["since"])})


def callback_for(record: HandOffRecord) -> Callback:
    """The callback a hand-off asks for. Raises ValueError when it names no number."""
    if record.call_back is None:
        raise ValueError("this hand-off asks for no callback: it names no number")
    return Callback(record.ref, record.queue, record.call_back, record.created, record.priority, record.due)


class CallbackStore:
    """Promised callbacks. One made while the state server is away is kept here and written when it is back, in its old place."""

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._unwritten: dict[str, Callback] = {}

    async def put(self, callback: Callback) -> None:
        """Keep a promise. Never raises."""

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=True) as pipeline:
                _write(pipeline, callback)
                await pipeline.execute()

        def write_again(pipeline: Pipeline) -> None:
            _write(pipeline, callback)

        try:
            await self._shared.ask(write)
        except StateError:
            self._unwritten[callback.ref] = callback
            self._shared.write_later(_write_name(callback), write_again)

    async def waiting(self, queue: str) -> list[Callback]:
        """Callbacks promised for a queue, in the order of their places (highest priority first, then who asked first).

        While the state server is away: those this process promised meanwhile.
        """

        async def read(redis: Redis) -> list[str]:
            refs = cast("list[str]", await redis.zrange(_index(queue), 0, -1))
            texts = cast("list[str | None]", await redis.mget([_key(ref) for ref in refs])) if refs else []
            return [text for text in texts if text]

        self._unwritten = {ref: each for ref, each in self._unwritten.items() if self._shared.waits(_write_name(each))}
        own = {ref: each for ref, each in self._unwritten.items() if each.queue == queue}
        try:
            stored = [Callback.from_dict(json.loads(text)) for text in await self._shared.ask(read)]
        except StateError:
            stored = []
        callbacks = own | {each.ref: each for each in stored}
        return sorted(callbacks.values(), key=lambda each: (-each.priority, each.since))

    async def done(self, callback: Callback) -> None:
        """The promise is kept, or withdrawn. Raises StateError when that cannot be written."""

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.zrem(_index(callback.queue), callback.ref)
                pipeline.delete(_key(callback.ref))
                await pipeline.execute()

        await self._shared.ask(write)
        self._shared.give_up(_write_name(callback))
        self._unwritten.pop(callback.ref, None)


def _write(pipeline: Pipeline, callback: Callback) -> None:
    pipeline.set(_key(callback.ref), json.dumps(callback.as_dict()))
    pipeline.zadd(_index(callback.queue), {callback.ref: callback.since.timestamp()})


def _key(ref: str) -> str:
    return f"{PREFIX}callback:{ref}"


def _index(queue: str) -> str:
    return f"{PREFIX}callbacks:{queue}"


def _write_name(callback: Callback) -> str:
    return f"callback:{callback.ref}"
