"""Events of a queue, and what they come to, in whatever order and however often they are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LATEST = timedelta(days=7)
"""An event may be told so late."""


class What(StrEnum):
    """What happened to a call that was handed over."""

    QUEUED = "queued"
    ANSWERED = "answered"
    PASSED_ON = "passed_on"
    """An agent gave it to another queue."""
    ENDED = "ended"
    ABANDONED = "abandoned"
    """The caller left while waiting."""
    WRAP_UP = "wrap_up"
    """The agent's code of what it was."""


class How(StrEnum):
    """How an agent passed a call on."""

    BLIND = "blind"
    ATTENDED = "attended"


@dataclass(frozen=True, slots=True)
class Event:
    """One event."""

    ref: str
    """Our reference of the hand-off."""
    what: What
    at: datetime
    """Aware."""
    queue: str | None = None
    to_queue: str | None = None
    how: How | None = None
    talk_s: float | None = None
    wrap_up: str | None = None
    """The contact centre's code, redacted."""
    agent: str | None = None
    """A pseudonym."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the events of one hand-off come to."""

    ref: str
    queued_at: datetime | None = None
    answered_at: datetime | None = None
    """By the first agent."""
    passed_on_at: datetime | None = None
    """By the first agent, after they answered."""
    to_queue: str | None = None
    """Where to."""
    right_agent_at: datetime | None = None
    """When an agent answered who did not pass it on; None while nobody did."""
    abandoned_at: datetime | None = None
    ended_at: datetime | None = None
    wrap_up: str | None = None

    @property
    def waited_s(self) -> float | None:
        """From the queue to the first agent."""
        if self.queued_at is None or self.answered_at is None:
            return None
        return max(0.0, (self.answered_at - self.queued_at).total_seconds())

    @property
    def kept_s(self) -> float | None:
        """For how long the first agent had the call before passing it on."""
        if self.answered_at is None or self.passed_on_at is None:
            return None
        return (self.passed_on_at - self.answered_at).total_seconds()


_ORDER = {what: place for place, what in enumerate(What)}  # of one moment: queued before answered, answered before passed on


def outcome_of(ref: str, events: Iterable[Event]) -> Outcome:
    """The outcome of one hand-off. The order in which events come, and repetitions, change nothing."""
    told = _in_order(list(events))
    first = {each.what: each for each in reversed(told)}
    last = {each.what: each for each in told}
    queued, answered = first.get(What.QUEUED), first.get(What.ANSWERED)
    passed = [each for each in told if each.what is What.PASSED_ON and (answered is None or each.at >= answered.at)]
    first_passed = passed[0] if passed and answered is not None else None
    answers = [each.at for each in told if each.what is What.ANSWERED]
    last_passed = passed[-1].at if passed else None
    right = next((at for at in answers if last_passed is None or at > last_passed), None)
    abandoned, ended, wrapped = first.get(What.ABANDONED), last.get(What.ENDED), last.get(What.WRAP_UP)
    return Outcome(
        ref,
        queued.at if queued is not None else None,
        answered.at if answered is not None else None,
        first_passed.at if first_passed is not None else None,
        first_passed.to_queue if first_passed is not None else None,
        right,
        abandoned.at if abandoned is not None and (not answers or abandoned.at > answers[-1]) else None,
        ended.at if ended is not None else None,
        next((each.wrap_up for each in (wrapped, ended) if each is not None and each.wrap_up), None),
    )


def _in_order(events: Sequence[Event]) -> list[Event]:
    """Each thing that happened at one moment once."""
    once = {(each.at, each.what): each for each in events}
    if len(once) < len(events):  # seldom: sorting by all that they have takes its time
        once = {(each.at, each.what): each for each in sorted(events, key=_place)}
    return sorted(once.values(), key=lambda each: (each.at, _ORDER[each.what])) if len(once) > 1 else list(once.values())


def _place(event: Event) -> tuple[object, ...]:
    """The rest makes the order of two that differ in nothing else always the same."""
    return (
        event.at,
        _ORDER[event.what],
        event.talk_s or 0.0,
        event.queue or "",
        event.to_queue or "",
        event.how or "",
        event.wrap_up or "",
        event.agent or "",
    )
