"""`Hold`: a call that the far end holds. Everything waits; what others did meanwhile counts afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from dialogs.events import HandOffResult, HungUp, KeyPressed, Resumed
from voicebot.conversation.stage import (
    Fact,
    HoldChanged,
    HoldTooLong,
    KeysPaused,
    PlaybackStarted,
    PlaybackStopped,
    PutThroughNow,
    Recognised,
    SpeechLost,
    SpeechStarted,
    StillConnecting,
    TimerRang,
)

_OF_THE_FAR_END = (
    Recognised,
    SpeechStarted,
    SpeechLost,
    PlaybackStarted,
    PlaybackStopped,
    TimerRang,
    KeyPressed,
    KeysPaused,
    StillConnecting,
)
"""Sounds and keys while on hold are music and other people's: nobody answers us, and nobody listens."""


class Hold:
    """The holds of one call. `number` counts them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.number = 0
        self._clock = clock
        self._began: float | None = None
        self._cut_off: tuple[str, ...] = ()
        self._kept: list[Fact] = []

    @property
    def on(self) -> bool:
        """Whether the call is on hold now."""
        return self._began is not None

    def begin(self, speaking: Iterable[str]) -> None:
        """The far end holds the call; these marks were being said."""
        self.number += 1
        self._began = self._clock()
        self._cut_off = tuple(speaking)

    def end(self) -> tuple[Resumed, list[Fact]]:
        """The far end took the call back: what to tell the dialogue, and what was kept."""
        held_s = 0.0 if self._began is None else round(self._clock() - self._began, 1)
        self._began = None
        kept, self._kept = self._kept, []
        return Resumed(held_s, self._cut_off), kept

    def forget(self) -> None:
        """The call ends or is put through: there is no afterwards."""
        self._began = None

    def keeps(self, fact: Fact) -> bool:
        """Whether this fact must not be taken now: the call is on hold. What matters afterwards is kept."""
        if isinstance(fact, HandOffResult) and fact.ok:
            self.forget()  # a hold that a good transfer leaves behind has no end of its own
        if not self.on or isinstance(fact, HoldChanged | HoldTooLong | PutThroughNow | HungUp):
            return False
        if not isinstance(fact, _OF_THE_FAR_END):
            self._kept.append(fact)
        return True
