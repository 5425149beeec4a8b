"""A call's timeline as it grows: what happened when, and the latencies between what we did and what the bot did."""

from __future__ import annotations

import time
from collections.abc import Callable

from voicebot.softphone.hearing import BotSound
from voicebot.softphone.report import Latency, Moment

_STILL_SPEAKING_S = 0.5  # a prompt cut short by our key or word fades sooner: it is no answer
_JUST_HEARD_S = 0.1


class Timeline:
    """Collects moments of one call; `step` is the step going on, 0 before the first."""

    def __init__(self, call: str, on_moment: Callable[[Moment], None]) -> None:
        self._call = call
        self._on_moment = on_moment
        self._unanswered: tuple[int, float] | None = None  # step and end of our last utterance, until the bot answers
        self._unstopped: tuple[int, float] | None = None  # step and start of an utterance over the bot's speech
        self._listen_from = 0.0
        self.step = 0
        self.moments: list[Moment] = []
        self.responses: list[Latency] = []
        self.stops: list[Latency] = []
        self.timed_out: list[int] = []

    def note(self, what: str, *, at: float | None = None, detail: str = "") -> float:
        """Something happened, now or `at`; gives back when."""
        moment = Moment(self._call, time.monotonic() if at is None else at, what, self.step, detail)
        self.moments.append(moment)
        self._on_moment(moment)
        return moment.at

    def answered(self) -> float:
        """The call was answered: from now on the bot is listened to."""
        self._listen_from = self.note("answered")
        return self._listen_from

    def own_sound_began(self, ear: BotSound | None) -> None:
        """We began to speak, or pressed a key."""
        if self._unstopped is None and self.has_spoken_for(ear, 0.0):
            self._unstopped = (self.step, time.monotonic())

    def own_sound_ended(self) -> None:
        """We finished speaking, or pressed a key: the bot is to answer."""
        self._listen_from = time.monotonic()
        self._unanswered = (self.step, self._listen_from)

    def bot_changed(self, what: str, at: float) -> None:
        """The ear's report: bot_started or bot_stopped."""
        self.note(what, at=at)
        if what == "bot_started" and self._unanswered is not None and at >= self._unanswered[1]:
            step, since = self._unanswered
            self.responses.append(Latency(step, at - since))
            self._unanswered = None
        if what == "bot_stopped" and self._unstopped is not None:
            step, since = self._unstopped
            self.stops.append(Latency(step, max(0.0, at - since)))
            self._unstopped = None

    def has_fallen_silent(self, ear: BotSound | None, seconds: float) -> bool:
        """True when the bot, having spoken since our last utterance, has been silent for `seconds`."""
        if ear is None or ear.speaking or ear.started_at is None or ear.heard_at is None:
            return False
        spoke = ear.started_at > self._listen_from or ear.heard_at > self._listen_from + _STILL_SPEAKING_S
        return spoke and time.monotonic() - ear.heard_at >= seconds

    def has_spoken_for(self, ear: BotSound | None, seconds: float) -> bool:
        """True when the bot has been speaking for `seconds` and is not pausing now."""
        if ear is None or not ear.speaking or ear.started_at is None or ear.heard_at is None:
            return False
        now = time.monotonic()
        return now - ear.started_at >= seconds and now - ear.heard_at < _JUST_HEARD_S
