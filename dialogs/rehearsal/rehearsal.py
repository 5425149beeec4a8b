"""A call held in text: what the caller does goes in, the dialogue's actions come out, and everything between is played by itself.

Prompts finish when the caller waits for them, transfers succeed unless told otherwise, and time passes as it would on the
telephone. Conversation tests, `voicebot talk` and replays made into tests use it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from caller_id.types import Authentication
from dialogs.data.bundle import Bundle
from dialogs.engine.dialog import Dialog
from dialogs.engine.state import Phase
from dialogs.events import (
    Action,
    AuthorisationAsked,
    AuthorisationResult,
    Authorise,
    CallStarted,
    CheckCode,
    CodeResult,
    CodeTyped,
    CollectKeys,
    Event,
    Failed,
    HandOff,
    HandOffResult,
    Heard,
    HungUp,
    Interrupted,
    KeyPressed,
    Listen,
    PromptFinished,
    Say,
    Silence,
    Wait,
)
from nlu.types import Hypothesis, Understander, Understanding

WORDS = {"pl": "zielony rower", "en": "green bicycle"}
"""What the app shows in a rehearsal."""
PROMPT_S = 2.5
"""How long a prompt takes, for the clock."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One event at its time, and what the dialogue did about it."""

    at: datetime
    event: Event
    actions: tuple[Action, ...]


class Rehearsal:
    """One call. `refuse` names the queues whose transfers fail; `app` is what comes of a request to the caller's app: confirms,
    refused, expired, no_app, other_customer, or "waits" for `answer_in_app`; `advisor` says whether the bank is calling them
    (calling, lately, none); `digits_in` finds the digits of a number said aloud, in a text and its language; `redact`
    masks what the turns before tell to be a secret.
    """

    def __init__(
        self,
        bundle: Bundle,
        understander: Understander | None,
        *,
        at: datetime,
        call_id: str = "rehearsal",
        refuse: Collection[str] = (),
        app: str = "confirms",
        advisor: str = "none",
        digits_in: Callable[[str, str], str] | None = None,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        self.dialog = Dialog(bundle, call_id=call_id)
        self.exchanges: list[Exchange] = []
        self._understander = understander
        self._now = at
        self._refuse = refuse
        self._app = app
        self._advisor = advisor
        self._digits_in = digits_in
        self._redact = redact
        self._takes_number = False
        self._code = CodeResult(reason="code")
        self._speaking: list[str] = []
        self._interruptible = True
        self._patience_s = 6.0
        self._language = "pl"

    # ------------------------------------------------------------ what the caller does

    def start(self, started: CallStarted) -> None:
        """The call is answered."""
        self._happen(started)

    def say(self, text: str, understanding: Understanding | None = None, *, confidence: float = 1.0) -> None:
        """Speak, after the bot has finished; whoever speaks while a transfer is announced speaks into the announcement."""
        if self.announcing and self._interruptible:
            self.interrupt()
        self.finish_speech()
        self._hear(text, understanding, confidence)

    def press(self, key: str) -> None:
        """Press a key; a key always stops what is being said."""
        self.interrupt()
        self._happen(KeyPressed(key))

    def type_code(self, result: CodeResult | None) -> None:
        """Type a code, and what comes of it; None: digits that are too few or too many for one."""
        self._code = result or CodeResult()
        self.interrupt()
        self._happen(CodeTyped(result is not None))

    def interrupt(self, played_s: float = 1.0) -> None:
        """Begin to speak while the bot speaks: it falls silent. What is said comes with `say`."""
        marks, self._speaking = self._speaking, []
        for place, mark in enumerate(marks):
            self._happen(Interrupted(mark, played_s if place == 0 else 0.0))

    def stay_silent(self, seconds: float | None = None) -> None:
        """Say nothing for so long; without a figure, until the dialogue speaks again."""
        self.finish_speech()
        if self.over:
            return
        waited, limit = 0.0, self._patience_s if seconds is None else seconds
        while not self.over and waited + self._patience_s <= limit + 0.001:
            waited += self._patience_s
            self._now += timedelta(seconds=self._patience_s)
            self._happen(Silence(self._patience_s))
            self.finish_speech()

    def fail(self, failed: Failed) -> None:
        """A stage of the service fails."""
        self._happen(failed)

    def hang_up(self) -> None:
        """Leave; what was being announced is heard no more."""
        self._speaking.clear()
        self._happen(HungUp())

    def finish_speech(self) -> None:
        """Listen to everything the bot has to say, with all that follows from it."""
        while self._speaking and not self.over:
            self._now += timedelta(seconds=PROMPT_S)
            self._happen(PromptFinished(self._speaking.pop(0)))

    # ------------------------------------------------------------ what came of it

    @property
    def over(self) -> bool:
        """The call has ended."""
        return self.dialog.state.ended

    @property
    def announcing(self) -> bool:
        """A transfer is being announced and not yet under way."""
        return self.dialog.state.phase is Phase.ANNOUNCING and bool(self._speaking)

    @property
    def actions(self) -> list[Action]:
        """Everything done so far, in order."""
        return [action for exchange in self.exchanges for action in exchange.actions]

    @property
    def hand_off(self) -> HandOff | None:
        """The last hand-off of the call."""
        return next((action for action in reversed(self.actions) if isinstance(action, HandOff)), None)

    # ------------------------------------------------------------ how it is played

    def _hear(self, text: str, understanding: Understanding | None, confidence: float) -> None:
        digits = self._digits_in(text, self._language) if self._digits_in and self._takes_number else ""
        text = self._redact(text) if self._redact else text
        if understanding is None and self._understander is not None and text.strip():
            understanding = self._understander.understand([Hypothesis(text, confidence)], self._language)
        safe = understanding.text if understanding else text
        self._happen(Heard(safe, understanding=understanding, confidence=confidence, number=digits))

    def _happen(self, event: Event) -> None:
        """Give the dialogue an event, and what follows from its actions at once."""
        actions = self.dialog.handle(event, self._now)
        self.exchanges.append(Exchange(self._now, event, tuple(actions)))
        for action in actions:
            self._play(action)

    def _app_is_asked(self, action: Authorise) -> None:
        """The app shows the request when the caller has heard of it, and answers when the caller waits."""
        if self.dialog.state.authentication is Authentication.APP:
            self._happen(AuthorisationResult(True, advisor=self._advisor))
            return
        self.finish_speech()
        if self._app != "no_app":
            self._happen(AuthorisationAsked(WORDS.get(action.language, WORDS["en"]), action.language))
        if self._app != "waits":
            self.finish_speech()
            self.answer_in_app(self._app)

    def answer_in_app(self, how: str) -> None:
        """What comes of the request: "confirms", or why it is not confirmed (`AuthorisationResult.reason`)."""
        confirmed = how == "confirms"
        self._happen(AuthorisationResult(confirmed, "" if confirmed else how, advisor=self._advisor if confirmed else ""))

    def _play(self, action: Action) -> None:
        match action:
            case Say():
                self._speaking.append(action.mark)
                self._interruptible = action.barge_in
            case Listen():
                self._patience_s, self._language, self._takes_number = action.no_input_s, action.language, False
            case CollectKeys():
                self._patience_s, self._takes_number = action.timeout_s, action.by_voice
            case Wait():
                self._patience_s = action.seconds
            case Authorise():
                self._app_is_asked(action)
            case CheckCode():
                self._happen(self._code)
            case HandOff():
                ok = action.queue not in self._refuse
                self._happen(HandOffResult(ok, action.queue, "" if ok else "refused"))
            case _:
                pass
