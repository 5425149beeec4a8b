"""Calls under way as they change, for any number of browsers: the state server is read twice a second while somebody looks.

The calls' processes write every change to the state server anyway (`voicebot.state.live_calls`), so a screen costs them nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from voicebot.state.live_calls import LiveCall, shown
from voicebot.tasks import is_set_within

EVERY_S = 0.5
LONGEST_S = 50.0
"""A stream ends by itself before the server's limit for an answer does it; a browser comes back at once."""
_QUIET_S = 4.0
"""The page hears something so often: else it knows that the connection is dead."""
_BEHIND = 20
"""A browser that is so many changes behind starts anew."""

Row = dict[str, Any]


class LiveFeed:
    """Reads, compares, and tells what changed."""

    def __init__(self, read: Callable[[], Awaitable[Sequence[LiveCall]]], stopping: asyncio.Event) -> None:
        """`read` gives all calls under way; nothing is read any more once we are `stopping`."""
        self._read = read
        self._stopping = stopping
        self._rows: dict[str, Row] = {}
        self._watchers: set[asyncio.Queue[str]] = set()
        self._reading: asyncio.Task[None] | None = None

    async def events(self) -> AsyncGenerator[str, None]:
        """Server-sent events for one browser: all rows first, then changes; a word when nothing happens."""
        changes: asyncio.Queue[str] = asyncio.Queue(_BEHIND)
        self._watchers.add(changes)
        if self._reading is None or self._reading.done():
            self._rows = {row["call_id"]: row for row in map(shown, await self._read())}
            self._reading = asyncio.create_task(self._keep_reading(), name="live-feed")
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST_S
        try:
            yield "retry: 500\n" + _event({"all": True, "rows": self._rows, "gone": []})
            while (left := end - loop.time()) > 0:
                try:
                    yield await asyncio.wait_for(changes.get(), min(_QUIET_S, left))
                except TimeoutError:
                    yield "event: here\ndata:\n\n"
        finally:
            self._watchers.discard(changes)

    async def _keep_reading(self) -> None:
        while self._watchers and not await is_set_within(self._stopping, EVERY_S):
            fresh = {row["call_id"]: row for row in map(shown, await self._read())}
            changed = {call_id: row for call_id, row in fresh.items() if self._rows.get(call_id) != row}
            gone = [call_id for call_id in self._rows if call_id not in fresh]
            self._rows = fresh
            if changed or gone:
                self._tell(_event({"all": False, "rows": changed, "gone": gone}))

    def _tell(self, event: str) -> None:
        for changes in tuple(self._watchers):
            if changes.full():
                while not changes.empty():
                    changes.get_nowait()
                changes.put_nowait(_event({"all": True, "rows": self._rows, "gone": []}))
            else:
                changes.put_nowait(event)


def _event(data: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
