"""What is kept: shared state, hand-offs, callbacks, records, the calls under way, live conditions, and callers' memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from voicebot.config.settings import Settings
from voicebot.errors import RecordsError
from voicebot.files import close_to_others
from voicebot.handoff.callbacks import CallbackStore
from voicebot.handoff.store import HandOffStore
from voicebot.handoff.undelivered import undelivered_folders
from voicebot.records.engine import sqlite_file
from voicebot.records.store import RecordStore
from voicebot.state.admission import Admission
from voicebot.state.call_rates import CallRates
from voicebot.state.caller_memory import CallerMemory
from voicebot.state.conditions import LiveConditionsStore
from voicebot.state.data_lock import data_used
from voicebot.state.embedded import EmbeddedValkey
from voicebot.state.live_calls import LiveCalls
from voicebot.state.secret_file import read_secret
from voicebot.state.shared import SharedState
from voicebot.state.shared_secret import CALL_RATES, CALLER_MEMORY, NUMBER_HASH, derived_key, shared_secret

_SECRET = "secret"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stores:
    """All stores of one process, open."""

    url: str
    """The state server's."""
    shared: SharedState
    handoffs: HandOffStore
    callbacks: CallbackStore
    records: RecordStore
    admission: Admission
    live: LiveCalls
    conditions: LiveConditionsStore
    memory: CallerMemory
    rates: CallRates | None
    """None where nobody counts."""


async def open_stores(settings: Settings, stack: AsyncExitStack, *, clock: Callable[[], datetime]) -> Stores:
    """Open everything; `stack` closes it. `clock` is the time of day. Raises ConfigError, StateError, RecordsError."""
    for told in await asyncio.to_thread(lambda: list(close_to_others(private_places(settings)))):
        log.warning("kept data were open to other users", code=RecordsError.code, why=told)
    data_dir = settings.state.data_dir
    stack.enter_context(data_used(data_dir))
    if settings.state.redis_url is not None:
        url = settings.state.redis_url.get_secret_value()
    else:
        server = EmbeddedValkey(data_dir / "state")
        await asyncio.to_thread(server.start)
        stack.push_async_callback(asyncio.to_thread, server.stop)
        url = server.url
    shared = SharedState(url)
    await shared.start()
    stack.push_async_callback(shared.close)
    secret = await agreed_secret(settings, shared)
    limits, callers = settings.limits, settings.callers
    stores = Stores(
        url,
        shared,
        HandOffStore(shared, clock=clock),
        CallbackStore(shared),
        record_store(settings, secret, clock=clock),
        Admission(shared, max_calls=limits.max_calls, max_shared_calls=limits.max_shared_calls),
        LiveCalls(shared),
        LiveConditionsStore(shared),
        CallerMemory(shared, derived_key(secret, CALLER_MEMORY), clock=clock),
        CallRates(shared, derived_key(secret, CALL_RATES), most=callers.most_calls, within_s=callers.within_s)
        if callers.most_calls is not None
        else None,
    )
    for part in (stores.records, stores.admission, stores.live, stores.conditions):
        await part.start()
        stack.push_async_callback(part.close)
    return stores


async def agreed_secret(settings: Settings, shared: SharedState) -> str:
    """What numbers are hashed with, in all processes: configured, or kept in the state server. Raises ConfigError."""
    configured = settings.state.secret
    if configured is not None:
        return configured.get_secret_value()
    return await shared_secret(shared, _SECRET, settings.state.data_dir / _SECRET)


def record_store(settings: Settings, secret: str | None, *, clock: Callable[[], datetime]) -> RecordStore:
    """The call records as configured, not started. `secret` is what numbers are hashed with: see `local_secret`.

    Raises RecordsError.
    """
    records = settings.records
    return RecordStore(
        settings.database_url,
        spool_dir=settings.spool_dir,
        folder=records.folder,
        recordings=settings.recordings_dir,
        keep_numbers=records.keep_numbers,
        keep_days=records.keep_days,
        keep_number_hash_days=records.keep_number_hash_days,
        number_key=derived_key(secret, NUMBER_HASH) if secret is not None else None,
        clock=clock,
    )


def local_secret(settings: Settings) -> str | None:
    """What numbers are hashed with, as far as it is known without the state server: configured, or kept by an earlier start.

    Raises ConfigError.
    """
    configured = settings.state.secret
    return configured.get_secret_value() if configured else read_secret(settings.state.data_dir / _SECRET)


def private_places(settings: Settings) -> Iterator[Path]:
    """Folders and files with callers' data, as far as they are there: nobody but the service may read them."""
    data_dir = settings.state.data_dir
    folders = [data_dir, settings.recordings_dir, settings.spool_dir, *undelivered_folders(data_dir), data_dir / "state"]
    if settings.records.folder is not None:
        folders.append(settings.records.folder)
    yield from folders
    yield from (path for path in sorted(data_dir.glob("*")) if path.is_file())
    for database in (_database_file(settings), settings.customers.sqlite):
        if database is not None:
            yield from (database.with_name(database.name + ending) for ending in ("", "-wal", "-shm"))


def _database_file(settings: Settings) -> Path | None:
    try:
        return sqlite_file(settings.database_url)
    except RecordsError:
        return None  # told when it is opened
