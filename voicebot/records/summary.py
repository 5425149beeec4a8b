"""One call in one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from caller_id.phone_numbers import shorten
from dialogs.wire import Codec, Instant


@dataclass(frozen=True, slots=True)
class CallSummary:
    """What statistics and lists need of a call."""

    call_id: str
    started: Instant
    ended: Instant
    outcome: str
    """The driver's word for its end: handed_over, goodbye, caller_hung_up, shutdown…"""
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
    """From the answer to the hand-off."""
    response_ms: tuple[int, ...] = ()
    """From the end of speech to the first audio of the answer, in call order."""
    bundle_version: str = ""
    model: str = ""
    recording: str | None = None
    handoff_ref: str | None = None
    survey: str | None = None
    """The answer to the survey by its name in the flow (helped, not_helped), None where none was given."""
    channel: str = "voice"
    """voice or chat."""
    release: str = ""
    """The release that it was served by; "" for the configuration's own bundle."""
    turns: int = 0
    """Times of listening that an answer, a key or a silence ended; see `voicebot.records.turns`."""
    no_match: int = 0
    no_input: int = 0
    reasks: int = 0
    asked_human: str = ""
    """"before" or "after" a matter was taken as told; "" never."""
    by_keys: bool = False
    first_decision: str | None = None
    """Of the classifier on the first answer."""
    last_decision: str | None = None

    def with_short_number(self) -> CallSummary:
        """The same, of the number only the country and the last three digits."""
        return self if self.number is None else replace(self, number=shorten(self.number))


summary_codec = Codec(CallSummary)


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
    number_hash: str | None = None
    """The keyed hash of the caller's whole number, on its way to the database; None in a record that is read back from there."""

    def encode(self) -> dict[str, Any]:
        """As JSON values."""
        hashed = {} if self.number_hash is None else {"number_hash": self.number_hash}
        return {"call": summary_codec.encode(self.summary), "lines": list(self.lines), **hashed}

    @classmethod
    def decode(cls, values: dict[str, Any]) -> CallRecord:
        """The record that `encode` wrote. Raises WireError (a ValueError), KeyError or TypeError."""
        return cls(summary_codec.decode(values["call"]), list(values["lines"]), values.get("number_hash"))
