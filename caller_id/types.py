"""Three facts about a caller, kept apart everywhere: the number, how far it is trusted, and authentication."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
    """What is known of the caller when the call starts."""

    number: str | None = None
    """E.164 (+48…); None when it is withheld or unreadable."""
    trust: NumberTrust = NumberTrust.NONE
    """How far the network vouches for `number`."""
    withheld: bool = False
    """The caller, or the network for them, hides the number."""
    authentication: Authentication = Authentication.NONE
    """What proof of identity was given."""
    level: str = ""
    """How the app authenticated the customer (OpenID Connect's `acr`); "" without its proof."""
    authenticated_at: datetime | None = None
    """When the app did so."""
    segment: Segment = Segment.MASS
    """A hint of the customer directory."""
    language: str | None = None
    """ISO 639; a hint of the customer directory, or of the number's country."""
    tenure_years: float | None = None
    """A hint of the customer directory."""
    customer_ref: str | None = None
    """The bank's own opaque reference, never a name."""
    dialled: str | None = None
    """The number that was called: E.164, or the digits of a short code."""
    diverted_from: str | None = None
    """The number that passed the call on to us."""
    screen: str = ""
    """Where in the app the customer was when they called; "" for a call that did not come from it."""

    @property
    def vouched(self) -> bool:
        """Whether the number may be taken for the caller's: the network vouches for it, or the app proved who calls.

        Only then may anything be stored under the number or read by it: a caller who shows another's number must not change what
        its owner gets.
        """
        return self.number is not None and (self.trust is not NumberTrust.NONE or self.authentication is Authentication.APP)
