"""Bounds of one conversation, and what it needs to know of the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from dialogs.events import Conditions
from voicebot.conversation.limits import DEFAULTS


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """Bounds of one conversation, in seconds, and what it needs to know of the service."""

    default_queue: str
    """The queue that takes any call we cannot steer."""
    language: str = "pl"
    max_call_s: float = DEFAULTS.max_call_s
    max_say_s: float = DEFAULTS.max_say_s
    """Playback that is not reported by then counts as heard."""
    understand_s: float = DEFAULTS.understand_s
    """The classifier is done without by then."""
    max_hold_s: float = DEFAULTS.max_hold_s
    """A call on hold for so long is ended: nobody listens."""
    still_s: float = 0.0
    """A caller who waits so long to be put through is told once that we are still at it; 0: never."""
    authorise_s: float = 180.0
    """A request to the caller's app is over by then, whatever its own life."""
    code_digits: int = 0
    """So many a code of the app has; 0 where none is typed."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    """The time of day the dialogue is told."""
    conditions: Callable[[], Conditions] | None = None
    """The live conditions now; the dialogue hears of a change before its next event."""
