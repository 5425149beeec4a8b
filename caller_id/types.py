"""Three facts about a caller, kept apart everywhere: the number, how far it is trusted, and authentication."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NumberTrust(StrEnum):
    """How far the network vouches for the number (RFC 3325, RFC 8224)."""

    NONE = "none"
    TRUNK = "trunk"
    ATTESTED = "attested"


class Authentication(StrEnum):
    """Proof of identity; only the bank's app gives one."""

    NONE = "none"
    APP = "app"


class Segment(StrEnum):
    """The bank's customer segments; the dedicated lines carry the same names."""

    PRIVATE_BANKING = "private_banking"
    SELECT = "select"
    SME = "sme"
    MASS = "mass"


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known of the caller when the call starts.

    `number` is E.164 (+48…) or None when withheld or unreadable. `segment`, `language` and `tenure_years` are hints from the
    customer directory. `customer_ref` is the bank's own opaque reference, never a name.
    """

    number: str | None = None
    trust: NumberTrust = NumberTrust.NONE
    withheld: bool = False
    authentication: Authentication = Authentication.NONE
    segment: Segment = Segment.MASS
    language: str | None = None
    tenure_years: float | None = None
    customer_ref: str | None = None
    dialled: str | None = None
    diverted_from: str | None = None
