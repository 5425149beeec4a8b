"""`HandingOver`: the hand-off under way in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from dialogs.events import HandOff, HandOffResult
from voicebot.conversation.stage import HandOver
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)


class HandingOver:
    """At most one hand-off at a time. However it ends, its result is told."""

    def __init__(self, hand_over: HandOver, tell: Callable[[HandOffResult], None]) -> None:
        self._hand_over = hand_over
        self._tell = tell
        self._task: asyncio.Task[None] | None = None
        self.under_way = False
        """A result is still to come."""

    def begin(self, action: HandOff) -> None:
        """Hand over; the result is told when it is known."""
        self.under_way = True
        self._task = asyncio.create_task(self._see_through(action), name="hand-over")

    async def wait(self, seconds: float) -> None:
        """Wait for the result, for so long at most."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)

    async def close(self) -> None:
        """Abandon what is under way."""
        await cancelled(self._task)

    async def _see_through(self, action: HandOff) -> None:
        try:
            result = await self._hand_over(action)
        except Exception as error:
            log.error("hand-off failed", code="handoff.failed", error=error)
            result = HandOffResult(ok=False, queue=action.queue, reason="failed")
        self.under_way = False
        self._tell(result)
