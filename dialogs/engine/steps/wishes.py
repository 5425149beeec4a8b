"""What callers wish for beside their matter: a day or a part of the day for a callback. And their words, kept for the agent."""

from __future__ import annotations

from datetime import date, timedelta

from dialogs.data.flow import Collect, Question
from dialogs.data.hours import DAYS
from dialogs.engine.callbacks import DAY, PART, PARTS
from dialogs.engine.readings.hints import heard_in, words_of
from dialogs.engine.readings.words import ALSO
from dialogs.engine.turn import Turn
from dialogs.events import Heard

_WEEKDAYS = {"monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5, "sunday": 6}
PRIVATELY = "privately"


def hear(turn: Turn, heard: Heard) -> None:
    """Note what was said, and what was wished by it."""
    state = turn.state
    text = (heard.understanding.text if heard.understanding else heard.text).strip()
    if not text:
        return
    state.tell("said", text)
    words = words_of(text)
    hints_of = turn.bundle.flow.hints_of
    if heard_in(hints_of(PRIVATELY, state.language), words):
        state.private = True
    if heard_in(hints_of(ALSO, state.language), words):
        state.several = True
    step = turn.bundle.flow.steps.get(state.step)
    if not isinstance(step, Question | Collect) or "callback" not in _leads_to(step):
        return
    parts = [part for part in PARTS if heard_in(hints_of(part, state.language), words)]
    days = [entity.value for entity in (heard.understanding.entities if heard.understanding else ()) if entity.kind == "date"]
    day = _day(turn, days[-1]) if days else None  # a correction comes last
    if day is not None:
        state.wishes[DAY] = day.isoformat()
    if parts:
        state.wishes[PART] = parts[-1]
    if day is not None or parts:
        turn.decide("wish", "a time for the callback was wished for")


def _leads_to(step: Question | Collect) -> frozenset[str]:
    """Options by which this step books a callback; taking a number for one is part of it."""
    return frozenset({"callback"}) if isinstance(step, Collect) else frozenset((*step.answers, *step.keys.values()))


def _day(turn: Turn, value: str) -> date | None:
    """The day of a date entity: "D+1", a day of the week (the next one), or ISO 8601."""
    today = turn.bundle.calendar.local(turn.now).date()
    if value.startswith("D+") and value[2:].isdigit():
        return today + timedelta(days=int(value[2:]))
    weekday = _WEEKDAYS.get(value)
    if weekday is not None:
        return today + timedelta(days=(weekday - today.weekday()) % len(DAYS) or len(DAYS))
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
