"""The one gate that every hand-off passes: hours, exceptions, live closures, surge and expected waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dialogs.data.bundle import Bundle
from dialogs.events import Conditions


class Way(StrEnum):
    """How the gate stands."""

    OPEN = "open"
    CLOSED = "closed"
    LONG_WAIT = "long_wait"


@dataclass(frozen=True, slots=True)
class GateResult:
    """How the gate stands for a queue and why, with the expected wait in seconds if known. `switched`: a person closed it."""

    way: Way
    why: str
    wait_s: float | None = None
    switched: bool = False


def look(bundle: Bundle, conditions: Conditions, queue: str, now: datetime) -> GateResult:
    """Whether this queue takes a call now. An emergency queue always does."""
    spec = bundle.queues[queue]
    wait = dict(conditions.waits).get(queue)
    if spec.emergency:
        return GateResult(Way.OPEN, "emergency")
    for switch in conditions.switches:
        if switch.name == "closure" and switch.queue in ("", queue):
            return GateResult(Way.CLOSED, f"closed by {switch.who} since {switch.since}", wait, switched=True)
    if not bundle.calendar.is_open(spec.hours, now):
        return GateResult(Way.CLOSED, f"outside hours '{spec.hours}'", wait)
    surge = next((switch for switch in conditions.switches if switch.name == "surge" and switch.queue in ("", queue)), None)
    if surge:
        return GateResult(Way.LONG_WAIT, f"surge by {surge.who} since {surge.since}", wait)
    if wait is not None and wait > spec.long_wait_s:
        return GateResult(Way.LONG_WAIT, f"expected wait {wait:.0f} s is above {spec.long_wait_s:.0f} s", wait)
    return GateResult(Way.OPEN, f"hours '{spec.hours}'", wait)
