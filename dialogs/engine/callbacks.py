"""When a callback is made: one rule for what is promised and what is booked."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from dialogs.data.bundle import Bundle
from dialogs.engine.state import CallState

DAY, PART = "callback_day", "callback_part"
"""Names of the caller's wishes: a day (ISO 8601) and a part of the day."""
PARTS = {"morning": time(8), "afternoon": time(13), "evening": time(17)}
_MOST_STEPS = 40
_FARTHEST = timedelta(days=6)  # a day of the week would be ambiguous; a wish beyond that is told to the agent


def callback_time(bundle: Bundle, state: CallState, now: datetime) -> datetime | None:
    """The earliest time of the callback that is being promised, on the bank's wall clock; None: as soon as the place comes up."""
    hours = _hours(bundle, state)
    wished = _wished(bundle, state, now, _hours(bundle, state))
    if wished is None and bundle.calendar.is_open(hours, now):
        return None
    return _first_within(bundle, hours, wished or bundle.calendar.local(now))


def kept(bundle: Bundle, state: CallState, now: datetime) -> bool:
    """Whether what the caller wished for is what is promised; True when nothing was wished."""
    if not {DAY, PART} & set(state.wishes):
        return True
    wished, due = _wished(bundle, state, now, _hours(bundle, state)), callback_time(bundle, state, now)
    if wished is None or due is None or due.date() != wished.date():
        return False
    return PART not in state.wishes or due - wished < timedelta(hours=4)


def _wished(bundle: Bundle, state: CallState, now: datetime, hours: str) -> datetime | None:
    """The beginning of the day, or part of a day, that the caller wished for; None without a wish, or when it is too far away."""
    local = bundle.calendar.local(now)
    part, written = state.wishes.get(PART), state.wishes.get(DAY)
    if part is None and written is None:
        return None
    day = datetime.fromisoformat(written).date() if written else local.date()
    wished = datetime.combine(day, PARTS[part] if part else time(0), bundle.calendar.zone)
    if not written:
        wished = _next_part(bundle, hours, wished, local)
    return max(wished, local) if timedelta(days=-1) <= wished - local <= _FARTHEST else None


def _next_part(bundle: Bundle, hours: str, today: datetime, local: datetime) -> datetime:
    """The first day from today on when this part of the day lies ahead and within the hours; the next one when none does."""
    ahead = [day for days in range(_FARTHEST.days + 1) if (day := today + timedelta(days=days)) >= local]
    return next((day for day in ahead if _first_within(bundle, hours, day) == day), ahead[0])


def _hours(bundle: Bundle, state: CallState) -> str:
    """The hours of the people who would call."""
    return bundle.queues[state.target.queue if state.target else bundle.default_queue].hours


def _first_within(bundle: Bundle, hours: str, start: datetime) -> datetime | None:
    """The first moment from `start` on that lies within the queue's hours and within those of callbacks."""
    rule, calendar, moment = bundle.routes.callback, bundle.calendar, start
    for _ in range(_MOST_STEPS):
        if not calendar.is_open(hours, moment):
            opening = calendar.next_opening(hours, moment)
            if opening is None:
                return None
            moment = opening.at
        if moment.time() < rule.not_before:
            moment = datetime.combine(moment.date(), rule.not_before, calendar.zone)
        elif moment.time() >= rule.not_after:
            moment = datetime.combine(moment.date() + timedelta(days=1), rule.not_before, calendar.zone)
        if calendar.is_open(hours, moment) and rule.not_before <= moment.time() < rule.not_after:
            return moment
    return None
