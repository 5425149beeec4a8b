"""`HandingOver`: the hand-off under way in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from dialogs.events import HandOff, HandOffResult, Prompt, Say
from voicebot.conversation.stage import HandOver
from voicebot.tasks import cancelled

STILL = "connecting.still"
"""Told to a caller whose transfer takes its time: nobody is left in silence."""
STILL_TEXTS = {
    (STILL, "pl"): "Łączę dalej, jeszcze chwilkę.",
    (STILL, "en"): "Still connecting you, one moment.",
}
"""Where the bundle has no such prompt."""

log = structlog.get_logger(__name__)


class HandingOver:
    """At most one hand-off at a time. However it ends, its result is told."""

    def __init__(self, hand_over: HandOver, tell: Callable[[HandOffResult], None]) -> None:
        self._hand_over = hand_over
        self._tell = tell
        self._task: asyncio.Task[None] | None = None
        self.under_way = False
        """A result is still to come."""
        self.number = 0
        """Counts them."""

    def begin(self, action: HandOff) -> None:
        """Hand over; the result is told when it is known."""
        self.under_way = True
        self.number += 1
        self._task = asyncio.create_task(self._see_through(action), name="hand-over")

    async def wait(self, seconds: float) -> None:
        """Wait for the result, for so long at most."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)

    async def close(self) -> None:
        """Abandon what is under way."""
        await cancelled(self._task)

    def awaits(self, number: int) -> bool:
        """Whether the result of this one is still to come."""
        return self.under_way and number == self.number

    async def _see_through(self, action: HandOff) -> None:
        try:
            result = await self._hand_over(action)
        except Exception as error:
            log.error("hand-off failed", code="handoff.failed", error=error)
            result = HandOffResult(ok=False, queue=action.queue, reason="failed")
        self.under_way = False
        self._tell(result)


def still_connecting(language: str) -> Say:
    """What is said then. It is the driver's own: the dialogue did not ask for it, and does not hear of it."""
    return Say((Prompt(STILL),), language, mark=STILL, barge_in=False)
