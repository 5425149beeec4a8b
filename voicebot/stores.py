"""What is kept: shared state, hand-offs, callbacks, records, the calls under way, live conditions, and callers' memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from voicebot.config.settings import Settings
from voicebot.handoff.callbacks import CallbackStore
from voicebot.handoff.store import HandOffStore
from voicebot.records.store import RecordStore
from voicebot.state.admission import Admission
from voicebot.state.caller_memory import CallerMemory
from voicebot.state.conditions import LiveConditionsStore
from voicebot.state.embedded import EmbeddedValkey
from voicebot.state.live_calls import LiveCalls
from voicebot.state.secret_file import kept_secret
from voicebot.state.shared import SharedState


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


def spool_folder(settings: Settings, process: str) -> Path:
    """Where records of one kind of process wait for the database."""
    return settings.state.data_dir / ("spool" if process == "calls" else f"spool-{process}")


async def open_stores(
    settings: Settings, stack: AsyncExitStack, *, clock: Callable[[], datetime], process: str = "calls"
) -> Stores:
    """Open everything; `stack` closes it. `clock` is the time of day. `process` names the kind of process, which has a spool of
    its own. Raises StateError, RecordsError.
    """
    data_dir = settings.state.data_dir
    if settings.state.redis_url is not None:
        url = settings.state.redis_url.get_secret_value()
    else:
        server = EmbeddedValkey(data_dir / "state")
        await asyncio.to_thread(server.start)
        stack.push_async_callback(asyncio.to_thread, server.stop)
        url = server.url
    shared = SharedState(url)
    limits, records = settings.limits, settings.records
    stores = Stores(
        url,
        shared,
        HandOffStore(shared, clock=clock),
        CallbackStore(shared),
        RecordStore(
            settings.database_url,
            spool_dir=spool_folder(settings, process),
            folder=records.folder,
            keep_numbers=records.keep_numbers,
            keep_days=records.keep_days,
            clock=clock,
        ),
        Admission(shared, max_calls=limits.max_calls, max_shared_calls=limits.max_shared_calls),
        LiveCalls(shared),
        LiveConditionsStore(shared),
        CallerMemory(shared, kept_secret(data_dir / "memory-key").encode(), clock=clock),
    )
    for part in (shared, stores.records, stores.admission, stores.live, stores.conditions):
        await part.start()
        stack.push_async_callback(part.close)
    return stores
