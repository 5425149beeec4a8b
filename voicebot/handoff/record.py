"""What the agent's screen shows of a call that was handed over."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from caller_id.types import Authentication, Caller, NumberTrust
from dialogs.events import HandOff
from voicebot.redaction import redact_text

_REF_OCTETS = 24  # 192 bits: a reference cannot be guessed within its lifetime


def new_ref() -> str:
    """A new opaque reference, one that redaction does not take for a number: it must be found in logs and records."""
    while True:
        ref = secrets.token_urlsafe(_REF_OCTETS)
        if redact_text(ref) == ref:
            return ref


@dataclass(frozen=True, slots=True)
class HandOffRecord:
    """One hand-off.

    `number`, `number_trust` and `authentication` are three separate facts: a number is never proof. `words` are the caller's own,
    redacted. `call_id` is ours, `call_ref` the network's (SIP Call-ID), both to find the recording and the statistics. `kind` is
    transfer, callback (to `call_back`, not before `due`) or message.
    """

    ref: str
    call_id: str
    call_ref: str
    created: datetime
    expires: datetime
    queue: str
    priority: int
    segment: str
    language: str
    intent: str | None
    confidence: float | None
    second: str | None
    words: str
    tried: tuple[str, ...]
    reason: str
    entities: tuple[tuple[str, str], ...]
    number: str | None
    number_trust: NumberTrust
    withheld: bool
    authentication: Authentication
    customer_ref: str | None
    dialled: str | None
    diverted_from: str | None
    call_back: str | None = None
    kind: str = "transfer"
    due: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON values; times in ISO 8601."""
        values = asdict(self)
        return values | {
            "created": self.created.isoformat(),
            "expires": self.expires.isoformat(),
            "tried": list(self.tried),
            "entities": [list(pair) for pair in self.entities],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HandOffRecord:
        """The record from `as_dict`. Raises KeyError, TypeError or ValueError when the values are none."""
        return cls(
            **values
            | {
                "created": datetime.fromisoformat(values["created"]),
                "expires": datetime.fromisoformat(values["expires"]),
                "tried": tuple(values["tried"]),
                "entities": tuple((name, value) for name, value in values["entities"]),
                "number_trust": NumberTrust(values["number_trust"]),
                "authentication": Authentication(values["authentication"]),
            }
        )


def make_record(
    action: HandOff, *, caller: Caller, call_id: str, call_ref: str, now: datetime, keep_for: timedelta
) -> HandOffRecord:
    """The record of a hand-off, with everything the caller said redacted once more."""
    return HandOffRecord(
        ref=new_ref(),
        call_id=call_id,
        call_ref=call_ref,
        created=now,
        expires=now + keep_for,
        queue=action.queue,
        priority=action.priority,
        segment=action.segment,
        language=action.language,
        intent=action.intent,
        confidence=action.confidence,
        second=action.second,
        words=redact_text(action.words),
        tried=tuple(redact_text(step) for step in action.tried),
        reason=action.reason,
        entities=tuple((name, redact_text(value)) for name, value in action.entities),
        number=caller.number,
        number_trust=caller.trust,
        withheld=caller.withheld,
        authentication=caller.authentication,
        customer_ref=caller.customer_ref,
        dialled=caller.dialled,
        diverted_from=caller.diverted_from,
        call_back=action.call_back,
        kind="callback" if action.call_back is not None else action.kind,
        due=action.due,
    )
