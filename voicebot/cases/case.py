"""A case, when it is due, and how it stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dialogs.data.hours import Calendar

_STEP = timedelta(minutes=5)
_MINUTE = timedelta(minutes=1)
_MOMENT = timedelta(microseconds=1)
_SOON = 0.25
"""A case is due soon when less of its time than this is left."""


class Status(StrEnum):
    """Where it is."""

    OPEN = "open"
    """Nobody has it."""
    TAKEN = "taken"
    """It has an owner."""
    DONE = "done"


class Standing(StrEnum):
    """How its time stands: the colour on the desk, always with its word."""

    ON_TIME = "on_time"
    SOON = "soon"
    LATE = "late"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Case:
    """A message or callback that somebody must deal with."""

    ref: str
    """Of the hand-off it comes from."""
    kind: str
    """message or callback."""
    queue: str
    intent: str | None
    language: str
    priority: int
    words: str
    """The customer's, redacted."""
    call_id: str
    asked_at: datetime
    """When the customer asked."""
    made_at: datetime
    due_at: datetime
    status: Status = Status.OPEN
    owner: str | None = None
    """The user who has it, or had it when it was done."""
    closed_at: datetime | None = None

    @property
    def was_late(self) -> bool:
        """Whether it was done after it was due."""
        return self.closed_at is not None and self.closed_at > self.due_at

    def standing(self, now: datetime) -> Standing:
        """On time until a quarter of the time is left, then soon, then late."""
        if self.status is Status.DONE:
            return Standing.DONE
        if now >= self.due_at:
            return Standing.LATE
        return Standing.SOON if (self.due_at - now) < _SOON * (self.due_at - self.asked_at) else Standing.ON_TIME


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a case's history."""

    at: datetime
    who: str
    what: str
    """opened, taken, given_back, noted, done or opened_again."""
    note: str
    """Redacted."""


def due(calendar: Calendar, hours: str, since: datetime, open_hours: float) -> datetime:
    """The moment when the hours of this name have been open for so long since then; plain time where they
    do not open within the coming year.
    """
    left, at = timedelta(hours=open_hours), since
    while left > timedelta():
        if calendar.is_open(hours, at):
            step = min(_STEP, left)
            if not calendar.is_open(hours, at + step - _MOMENT):  # they close meanwhile, on a whole minute
                step = min(left, _MINUTE - timedelta(seconds=at.second, microseconds=at.microsecond))
            at, left = at + step, left - step
            continue
        opening = calendar.next_opening(hours, at)
        if opening is None:
            return at + left
        at = opening.at.astimezone(since.tzinfo)
    return at
