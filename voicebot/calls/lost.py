"""Calls whose process died, perhaps with its machine: another process with the same state server closes their records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from voicebot.errors import RecordsError, StateError, code_of
from voicebot.metrics.registry import Metrics
from voicebot.records.store import RecordStore
from voicebot.records.summary import CallSummary
from voicebot.state.live_calls import LiveCalls, LostCall
from voicebot.tasks import cancelled

LOST = "lost"
"""The outcome of such a call."""
LOOK_EVERY_S = 20.0

log = structlog.get_logger(__name__)


class LostCalls:
    """Looks for them again and again. Several processes may look: each call is closed once."""

    def __init__(
        self,
        live: LiveCalls,
        records: RecordStore,
        metrics: Metrics,
        *,
        pause: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(LOOK_EVERY_S),
    ) -> None:
        """`pause` waits until it is time to look."""
        self._live = live
        self._records = records
        self._metrics = metrics
        self._pause = pause
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin looking."""
        self._task = asyncio.create_task(self._run(), name="lost-calls")

    async def close(self) -> None:
        """Stop looking."""
        await cancelled(self._task)

    async def _run(self) -> None:
        while True:
            await self._pause()
            try:
                await self.look()
            except (StateError, RecordsError):
                pass  # it is away: its part of the health says so, and the calls wait there
            except Exception as error:
                log.exception("lost calls could not be looked for", code=code_of(error))

    async def look(self) -> int:
        """Close the records of calls that are lost now; how many. Raises StateError, and RecordsError while the database, which
        may have a record of them already, is away.
        """
        closed = 0
        for lost in await self._live.take_lost():
            if await self._close(lost):
                closed += 1
        return closed

    async def _close(self, lost: LostCall) -> bool:
        call = lost.call
        new = await self._records.call(call.call_id) is None
        if new:
            ended = max(call.started, lost.seen)
            self._records.save_as_known(
                CallSummary(
                    call.call_id,
                    call.started,
                    ended,
                    LOST,
                    line=call.line,
                    language=call.language,
                    number=call.number or None,
                    segment=call.segment,
                    intent=call.intent,
                    queue=call.queue,
                ),
                [{"t": (ended - call.started).total_seconds(), "what": "note", "kind": "closed", "outcome": LOST}],
            )
            if not await self._records.flush():
                return False  # whoever takes it next tries again
            self._metrics.count("voicebot_calls_lost_total")
            log.warning("a call was lost with its process", code="call.lost", call_id=call.call_id, queue=call.queue)
        self._live.closed(call.call_id)
        return new
