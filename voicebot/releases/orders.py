"""How an order reaches every process: the state server tells within a second, the database within five."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar, cast

import structlog
from redis.asyncio import Redis
from sqlalchemy.exc import SQLAlchemyError

from voicebot.errors import RecordsError, StateError, code_of
from voicebot.releases.errors import ReleaseError
from voicebot.state.shared import SharedState

log = structlog.get_logger(__name__)

DATABASE_EVERY_S = 5.0


T = TypeVar("T")


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

    def __init__(
        self, shared: SharedState, key: str, from_text: Callable[[str], T], stored: Callable[[], Sequence[T | None]]
    ) -> None:
        """`from_text` raises ValueError; `stored` asks the database, in a thread, for those that may hold."""
        self._shared = shared
        self._key = key
        self._from_text = from_text
        self._stored = stored
        self._database_at = 0.0

    async def look(self) -> list[T]:
        """What both say, old or new: the one with the highest number holds."""
        return [found for found in (await self._announced(), *await self._ordered()) if found is not None]

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

    async def _ordered(self) -> Sequence[T | None]:
        if time.monotonic() < self._database_at:
            return ()
        self._database_at = time.monotonic() + DATABASE_EVERY_S
        with suppress(SQLAlchemyError, RecordsError):  # both away: go on
            return await asyncio.to_thread(self._stored)
        return ()
