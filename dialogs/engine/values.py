"""The values prompts may speak, worked out from the call: matter, queue, wait, opening time, number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import TYPE_CHECKING

from dialogs.data.hours import DAYS
from dialogs.data.prompts import FAR_DAY
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
    values = {name: extra[name] if name in extra else _value(bundle, state, now, name, language) for name in names}
    if far := next((name for name in ("opens_day", "calls_day") if values.get(name) == FAR_DAY), None):
        moment = _moment(bundle, state, now, far)
        values["date"] = moment.date().isoformat() if moment else ""
    return tuple(values.items())


def _value(bundle: Bundle, state: CallState, now: datetime, name: str, language: str) -> str:
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
        case "opens" | "calls":
            return _time(bundle, _moment(bundle, state, now, name), now, name)
        case "opens_day" | "calls_day":
            return _day(bundle, _moment(bundle, state, now, name), now, language)
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


def _moment(bundle: Bundle, state: CallState, now: datetime, name: str) -> datetime | None:
    """When the queue opens, or when the callback will be made: the very time that is booked."""
    if name.startswith("calls"):
        return callback_time(bundle, state, now)
    queue = state.target.queue if state.target else bundle.default_queue
    opening = bundle.calendar.next_opening(bundle.queues[queue].hours, now)
    return opening.at if opening else None


def _time(bundle: Bundle, moment: datetime | None, now: datetime, name: str) -> str:
    if moment is None:
        return bundle.routes.callback.not_before.strftime("%H:%M") if name == "calls" else "08:00"
    return "24:00" if _ends_today(bundle, moment, now) else moment.strftime("%H:%M")


def _day(bundle: Bundle, moment: datetime | None, now: datetime, language: str) -> str:
    if moment is None:
        return "day.unknown"
    ahead = _days_ahead(bundle, moment, now)
    if ahead == 0 or _ends_today(bundle, moment, now):
        return "day.today"
    if ahead == 1:
        return "day.tomorrow"
    return FAR_DAY if ahead >= len(DAYS) and bundle.prompts.has(FAR_DAY, language) else f"day.{DAYS[moment.weekday()]}"


def _days_ahead(bundle: Bundle, moment: datetime, now: datetime) -> int:
    return (moment.date() - bundle.calendar.local(now).date()).days


def _ends_today(bundle: Bundle, moment: datetime, now: datetime) -> bool:
    """It is the midnight that ends today: "tomorrow from midnight" would be taken for the one after it."""
    return _days_ahead(bundle, moment, now) == 1 and moment.time() == time.min
