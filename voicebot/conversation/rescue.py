"""The conversation of last resort: when the dialogue or the driver broke, the caller still reaches a human.

Announce, hand over to the default queue, and if that fails apologise and hang up. It has no data and no way to fail.
"""

from __future__ import annotations

from datetime import datetime

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

ANNOUNCE = "rescue.connecting"
APOLOGY = "rescue.apology"

TEXTS = {
    (ANNOUNCE, "pl"): "Przepraszam, mamy drobny kłopot. Już łączę z konsultantem.",
    (ANNOUNCE, "en"): "Sorry, something isn't working on our side. I'm putting you through to an advisor.",
    (APOLOGY, "pl"): "Przepraszam, nie udało się połączyć. Proszę zadzwonić ponownie za chwilę.",
    (APOLOGY, "en"): "I'm sorry, I couldn't put you through. Please call again in a moment.",
}
"""What is said when the bundle has no such prompts: this conversation must not depend on anything."""
TEXTS |= {("apology", language): text for (prompt, language), text in TEXTS.items() if prompt == APOLOGY}


class RescueConversation:
    """Takes over a call in the middle; `begin` gives the first actions, then it is driven like any dialogue."""

    def __init__(self, queue: str, language: str, why: str = "error") -> None:
        """`why` is for the record: "error", or "shutdown" when the service stops."""
        self._queue = queue
        self._language = language
        self._why = why
        self._handing_over = False

    def begin(self) -> list[Action]:
        """What to do first."""
        return [Decided("human", f"put through without the dialogue: {self._why}"), self._say(ANNOUNCE)]

    def handle(self, event: Event, now: datetime) -> list[Action]:
        """Go on; `now` plays no part."""
        match event:
            case HungUp():
                return []
            case HandOffResult(ok=True):
                return [HangUp("handed_over")]
            case HandOffResult():
                return [self._say(APOLOGY), HangUp("apology")]
            case PromptFinished() | Interrupted() | Failed() if not self._handing_over:
                self._handing_over = True
                return [HandOff(self._queue, language=self._language, reason="rescue" if self._why == "error" else self._why)]
            case _:
                return []

    def _say(self, prompt_id: str) -> Say:
        return Say((Prompt(prompt_id),), self._language, mark=prompt_id, barge_in=False)
