"""One call in one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from caller_id.numbers import shorten


@dataclass(frozen=True, slots=True)
class CallSummary:
    """What statistics and lists need of a call.

    `outcome` is the driver's word for its end (handed_over, goodbye, caller_hung_up…). `seconds_to_steer` runs from the answer to
    the hand-off. `response_ms` are the times from the end of speech to the first audio of the answer, in call order. `survey` is
    the answer to the survey's question by its name in the flow (helped, not_helped), None where none was given.
    """

    call_id: str
    started: datetime
    ended: datetime
    outcome: str
    line: str = "main"
    language: str = "pl"
    number: str | None = None
    segment: str = "mass"
    intent: str | None = None
    confidence: float | None = None
    decision: str | None = None
    queue: str | None = None
    priority: int = 0
    seconds_to_steer: float | None = None
    response_ms: tuple[int, ...] = ()
    bundle_version: str = ""
    model: str = ""
    recording: str | None = None
    handoff_ref: str | None = None
    survey: str | None = None

    def with_short_number(self) -> CallSummary:
        """The same, of the number only the country and the last three digits."""
        return self if self.number is None else replace(self, number=shorten(self.number))

    def as_dict(self) -> dict[str, Any]:
        """As JSON values; times in ISO 8601."""
        times = {"started": self.started.isoformat(), "ended": self.ended.isoformat()}
        return asdict(self) | times | {"response_ms": list(self.response_ms)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CallSummary:
        """The summary from `as_dict`; fields it does not know are left out. Raises KeyError, TypeError or ValueError."""
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        times = {name: datetime.fromisoformat(values[name]) for name in ("started", "ended")}
        return cls(**known | times | {"response_ms": tuple(values.get("response_ms", ()))})


@dataclass(frozen=True, slots=True)
class SurveyCount:
    """How many callers of a line with this matter (None: unknown) gave this answer to the survey."""

    line: str
    intent: str | None
    answer: str | None
    calls: int


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call's summary and its journal."""

    summary: CallSummary
    lines: Sequence[dict[str, Any]] = ()

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"call": self.summary.as_dict(), "lines": list(self.lines)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CallRecord:
        """The record from `as_dict`. Raises KeyError, TypeError or ValueError."""
        return cls(CallSummary.from_dict(values["call"]), list(values["lines"]))
