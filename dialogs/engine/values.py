"""The values prompts may speak, worked out from the call: matter, queue, wait, opening time, number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from dialogs.data.hours import DAYS
from dialogs.engine.callbacks import callback_time
from dialogs.engine.state import CallState

if TYPE_CHECKING:
    from dialogs.data.bundle import Bundle


def prompt_values(
    bundle: Bundle, state: CallState, now: datetime, prompt_id: str, language: str, extra: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """The parameters this prompt asks for in this language, in the order of its text."""
    if not bundle.prompts.has(prompt_id, language):
        return ()
    names = dict.fromkeys(name for name, _ in bundle.prompts.places(prompt_id, language))
    return tuple((name, extra[name] if name in extra else _value(bundle, state, now, name)) for name in names)


def _value(bundle: Bundle, state: CallState, now: datetime, name: str) -> str:
    known = state.candidate or state.matter
    match name:
        case "matter":
            return f"matter.{known.intent if known and known.intent else 'unknown'}"
        case "second":
            return f"matter.{state.second or 'unknown'}"
        case "queue":
            return f"queue.{state.target.queue if state.target else bundle.default_queue}"
        case "wait":
            seconds = state.target.wait_s if state.target and state.target.wait_s is not None else 0.0
            return str(max(1, round(seconds / 60)))
        case "opens" | "opens_day":
            return _opening(bundle, state, now, name)
        case "calls" | "calls_day":
            return _calling(bundle, state, now, name)
        case "first" | "middle" | "last":
            return f"matter.{_candidate(state, name)}"
        case "pair":
            return state.pair
        case "number":
            return state.number or state.caller.number or ""
        case "number_digits":
            return _dialled(state.number or state.caller.number or "")
        case _:
            return ""


def _candidate(state: CallState, name: str) -> str:
    offered = state.candidates or ("unknown",)
    return {"first": offered[0], "middle": offered[len(offered) // 2], "last": offered[-1]}[name]


def _dialled(e164: str) -> str:
    """The number as it is dialled from Poland: nine digits, or 00 and the country."""
    return e164.removeprefix("+48") if e164.startswith("+48") else e164.replace("+", "00")


def _calling(bundle: Bundle, state: CallState, now: datetime, name: str) -> str:
    """When the callback will be made: the very time that is booked."""
    due = callback_time(bundle, state, now)
    if name == "calls":
        return due.strftime("%H:%M") if due else bundle.routes.callback.not_before.strftime("%H:%M")
    return _day_name((due.date() - bundle.calendar.local(now).date()).days, due.weekday()) if due else "day.unknown"


def _day_name(days_ahead: int, weekday: int) -> str:
    return {0: "day.today", 1: "day.tomorrow"}.get(days_ahead, f"day.{DAYS[weekday]}")


def _opening(bundle: Bundle, state: CallState, now: datetime, name: str) -> str:
    queue = state.target.queue if state.target else bundle.default_queue
    opening = bundle.calendar.next_opening(bundle.queues[queue].hours, now)
    if name == "opens":
        return opening.at.strftime("%H:%M") if opening else "08:00"
    if opening is None:
        return "day.unknown"
    return _day_name(opening.days_ahead, opening.at.weekday())
