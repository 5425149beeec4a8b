"""What is remembered of a number between calls: how its owner likes to be spoken to, and where they were put through today."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from voicebot.errors import StateError
from voicebot.state.shared import PREFIX, SharedState
from voicebot.state.shared_secret import hash_of_number

_KEPT_FOR = timedelta(days=365)
_MOST_HELD = 2000
_QUEUE, _UNTIL, _LIKES = "queue", "until", "like:"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of a number."""

    preferences: tuple[str, ...] = ()
    """How its owner likes to be spoken to: "slow", "patient", "keys"."""
    last_queue: str | None = None
    """Where an earlier call of the same day was put through."""


@dataclass(frozen=True, slots=True)
class _Held:
    likes: tuple[tuple[str, bool], ...] = ()
    queue: str | None = None
    until: float = 0.0


class CallerMemory:
    """Kept under a keyed hash of the number: the stored data do not tell whose they are. While the state server is away, what
    this process remembers itself counts.
    """

    def __init__(self, shared: SharedState, secret: bytes, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`clock` is the one that `put_through` is told the time by."""
        self._shared = shared
        self._secret = secret
        self._clock = clock
        self._held: OrderedDict[str, _Held] = OrderedDict()

    async def recall(self, number: str | None) -> Remembered:
        """What is known of an E.164 number. Never raises, waits at most the state server's deadline."""
        if number is None:
            return Remembered()
        name = self._name(number)

        async def read(redis: Redis) -> dict[str, str]:
            return cast("dict[str, str]", await redis.hgetall(name))

        held = self._held.get(name, _Held())
        try:
            unwritten = self._unwritten(name, held)
            return self._remembered(_joined(_from_fields(await self._shared.ask(read)), unwritten))
        except (StateError, ValueError):
            return self._remembered(held)

    async def forget(self, number: str) -> bool:
        """Forget an E.164 number; whether anything was known. Raises StateError."""
        name = self._name(number)

        async def delete(redis: Redis) -> int:
            return await redis.delete(name)

        return bool(await self._shared.ask(delete)) | (self._held.pop(name, None) is not None)

    async def knows(self, number: str) -> bool:
        """Whether the state server has anything of an E.164 number. Raises StateError."""
        name = self._name(number)

        async def look(redis: Redis) -> int:
            return await redis.exists(name)

        return bool(await self._shared.ask(look))

    def prefer(self, number: str | None, preference: str, *, on: bool) -> None:
        """Keep a preference for a year, or forget it."""
        if number is None:
            return
        name = self._name(number)
        held = self._held.get(name, _Held())
        self._hold(name, replace(held, likes=tuple((dict(held.likes) | {preference: on}).items())))

        def write(pipeline: Pipeline) -> None:
            pipeline.hset(name, f"{_LIKES}{preference}", "1" if on else "0")
            pipeline.expire(name, _KEPT_FOR)

        self._shared.write_later(f"{name}:{_LIKES}{preference}", write)

    def put_through(self, number: str | None, queue: str, now: datetime) -> None:
        """The number was put through to `queue` at `now`, local time: remembered until midnight there."""
        if number is None:
            return
        name = self._name(number)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        until = midnight.timestamp()
        self._hold(name, replace(self._held.get(name, _Held()), queue=queue, until=until))

        def write(pipeline: Pipeline) -> None:
            pipeline.hset(name, mapping={_QUEUE: queue, _UNTIL: repr(until)})
            pipeline.expire(name, _KEPT_FOR)

        self._shared.write_later(f"{name}:{_QUEUE}", write)

    def _unwritten(self, name: str, held: _Held) -> _Held:
        """The part of what is held here that the server has not got yet; of the rest others may know better."""
        likes = tuple((liked, on) for liked, on in held.likes if self._shared.waits(f"{name}:{_LIKES}{liked}"))
        return replace(held, likes=likes) if self._shared.waits(f"{name}:{_QUEUE}") else _Held(likes)

    def _remembered(self, held: _Held) -> Remembered:
        liked = tuple(sorted(preference for preference, on in held.likes if on))
        return Remembered(liked, held.queue if self._clock().timestamp() < held.until else None)

    def _hold(self, name: str, held: _Held) -> None:
        self._held[name] = held
        self._held.move_to_end(name)
        if len(self._held) > _MOST_HELD:
            self._held.popitem(last=False)

    def _name(self, number: str) -> str:
        return f"{PREFIX}caller:{hash_of_number(self._secret, number)}"


def _from_fields(fields: dict[str, str]) -> _Held:
    likes = tuple((name.removeprefix(_LIKES), value == "1") for name, value in fields.items() if name.startswith(_LIKES))
    return _Held(likes, fields.get(_QUEUE), float(fields.get(_UNTIL, 0)))


def _joined(stored: _Held, held: _Held) -> _Held:
    newer = held if held.queue is not None else stored
    return _Held(tuple((dict(stored.likes) | dict(held.likes)).items()), newer.queue, newer.until)
