"""What came of a scripted call: a timeline on the system's monotonic clock, and the figures read off it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened in a call."""

    call: str
    """The script's name."""
    at: float
    """Seconds of CLOCK_MONOTONIC, the same clock in every process of the machine."""
    what: str
    """dialling, ringing, answered, step_{began,ended,timed_out}, bot_{started,stopped}, transfer, put_through or ended."""
    step: int = 0
    """Counts from 1; 0 is none."""
    detail: str = ""
    """The step's name, the transfer's target, or the closing reason."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds measured at a step of the script."""

    step: int
    """Counts from 1."""
    seconds: float


@dataclass(frozen=True, slots=True)
class CallReport:
    """The whole call. Times are as heard by the caller, network and jitter buffer included."""

    call: str
    """The script's name."""
    answered: bool
    status: int = 0
    """The SIP status that refused the call, or 0."""
    close_reason: str = ""
    transfer_target: str = ""
    """The Refer-To received."""
    put_through: bool = False
    """The call to the transfer's target was answered."""
    duration_s: float = 0.0
    """From the answer to the end."""
    heard_s: float = 0.0
    """How long the bot spoke."""
    responses: tuple[Latency, ...] = ()
    """From the end of our own utterance (the start of the last key) to the first sound of the bot after it."""
    stops: tuple[Latency, ...] = ()
    """From the start of our own utterance or key to the last sound of the bot that was speaking then."""
    timed_out: tuple[int, ...] = ()
    """Steps whose wait ended without what they waited for."""
    recording: str = ""
    """The WAV file of what was heard, if asked for."""
    moments: tuple[Moment, ...] = ()
    """All that happened, in order of time."""

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
