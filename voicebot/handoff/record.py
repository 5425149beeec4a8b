"""What the agent's screen shows of a call that was handed over."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from caller_id.types import Authentication, Caller, CallRate, NumberTrust
from dialogs.events import HandOff, Told
from dialogs.wire import Codec, Instant
from voicebot.handoff.keys import as_key, without_parameters
from voicebot.redaction import redact_text

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_REF_OCTETS = 24  # 192 bits: a reference cannot be guessed within its lifetime


def new_ref() -> str:
    """A new opaque reference, one that redaction does not take for a number: it must be found in logs and records."""
    while True:
        ref = secrets.token_urlsafe(_REF_OCTETS)
        if redact_text(ref) == ref:
            return ref


@dataclass(frozen=True, slots=True)
class HandOffRecord:
    """One hand-off. `number`, `number_trust` and `authentication` are three separate facts: a number is never proof."""

    ref: str
    """Opaque; whoever has it and the token may read the record."""
    call_id: str
    """Our own id of the call: finds its record and recording."""
    call_ref: str
    """The network's id of the call (SIP Call-ID)."""
    created: Instant
    expires: Instant
    queue: str
    priority: int
    segment: str
    language: str
    intent: str | None
    confidence: float | None
    second: str | None
    """A second intent that the caller named."""
    words: str
    """The caller's own, redacted."""
    tried: tuple[str, ...]
    """The steps of the conversation so far."""
    reason: str
    """Why the call is handed over."""
    entities: tuple[tuple[str, str], ...]
    """Name and value, redacted."""
    number: str | None
    """E.164, as the network tells it."""
    number_trust: NumberTrust
    """Who vouches for the number."""
    withheld: bool
    authentication: Authentication
    """How the caller proved who they are."""
    customer_ref: str | None
    """The directory's reference of the customer."""
    dialled: str | None
    diverted_from: str | None
    call_back: str | None = None
    """The number to call back, for a callback."""
    kind: str = "transfer"
    """transfer, callback or message."""
    due: str = ""
    """The earliest time for a callback, ISO 8601; "" for as soon as possible."""
    others: tuple[str, ...] = ()
    """Further matters, after `second`."""
    denied: tuple[str, ...] = ()
    """Matters that the caller said it is not."""
    story: tuple[Told, ...] = ()
    """What was said (redacted), asked, offered and answered, oldest first."""
    wishes: tuple[tuple[str, str], ...] = ()
    """The caller's wishes: a time for the callback, a language, slower speech."""
    bot_s: float = 0.0
    """How long the caller was with the bot, in seconds."""
    segment_by: str = "unknown"
    """How the segment is known: line, app, number, unknown."""
    answer_to: str | None = None
    """The number (E.164) on which an answer to a message is expected."""
    extension: str | None = None
    """The digits behind `number`, a switchboard's."""
    barred: bool = False
    """The bank has barred the number."""
    too_often: CallRate | None = None
    """The number calls more often than is usual; None when it does not."""
    level: str = ""
    """How the app authenticated the customer (OpenID Connect's `acr`); "" without its proof."""
    authenticated_at: Instant | None = None
    """When the app did so."""
    x_call_ref: str = ""
    """The reference of the call that the PBX or the trunk sent (header X-Call-Ref); "" where it sent none."""
    user_to_user: str = ""
    """What it sent as User-to-User (RFC 7433), without parameters; "" where it sent none."""


record_codec = Codec(HandOffRecord)


def make_record(
    action: HandOff,
    *,
    caller: Caller,
    call_id: str,
    call_ref: str,
    now: datetime,
    keep_for: timedelta,
    headers: Mapping[str, str] = NO_HEADERS,
) -> HandOffRecord:
    """The record of a hand-off, with everything the caller said redacted once more. `headers` are those of the call's offer."""
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
        others=action.others,
        denied=action.denied,
        story=tuple(Told(told.what, redact_text(told.text)) for told in action.story),
        wishes=tuple((name, redact_text(value)) for name, value in action.wishes),
        bot_s=action.bot_s,
        segment_by=action.segment_by,
        answer_to=action.answer_to,
        extension=caller.extension,
        barred=caller.barred,
        too_often=caller.too_often,
        level=caller.level,
        authenticated_at=caller.authenticated_at,
        x_call_ref=as_key(headers.get("x-call-ref", "")),
        user_to_user=as_key(without_parameters(headers.get("user-to-user", ""))),
    )
