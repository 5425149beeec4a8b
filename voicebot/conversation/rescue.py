"""The conversation of last resort: when the dialogue or the driver broke, the caller still reaches a human.

Announce, hand over to the default queue, and if that fails apologise and hang up. It has no data and no way to fail.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from dialogs.events import (
    Action,
    Decided,
    Event,
    Failed,
    HandOff,
    HandOffResult,
    HangUp,
    HungUp,
    Interrupted,
    Prompt,
    PromptFinished,
    Say,
)
from voicebot.conversation.handing_over import STILL_TEXTS
from voicebot.conversation.stage import HandOver
from voicebot.records.journal import Journal

log = structlog.get_logger(__name__)

ANNOUNCE = "rescue.connecting"
APOLOGY = "rescue.apology"

TEXTS = {
    (ANNOUNCE, "pl"): "Przepraszam, mamy drobny kłopot. Już łączę z konsultantem.",
    (ANNOUNCE, "en"): "Sorry, something isn't working on our side. I'm putting you through to an advisor.",
    (APOLOGY, "pl"): "Przepraszam, nie udało się połączyć. Proszę zadzwonić ponownie za chwilę.",
    (APOLOGY, "en"): "I'm sorry, I couldn't put you through. Please call again in a moment.",
}
"""What is said when the bundle has no such prompts: this conversation must not depend on anything."""
TEXTS |= STILL_TEXTS
TEXTS |= {("apology", language): text for (prompt, language), text in TEXTS.items() if prompt == APOLOGY}


def is_transfer(result: HandOffResult) -> bool:
    """Whether the caller is at a human now: a callback or a message taken leaves them on the line."""
    return result.ok and result.reason not in ("callback", "message")


class RescueConversation:
    """Takes over a call in the middle; `begin` gives the first actions, then it is driven like any dialogue."""

    def __init__(self, queue: str, language: str, why: str = "error", *, waits: bool = False) -> None:
        """`why` is for the record: "error", or "shutdown" when the service stops.

        `waits`: a hand-off is under way, and its result is awaited first.
        """
        self._queue = queue
        self._language = language
        self._why = why
        self._waits = waits
        self._handing_over = False

    def begin(self) -> list[Action]:
        """What to do first."""
        decided = Decided("human", f"put through without the dialogue: {self._why}")
        return [decided] if self._waits else [decided, self._say(ANNOUNCE)]

    def handle(self, event: Event, now: datetime) -> list[Action]:
        """Go on; `now` plays no part."""
        match event:
            case HungUp():
                return []
            case HandOffResult():
                return self._answered(event)
            case PromptFinished() | Interrupted() | Failed() if not self._waits and not self._handing_over:
                self._handing_over = True
                return [HandOff(self._queue, language=self._language, reason="rescue" if self._why == "error" else self._why)]
            case _:
                return []

    def _answered(self, result: HandOffResult) -> list[Action]:
        waited, self._waits = self._waits, False
        if is_transfer(result):
            return [HangUp("handed_over")]
        if result.reason == "gone":
            return [HangUp("caller_gone")]
        if self._handing_over:
            return [self._say(APOLOGY), HangUp("apology")]
        return [self._say(ANNOUNCE)] if waited else []  # an earlier hand-off; ours follows the announcement

    def _say(self, prompt_id: str) -> Say:
        return Say((Prompt(prompt_id),), self._language, mark=prompt_id, barge_in=False)


Speak = Callable[[Say], Awaitable[None]]
"""Says something; comes back when it has been heard. May raise anything."""


async def hold_rescue(rescue: RescueConversation, *, speak: Speak, hand_over: HandOver, journal: Journal, now: datetime) -> str:
    """Hold the conversation of last resort where no driver can; returns the outcome. What cannot be said is left out."""
    actions = deque(rescue.begin())
    while actions:
        action = actions.popleft()
        journal.did(action)
        match action:
            case Say():
                event: Event = await _spoken(action, speak)
            case HandOff():
                event = await _handed_over(action, hand_over)
            case HangUp(reason):
                return reason
            case _:
                continue
        journal.happened(event)
        actions += rescue.handle(event, now)
    return "failed"


async def _spoken(say: Say, speak: Speak) -> PromptFinished | Failed:
    try:
        await speak(say)
    except Exception as error:
        log.error("the last words cannot be said", code="call.voice", error=error)
        return Failed("voice", "call.voice")
    return PromptFinished(say.mark)


async def _handed_over(action: HandOff, hand_over: HandOver) -> HandOffResult:
    try:
        return await hand_over(action)
    except Exception as error:
        log.error("hand-off failed", code="handoff.failed", error=error)
        return HandOffResult(ok=False, queue=action.queue, reason="failed")
