"""How the identity headers of one trunk are read: which of them count, what its numbers look like, and what is believed."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Annotated

import phonenumbers
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from caller_id.phone_numbers import HOME_REGION, NumberForm, NumberStyle


class IdentityHeader(StrEnum):
    """A header that names the caller."""

    PAI = "p-asserted-identity"
    RPID = "remote-party-id"
    FROM = "from"


class DiversionHeader(StrEnum):
    """A header that names who passed the call on."""

    DIVERSION = "diversion"
    HISTORY_INFO = "history-info"


def _country(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"country: {code!r} is no country; write two capital letters (ISO 3166) such as PL")
    return code


Country = Annotated[str, AfterValidator(_country)]
Prefix = Annotated[str, StringConstraints(pattern=r"^[0-9+*#]{1,8}$")]


class CallerIdRules(BaseModel):
    """The rules of one trunk. A header that does not count is not read; From is then a claim that nobody vouches for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trusted: bool = True
    """Whether the far end vouches for its headers (RFC 3325, a trust domain). False: only From is read, as a claim."""
    headers: tuple[IdentityHeader, ...] = tuple(IdentityHeader)
    """Those that count, the first that holds a number wins."""
    number_format: NumberStyle = NumberStyle.ANY
    """What a number without + and 00 is: national (600100200), international (48600100200), or any: whatever fits."""
    prefixes: tuple[Prefix, ...] = ()
    """Digits that the far end puts before every number: an outside line's 0, a route's code."""
    country: Country = HOME_REGION
    """Whose national numbers are meant (ISO 3166)."""
    verstat: bool = False
    """Whether the network's verification of level A raises the trust to attested. A failed one always takes all trust."""
    privacy: bool = True
    """Whether a request for privacy hides the number. False where the far end asks for it on every call."""
    diversion: tuple[DiversionHeader, ...] = tuple(DiversionHeader)
    """Those that count, the first that is there wins."""

    @cached_property
    def form(self) -> NumberForm:
        """What the far end's numbers look like."""
        return NumberForm(self.country, self.number_format, self.prefixes)


UNTRUSTED = CallerIdRules(trusted=False)
"""Of a far end that nobody knows."""
