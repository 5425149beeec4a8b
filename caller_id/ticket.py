"""The one-use ticket of an authenticated customer: a signed token (JWS, RFC 7515) that ties one call to them.

Signing and checking are here, without I/O: the time and the keys come in. That a ticket works once is not here: whoever accepts
one spends its `id` before anything else happens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey

from caller_id.types import Segment

TICKET_TYPE = "c2c+jwt"
"""The header `typ`: another token of the same issuer is no ticket."""
ALGORITHMS = ("Ed25519", "ES256")
MOST_OCTETS = 4096
LONGEST_LIFE = timedelta(seconds=120)
LEEWAY = timedelta(seconds=5)
"""Clocks may differ so much."""
CODE_LEAD = "8"
"""How every code for the telephone begins: menus have no such key, so all their keys count at once, and whoever begins so types a
code.
"""
FINGERPRINT = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){31}")
"""A certificate's SHA-256 as SDP writes it (RFC 8122), in capitals."""

SigningKey = OKPKey | ECKey


class Refusal(StrEnum):
    """Why a ticket is not accepted."""

    SIZE = "size"
    MALFORMED = "malformed"
    TYPE = "type"
    ALGORITHM = "algorithm"
    KEY = "key"
    """Its key is unknown, was revoked, or is another's."""
    ALTERED = "altered"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    EARLY = "early"
    """It was issued in the future: a clock is wrong, or it is forged."""
    LIFE = "life"
    """It is to live longer than any ticket may."""
    CLAIMS = "claims"
    FINGERPRINT = "fingerprint"
    """It is bound to another certificate than the call's."""
    REPLAYED = "replayed"
    CODE = "code"
    """Nobody has this code, or no longer."""
    TRIES = "tries"
    UNAVAILABLE = "unavailable"
    """Whether it was used before cannot be known just now."""


class TicketRefused(Exception):
    """A ticket that is not accepted; `reason` says why, `code` is "ticket.<reason>"."""

    def __init__(self, reason: Refusal | str) -> None:
        self.reason = Refusal(reason)
        self.code = f"ticket.{self.reason}"
        super().__init__(_WORDS[self.reason])


