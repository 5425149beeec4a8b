"""Where something of a caller can be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from caller_id.sqlite_directory import SqliteDirectory
from voicebot.cases.store import Cases
from voicebot.config.settings import Settings
from voicebot.errors import RecordsError
from voicebot.handoff.callbacks import CallbackStore
from voicebot.handoff.store import HandOffStore
from voicebot.handoff.undelivered import Undelivered, undelivered_folders
from voicebot.mail.store import Messages
from voicebot.records.engine import open_engine
from voicebot.records.store import RecordStore
from voicebot.review.store import Review
from voicebot.state.caller_memory import CallerMemory
from voicebot.state.data_lock import data_used
from voicebot.state.reach import reached_state
from voicebot.state.shared import SharedState
from voicebot.state.shared_secret import CALLER_MEMORY, derived_key
from voicebot.stores import Stores, agreed_secret, record_store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PersonStores:
    """Everything that may hold a caller's data."""

    settings: Settings
    shared: SharedState
    records: RecordStore
    handoffs: HandOffStore
    callbacks: CallbackStore
    memory: CallerMemory
    cases: Cases
    review: Review
    messages: Messages
    """In writing."""
    undelivered: tuple[Undelivered, ...]
    """Each process has its own."""
    customers: SqliteDirectory | None
    """None where no directory is kept."""


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[PersonStores]:
    """All of them, for a command: the service may run meanwhile, or not. Raises ConfigError, StateError, RecordsError,
    DirectoryError: one that cannot be reached is none searched.
    """
    data_dir, configured = settings.state.data_dir, settings.state.redis_url
    redis_url = configured.get_secret_value() if configured is not None else None
    async with AsyncExitStack() as stack:
        stack.enter_context(data_used(data_dir))
        shared = await stack.enter_async_context(reached_state(redis_url, data_dir / "state"))
        secret = await agreed_secret(settings, shared)
        records = record_store(settings, secret, clock=lambda: datetime.now(UTC))
        await records.start()
        stack.push_async_callback(records.close)
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        memory = CallerMemory(shared, derived_key(secret, CALLER_MEMORY))
        with _beside(settings, shared, records, HandOffStore(shared), CallbackStore(shared), memory, engine) as stores:
            yield stores


def of_process(settings: Settings, stores: Stores, engine: Engine) -> AbstractContextManager[PersonStores]:
    """All of them, in a process that has its stores open, and an `engine` for the records' database. Raises DirectoryError."""
    return _beside(settings, stores.shared, stores.records, stores.handoffs, stores.callbacks, stores.memory, engine)


@contextmanager
def _beside(
    settings: Settings,
    shared: SharedState,
    records: RecordStore,
    handoffs: HandOffStore,
    callbacks: CallbackStore,
    memory: CallerMemory,
    engine: Engine,
) -> Iterator[PersonStores]:
    """These, and what the database and the disk hold beside them."""
    customers = SqliteDirectory(settings.customers_file) if settings.customers_file.exists() else None
    try:
        yield PersonStores(
            settings,
            shared,
            records,
            handoffs,
            callbacks,
            memory,
            Cases(engine),
            Review(engine),
            Messages(engine),
            tuple(map(Undelivered, undelivered_folders(settings.state.data_dir))),
            customers,
        )
    finally:
        if customers is not None:
            customers.close()


async def asked(ask: Callable[[Collection[str]], T], names: Collection[str]) -> T:
    """What a store of the database's says to these names, in a thread. Raises RecordsError."""
    try:
        return await asyncio.to_thread(ask, names)
    except SQLAlchemyError as error:
        raise RecordsError("the database does not answer: run this again when it does") from error
