"""How an order reaches every process: the state server tells within a second, the database within five."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar, cast

import structlog
from redis.asyncio import Redis
from sqlalchemy.exc import SQLAlchemyError

from voicebot.errors import RecordsError, StateError, code_of
from voicebot.releases.errors import ReleaseError
from voicebot.state.shared import SharedState

log = structlog.get_logger(__name__)

DATABASE_EVERY_S = 5.0


class Order(Protocol):
    """The one with the highest number holds."""

    @property
    def seq(self) -> int:
        """Its number, from 1."""
        ...


T = TypeVar("T", bound=Order)


async def announce(shared: SharedState, key: str, text: str) -> bool:
    """Tell all processes now, rather than when they next look into the database; False when the state server is away."""

    async def put(redis: Redis) -> None:
        await redis.set(key, text)

    try:
        await shared.ask(put)
    except StateError as error:
        log.warning("an order is announced by the database alone: the state server is away", code=code_of(error))
        return False
    return True


class Orders(Generic[T]):
    """Orders of one kind, asked of both stores: with either away the other suffices."""

    def __init__(self, shared: SharedState, key: str, from_text: Callable[[str], T], newest: Callable[[], T | None]) -> None:
        """`from_text` raises ValueError; `newest` asks the database, in a thread."""
        self._shared = shared
        self._key = key
        self._from_text = from_text
        self._newest = newest
        self._database_at = 0.0
        self.last: T | None = None
        """The one that holds, as far as is known."""

    async def look(self) -> bool:
        """Ask both; whether there is a newer one than was known."""
        known = self.last
        for found in (await self._announced(), await self._ordered()):
            if found is not None and (self.last is None or found.seq > self.last.seq):
                self.last = found
        return self.last is not known

    async def _announced(self) -> T | None:
        async def read(redis: Redis) -> str | None:
            return cast("str | None", await redis.get(self._key))

        try:
            text = await self._shared.ask(read)
            return self._from_text(text) if text else None
        except StateError:
            return None
        except ValueError as error:
            log.error("an announced order cannot be read and does not count", code=ReleaseError.code, why=str(error))
            return None

    async def _ordered(self) -> T | None:
        if time.monotonic() < self._database_at:
            return None
        self._database_at = time.monotonic() + DATABASE_EVERY_S
        with suppress(SQLAlchemyError, RecordsError):  # both away: go on
            return await asyncio.to_thread(self._newest)
        return None
