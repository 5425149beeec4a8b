"""Callbacks that were promised, as they are kept: in the state server, so that they outlive every process of ours.

Whose turn it is decides `voicebot.handoff.callback_service`, by the rules of `voicebot.handoff.callback_queue`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import WatchError

from dialogs.wire import Codec, Instant, WireError
from voicebot.errors import StateError
from voicebot.handoff.callback_queue import Place
from voicebot.handoff.record import HandOffRecord
from voicebot.state.shared import PREFIX, SharedState

_QUEUES = f"{PREFIX}callback-queues"
_SERVED = f"{PREFIX}callbacks-served"
_MOST_SERVED = 500
_SERVED_FOR = timedelta(days=7)

T = TypeVar("T")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Callback:
    """A promise to call somebody back."""

    ref: str
    queue: str
    number: str
    """E.164"""
    since: Instant
    """When the place in the queue was taken."""
    priority: int = 0
    due: Instant | None = None
    """Not before this; None for as soon as the place comes up."""
    attempts: int = 0
    """Made so far."""
    tried_at: Instant | None = None
    """When the last attempt was made."""

    @property
    def place(self) -> Place:
        """Its place in the queue."""
        return Place(self.ref, self.queue, self.since, self.priority, self.number, self.due, self.attempts, self.tried_at)


callback_codec = Codec(Callback)


def callback_for(record: HandOffRecord) -> Callback:
    """The callback a hand-off asks for. Raises ValueError when it names no number."""
    if record.call_back is None:
        raise ValueError("this hand-off asks for no callback: it names no number")
    return Callback(record.ref, record.queue, record.call_back, record.created, record.priority, _time(record.due))


@dataclass(frozen=True, slots=True)
class Served:
    """A callback that is not made: the customer rang again and the call `call_id` was put through to the same queue at `at`."""

    ref: str
    queue: str
    since: Instant
    at: Instant
    call_id: str


served_codec = Codec(Served)


class CallbackStore:
    """Promised callbacks, and who is making one just now.

    A promise made while the state server is away is kept here and written when it is back, in its old place. Making a callback
    needs the server: without it two processes could call the same person.
    """

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

    async def waiting(self, *queues: str) -> list[Callback]:
        """Callbacks promised for these queues, in the order of their places (highest priority first, then who asked first).

        While the state server is away: those this process promised meanwhile.
        """
        own = {each.ref: each for queue in queues for each in self.unwritten(queue)}
        try:
            stored = await self.stored(queues)
        except StateError:
            stored = []
        callbacks = own | {each.ref: each for each in stored}
        return sorted(callbacks.values(), key=lambda each: each.place.order)

    def unwritten(self, queue: str) -> list[Callback]:
        """Those of a queue that this process promised and the state server has not got yet, in no order."""
        self._unwritten = {ref: each for ref, each in self._unwritten.items() if self._shared.waits(_write_name(each))}
        return [each for each in self._unwritten.values() if each.queue == queue]

    async def stored(self, queues: Collection[str]) -> list[Callback]:
        """What the state server knows of these queues, in no order. Raises StateUnavailable while it is away."""

        async def read(redis: Redis) -> list[str]:
            async with redis.pipeline(transaction=False) as pipeline:
                for queue in queues:
                    pipeline.zrange(_index(queue), 0, -1)
                refs = [ref for found in await pipeline.execute() for ref in found]
            texts = cast("list[str | None]", await redis.mget([_key(ref) for ref in refs])) if refs else []
            return [text for text in texts if text]

        return list(_readable(callback_codec, await self._shared.ask(read))) if queues else []

    async def queues(self) -> frozenset[str]:
        """Queues for which a callback was ever promised. Raises StateUnavailable while the server is away."""

        async def read(redis: Redis) -> set[str]:
            return cast("set[str]", await redis.smembers(_QUEUES))

        return frozenset(await self._shared.ask(read)).union(each.queue for each in self._unwritten.values())

    async def of_number(self, number: str) -> list[Callback]:
        """Callbacks promised to an E.164 number, in any queue, as the state server knows them. Raises StateUnavailable."""
        return [each for each in await self.stored(sorted(await self.queues())) if each.number == number]

    async def claimed(self, refs: Sequence[str]) -> frozenset[str]:
        """Those that somebody is making just now. Raises StateUnavailable."""

        async def read(redis: Redis) -> list[str | None]:
            return cast("list[str | None]", await redis.mget([_claim(ref) for ref in refs]))

        held = await self._shared.ask(read) if refs else []
        return frozenset(ref for ref, claim in zip(refs, held, strict=True) if claim is not None)

    async def claims(self, refs: Sequence[str]) -> dict[str, tuple[str, float]]:
        """The claims on these that somebody is making just now, each with the seconds it has left. Raises StateUnavailable."""

        async def read(redis: Redis) -> list[str | int | None]:
            async with redis.pipeline(transaction=True) as pipeline:
                for ref in refs:
                    pipeline.get(_claim(ref))
                    pipeline.pttl(_claim(ref))
                return cast("list[str | int | None]", await pipeline.execute())

        found = await self._shared.ask(read) if refs else []
        pairs = zip(refs, found[::2], found[1::2], strict=True)
        return {ref: (str(claim), cast("int", left) / 1000) for ref, claim, left in pairs if claim is not None}

    async def claim(self, callback: Callback, claim: str, seconds: float) -> bool:
        """Take a callback, for so long at most; False when another has it, or it is gone. Raises StateUnavailable."""

        async def take(redis: Redis) -> bool:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.set(_claim(callback.ref), claim, nx=True, px=int(seconds * 1000))
                pipeline.exists(_key(callback.ref))
                taken, exists = await pipeline.execute()
            if taken and not exists:
                await redis.delete(_claim(callback.ref))
            return bool(taken and exists)

        return await self._shared.ask(take)

    async def settle(self, callback: Callback, claim: str, now: Callback | None) -> bool:
        """What became of a claimed callback: `now` takes its place (None: it is over), and the claim ends. False, and nothing
        changed, when the claim holds no more. Raises StateUnavailable.
        """

        async def write(redis: Redis) -> bool:
            async with redis.pipeline(transaction=True) as pipeline:
                await pipeline.watch(_claim(callback.ref))
                if await pipeline.get(_claim(callback.ref)) != claim:
                    return False
                pipeline.multi()  # type: ignore[no-untyped-call]
                pipeline.delete(_claim(callback.ref))
                _write(pipeline, now) if now is not None else _remove(pipeline, callback)
                return await _undisturbed(pipeline)

        return await self._shared.ask(write)

    async def serve(self, callback: Callback, served: Served) -> bool:
        """A callback is over because its customer rang again. False, and nothing changed, when somebody is making it just now, or
        it is gone. Raises StateUnavailable; never for one that the server has not got yet, which nobody can be making.
        """
        name = _write_name(callback)
        if self._unwritten.pop(callback.ref, None) is not None and self._shared.waits(name):

            def instead(pipeline: Pipeline) -> None:
                _remove(pipeline, callback)  # it may just be on its way
                _keep_served(pipeline, served)

            self._shared.write_later(name, instead)
            return True

        async def write(redis: Redis) -> bool:
            async with redis.pipeline(transaction=True) as pipeline:
                await pipeline.watch(_claim(callback.ref), _key(callback.ref))
                if await pipeline.exists(_claim(callback.ref)) or not await pipeline.exists(_key(callback.ref)):
                    return False
                pipeline.multi()  # type: ignore[no-untyped-call]
                _remove(pipeline, callback)
                _keep_served(pipeline, served)
                return await _undisturbed(pipeline)

        return await self._shared.ask(write)

    async def served(self) -> list[Served]:
        """Callbacks that were not needed any more in the last days, latest first. Raises StateUnavailable."""

        async def read(redis: Redis) -> list[str]:
            return cast("list[str]", await redis.zrevrange(_SERVED, 0, -1))

        return list(_readable(served_codec, await self._shared.ask(read)))

    async def done(self, callback: Callback) -> None:
        """The promise is kept, or withdrawn, whoever claims it. Raises StateError when that cannot be written."""

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=True) as pipeline:
                _remove(pipeline, callback)
                pipeline.delete(_claim(callback.ref))
                await pipeline.execute()

        await self._shared.ask(write)
        self._shared.give_up(_write_name(callback))
        self._unwritten.pop(callback.ref, None)


def _readable(codec: Codec[T], texts: Iterable[str]) -> Iterable[T]:
    for text in texts:
        try:
            yield codec.from_text(text)
        except WireError as error:
            _log.error("a stored callback cannot be read", code="handoff.unreadable", why=str(error))


def _write(pipeline: Pipeline, callback: Callback) -> None:
    pipeline.set(_key(callback.ref), callback_codec.to_text(callback))
    pipeline.zadd(_index(callback.queue), {callback.ref: callback.since.timestamp()})
    pipeline.sadd(_QUEUES, callback.queue)


def _remove(pipeline: Pipeline, callback: Callback) -> None:
    pipeline.zrem(_index(callback.queue), callback.ref)
    pipeline.delete(_key(callback.ref))


async def _undisturbed(pipeline: Pipeline) -> bool:
    """Do what the pipeline holds. False, and nothing done, when what it watches has changed."""
    try:
        await pipeline.execute()
    except WatchError:
        return False
    return True


def _keep_served(pipeline: Pipeline, served: Served) -> None:
    pipeline.zadd(_SERVED, {served_codec.to_text(served): served.at.timestamp()})
    pipeline.zremrangebyscore(_SERVED, "-inf", (served.at - _SERVED_FOR).timestamp())
    pipeline.zremrangebyrank(_SERVED, 0, -_MOST_SERVED - 1)
    pipeline.expire(_SERVED, _SERVED_FOR)


def _time(written: str | None) -> datetime | None:
    """An ISO 8601 time; one without a zone is UTC. Raises ValueError."""
    if not written:
        return None
    time = datetime.fromisoformat(written)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _key(ref: str) -> str:
    return f"{PREFIX}callback:{ref}"


def _claim(ref: str) -> str:
    return f"{PREFIX}callback-claim:{ref}"


def _index(queue: str) -> str:
    return f"{PREFIX}callbacks:{queue}"


def _write_name(callback: Callback) -> str:
    return f"callback:{callback.ref}"
