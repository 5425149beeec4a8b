"""A call tied to a customer by the bank's app: what the app proved takes the place of what the number suggests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from caller_id.types import Authentication, Caller, Segment


class Proven(Protocol):
    """What a ticket says of who calls."""

    @property
    def customer(self) -> str:
        """The bank's own opaque reference."""
        ...

    @property
    def segment(self) -> Segment:
        """As the bank has it now."""
        ...

    @property
    def level(self) -> str:
        """How the customer was authenticated (OpenID Connect's `acr`)."""
        ...

    @property
    def auth_time(self) -> datetime:
        """When."""
        ...

    @property
    def language(self) -> str | None:
        """Of the app, ISO 639."""
        ...

    @property
    def screen(self) -> str:
        """Where in the app the customer was; "" when it does not say."""
        ...


@dataclass(frozen=True, slots=True)
class AppProof:
    """What a ticket says, as it travels with the call."""

    customer: str
    segment: Segment
    level: str
    auth_time: datetime
    language: str | None = None
    screen: str = ""

    @classmethod
    def of(cls, ticket: Proven) -> AppProof:
        """The part of a ticket that the conversation needs."""
        return cls(ticket.customer, ticket.segment, ticket.level, ticket.auth_time, ticket.language, ticket.screen)


def tied_caller(caller: Caller, proof: Proven) -> Caller:
    """The caller, proven. Hints that the number gave are the number's owner's, who may be somebody else: they stay only where
    both are the same customer.
    """
    same = caller.customer_ref == proof.customer
    return replace(
        caller,
        authentication=Authentication.APP,
        level=proof.level,
        authenticated_at=proof.auth_time,
        segment=proof.segment,
        language=proof.language or caller.language,
        customer_ref=proof.customer,
        tenure_years=caller.tenure_years if same else None,
        screen=proof.screen,
    )
