"""What came of a scripted call: a timeline on the system's monotonic clock, and the figures read off it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Moment:
    """Something happened at `at`, in seconds of CLOCK_MONOTONIC (the same clock in every process of the machine).

    `what`: dialling, ringing, answered, step_began, step_ended, step_timed_out, bot_started, bot_stopped, transfer, put_through,
    ended. `step` counts from 1; 0 is none. `detail`: the step's name, the transfer's target, the closing reason.
    """

    call: str
    at: float
    what: str
    step: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds measured at a step of the script (counted from 1)."""

    step: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CallReport:
    """The whole call.

    `answered`: it was. `status`: the SIP status that refused it, or 0. `responses`: from the end of our own utterance (the start
    of the last key) to the first sound of the bot after it. `stops`: from the start of our own utterance or key to the last sound
    of the bot that was speaking then. `transfer_target`: the Refer-To received; `put_through`: the call to it was answered.
    `timed_out`: steps that waited in vain. Times are as heard here, network and jitter buffer included.
    """

    call: str
    answered: bool
    status: int = 0
    close_reason: str = ""
    transfer_target: str = ""
    put_through: bool = False
    duration_s: float = 0.0
    heard_s: float = 0.0
    responses: tuple[Latency, ...] = ()
    stops: tuple[Latency, ...] = ()
    timed_out: tuple[int, ...] = ()
    recording: str = ""
    moments: tuple[Moment, ...] = ()

    def json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def parse_report(data: Mapping[str, Any]) -> CallReport:
    """The report `CallReport.json` wrote."""
    values = dict(data)
    for name in ("responses", "stops"):
        values[name] = tuple(Latency(**item) for item in values[name])
    values["moments"] = tuple(Moment(**item) for item in values["moments"])
    values["timed_out"] = tuple(values["timed_out"])
    return CallReport(**values)