_WORDS: Mapping[Refusal, str] = {
    Refusal.SIZE: f"the ticket is longer than {MOST_OCTETS} octets",
    Refusal.MALFORMED: "this is no ticket: it must be a compact JWS, as it was issued",
    Refusal.TYPE: f"this is another kind of token: typ must be {TICKET_TYPE}",
    Refusal.ALGORITHM: f"a ticket is signed by one of {', '.join(ALGORITHMS)}",
    Refusal.KEY: "the ticket's key is unknown or was revoked; ask for another ticket",
    Refusal.ALTERED: "the ticket's signature does not fit",
    Refusal.ISSUER: "the ticket was issued by somebody else",
    Refusal.AUDIENCE: "the ticket is meant for somebody else",
    Refusal.EXPIRED: "the ticket has expired; ask for one when the customer taps Call",
    Refusal.EARLY: "the ticket was issued in the future",
    Refusal.LIFE: f"the ticket lives longer than {LONGEST_LIFE.total_seconds():.0f} s",
    Refusal.CLAIMS: "the ticket lacks a claim, or one is not of its form",
    Refusal.FINGERPRINT: "the ticket is bound to another DTLS certificate than the call's",
    Refusal.REPLAYED: "the ticket was used before; ask for another one",
    Refusal.CODE: "nobody has this code, or no longer",
    Refusal.TRIES: "too many wrong codes",
    Refusal.UNAVAILABLE: "tickets cannot be checked just now; try again",
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the bank's back end vouches for. Nothing readable about the customer is in it."""

    id: str
    """128 random bits, and spent with the ticket."""
    customer: str
    """The bank's own opaque reference."""
    segment: Segment
    level: str
    """How the customer was authenticated, in the bank's words (`acr`)."""
    auth_time: datetime
    """When they were."""
    issued: datetime
    expires: datetime
    client: str
    """The bank client that asked for it."""
    language: str | None = None
    """ISO 639."""
    screen: str = ""
    """Where in the app the customer tapped Call: what they may want."""
    device: str = ""
    """The bank's opaque reference of the device."""
    fingerprint: str | None = None
    """SHA-256 of the DTLS certificate that the call must show (`FINGERPRINT`); None: any call may."""


def sign(ticket: Ticket, key: SigningKey, *, issuer: str, audience: str) -> str:
    """The token. `key` is private and carries its `alg` and `kid`."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": ticket.customer,
        "jti": ticket.id,
        "iat": _seconds(ticket.issued),
        "nbf": _seconds(ticket.issued),
        "exp": _seconds(ticket.expires),
        "acr": ticket.level,
        "auth_time": _seconds(ticket.auth_time),
        "client_id": ticket.client,
        "segment": ticket.segment.value,
        "lang": ticket.language,
        "screen": ticket.screen or None,
        "device": ticket.device or None,
        "fp": ticket.fingerprint,
    }
    header = {"alg": key.alg, "kid": key.kid, "typ": TICKET_TYPE}
    told = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(header, told, key, algorithms=[str(key.alg)])


def verify(token: str, keys: KeySet, now: datetime, *, issuer: str, audience: str) -> Ticket:
    """The ticket in a token that one of `keys` signed and that holds at `now`. Raises TicketRefused, and nothing else."""
    if len(token) > MOST_OCTETS:
        raise TicketRefused(Refusal.SIZE)
    _check_header(token, keys)
    try:
        claims = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
    except BadSignatureError as error:
        raise TicketRefused(Refusal.ALTERED) from error
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise TicketRefused(Refusal.MALFORMED) from error
    if claims.get("iss") != issuer:
        raise TicketRefused(Refusal.ISSUER)
    if claims.get("aud") != audience:  # a text: a list that names us among others was not made for us
        raise TicketRefused(Refusal.AUDIENCE)
    ticket = _ticket(claims)
    _check_times(ticket, now)
    return ticket


def _check_header(token: str, keys: KeySet) -> None:
    """What the header claims, before the costly signature: so that each mistake has its own name."""
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise TicketRefused(Refusal.MALFORMED) from error
    if header.get("typ") != TICKET_TYPE:
        raise TicketRefused(Refusal.TYPE)
    if header.get("alg") not in ALGORITHMS:
        raise TicketRefused(Refusal.ALGORITHM)
    key = next((each for each in keys.keys if each.kid == header.get("kid")), None)
    if key is None:
        raise TicketRefused(Refusal.KEY)
    if key.alg is not None and key.alg != header["alg"]:
        raise TicketRefused(Refusal.ALGORITHM)


def _check_times(ticket: Ticket, now: datetime) -> None:
    if ticket.expires + LEEWAY <= now:
        raise TicketRefused(Refusal.EXPIRED)
    if ticket.issued - LEEWAY > now:
        raise TicketRefused(Refusal.EARLY)
    if not timedelta(0) < ticket.expires - ticket.issued <= LONGEST_LIFE:
        raise TicketRefused(Refusal.LIFE)


def _ticket(claims: Mapping[str, Any]) -> Ticket:
    try:
        fingerprint = _optional(claims, "fp")
        if fingerprint is not None and not FINGERPRINT.fullmatch(fingerprint):
            raise ValueError("fp")
        return Ticket(
            id=_text(claims, "jti"),
            customer=_text(claims, "sub"),
            segment=Segment(_text(claims, "segment")),
            level=_text(claims, "acr"),
            auth_time=_time(claims, "auth_time"),
            issued=_time(claims, "iat"),
            expires=_time(claims, "exp"),
            client=_text(claims, "client_id"),
            language=_optional(claims, "lang"),
            screen=_optional(claims, "screen") or "",
            device=_optional(claims, "device") or "",
            fingerprint=fingerprint,
        )
    except (KeyError, ValueError, TypeError, OverflowError, OSError) as error:
        raise TicketRefused(Refusal.CLAIMS) from error


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims[name]
    if not isinstance(value, str) or not value:
        raise ValueError(name)
    return value


def _optional(claims: Mapping[str, Any], name: str) -> str | None:
    return _text(claims, name) if name in claims else None


def _time(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(name)
    return datetime.fromtimestamp(value, UTC)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
