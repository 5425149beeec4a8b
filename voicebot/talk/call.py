"""One call held in text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import assert_never

from dialogs.data.bundle import Bundle
from dialogs.events import CallStarted
from dialogs.rehearsal.rehearsal import Exchange, Rehearsal
from nlu.text.redaction.redact import redact
from nlu.text.redaction.turns import TurnRedaction
from nlu.types import Understander
from voicebot.conversation.spoken_number import spoken_digits
from voicebot.talk.script import CallerTurn

MOST_SILENCES = 50


class TextCall:
    """One call in text. `exchanges` come as they happen through `show`."""

    def __init__(
        self, bundle: Bundle, understander: Understander | None, *, at: datetime, show: Callable[[Exchange], None]
    ) -> None:
        self._rehearsal = Rehearsal(bundle, understander, at=at, call_id="talk", digits_in=spoken_digits, redact=self._redacted)
        self._told = TurnRedaction()
        self._show = show
        self._shown = 0

    @property
    def over(self) -> bool:
        """The call has ended."""
        return self._rehearsal.over

    @property
    def rehearsal(self) -> Rehearsal:
        """The call itself."""
        return self._rehearsal

    def start(self, started: CallStarted) -> None:
        """Answer; the greeting is heard unless the first turn interrupts it."""
        self._rehearsal.start(started)
        self._tell()

    def take(self, turn: CallerTurn) -> None:
        """Do one thing the caller does."""
        call = self._rehearsal
        match turn.kind:
            case "say":
                call.say(turn.value)
            case "interrupt":
                call.interrupt()
                self._tell()
                call.say(turn.value)
            case "key":
                for key in turn.value:
                    call.press(key)
            case "silence":
                call.stay_silent(float(turn.value) if turn.value else None)
            case "hangup":
                call.hang_up()
            case _:
                assert_never(turn.kind)
        self._tell()

    def hang_up(self) -> None:
        """The caller listens to the end of what is being said, and hangs up if the call is not over then."""
        self._rehearsal.finish_speech()
        self._tell()
        if not self.over:
            self._rehearsal.hang_up()
            self._tell()

    def fall_silent(self) -> None:
        """The caller stays on the line and does nothing more: the call ends by itself, at a human or with a goodbye."""
        for _ in range(MOST_SILENCES):
            if self.over:
                return
            self._rehearsal.stay_silent()
            self._tell()
        self.hang_up()  # a flow whose conversation never ends is wrong; this command must end all the same

    def run(self, started: CallStarted, turns: Iterable[CallerTurn]) -> None:
        """A whole script; the caller falls silent after it."""
        self.start(started)
        for turn in turns:
            if self.over:
                break
            self.take(turn)
        self.fall_silent()

    def _redacted(self, text: str) -> str:
        """The words as they are said, unless only the turns before tell that they are a secret."""
        told = self._told.redact(text)
        return told if told != redact(text) else text

    def _tell(self) -> None:
        fresh, self._shown = self._rehearsal.exchanges[self._shown :], len(self._rehearsal.exchanges)
        for exchange in fresh:
            self._show(exchange)
