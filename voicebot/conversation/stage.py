"""What the driver needs of the world, and the facts the world tells it that are not yet events of the dialogue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from audio.types import Recognition
from dialogs.events import (
    Action,
    AuthorisationAsked,
    AuthorisationResult,
    Authorise,
    CodeResult,
    Event,
    HandOff,
    HandOffResult,
    Listen,
    Say,
)
from nlu.types import Hypothesis, Understanding


class Stage(Protocol):
    """The world of sound (or text) of one call."""

    async def say(self, say: Say) -> None:
        """Begin to speak; `CallDriver.playback_stopped` comes back for the mark."""
        ...

    async def stop_speaking(self) -> None:
        """Fall silent now; `playback_stopped(finished=False)` has come back for every mark when this returns."""
        ...

    async def resume_speaking(self) -> None:
        """Go on with what was paused when the caller began to speak."""
        ...

    async def listen(self, listen: Listen | None) -> None:
        """Hear speech with these expectations from now on; None: keys only."""
        ...

    async def stop_recording(self) -> None:
        """Stop the recording and keep nothing of it."""
        ...

    async def hang_up(self) -> None:
        """End the call."""
        ...


class Conversation(Protocol):
    """A pure dialogue (see `dialogs.Dialog`)."""

    def handle(self, event: Event, now: datetime) -> list[Action]:
        """Take one event, answer with actions."""
        ...


Understand = Callable[[Sequence[Hypothesis], str], Awaitable[Understanding]]
"""Hypotheses (best first) and the language; raises whatever a classifier may raise."""

HandOver = Callable[[HandOff], Awaitable[HandOffResult]]
"""Puts the caller through; comes back when it is known how that ended."""

Prove = Callable[[Authorise, Callable[[AuthorisationAsked], None]], Awaitable[AuthorisationResult]]
"""Has the caller's app asked for proof; tells when the app shows the request, and comes back with its answer."""

TakeCode = Callable[[str], Awaitable[CodeResult]]
"""Spends the code that the caller typed, and tells who they are."""

Backchannel = Callable[[str, Listen], bool]
"""Whether words said over the bot were only a sign of attention."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """Speech was recognised, not yet understood. `ended_at` is the monotonic time at which it ended."""

    recognition: Recognition
    final: bool
    over_bot: bool
    speech_s: float = 0.0
    ended_at: float = 0.0


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak; `over_bot`: the bot spoke and is paused now."""

    over_bot: bool


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first sample of a mark was sent at monotonic time `at`."""

    mark: str
    at: float


@dataclass(frozen=True, slots=True)
class PlaybackStopped:
    """A mark was played to its end, or stopped after `played_s`."""

    mark: str
    finished: bool
    played_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StillConnecting:
    """The `number`-th hand-off of the call has been under way for a while."""

    number: int


@dataclass(frozen=True, slots=True)
class TimerRang:
    """The silence timer's `number`-th run ended after `seconds`."""

    number: int
    seconds: float


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """The far end holds the call, or took it back."""

    held: bool


@dataclass(frozen=True, slots=True)
class HoldTooLong:
    """The `number`-th hold of the call has lasted as long as it may."""

    number: int


@dataclass(frozen=True, slots=True)
class KeysPaused:
    """No other key followed the `number`-th in time: the digits typed are all there are."""

    number: int


@dataclass(frozen=True, slots=True)
class SpeechLost:
    """The `number`-th turn of the caller should have ended long ago; its end was not reported."""

    number: int


@dataclass(frozen=True, slots=True)
class PutThroughNow:
    """Whatever is being said: the caller must go to the default queue now (the service stops)."""

    why: str


Fact = (
    Recognised
    | SpeechStarted
    | PlaybackStarted
    | PlaybackStopped
    | TimerRang
    | StillConnecting
    | HoldChanged
    | HoldTooLong
    | KeysPaused
    | SpeechLost
    | PutThroughNow
    | Event
)
