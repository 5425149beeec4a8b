"""What the bank knows of a number: the interface of a customer directory, and the rule for numbers that several people share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from caller_id.types import Segment


class DirectoryError(Exception):
    """The directory cannot be opened, read or filled; the message says which file, and what to do."""

    code = "caller_id.directory"


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer's entry: hints for routing, and the bank's own opaque reference (never a name)."""

    segment: Segment = Segment.MASS
    language: str | None = None
    tenure_years: float | None = None
    customer_ref: str | None = None


NOBODY = Customer()
"""Of whom nothing is known."""


class CustomerDirectory(Protocol):
    """Anything that finds customers by number. A bank's own directory implements this one method."""

    async def look_up(self, number: str) -> Sequence[Customer]:
        """Every customer who uses this number (E.164). Asked once a call, while it rings: it limits its own time.

        Raises DirectoryError when it cannot answer; the call then goes on without a hint.
        """
        ...


def agreed(customers: Sequence[Customer]) -> Customer:
    """What can safely be assumed of a number: only what all its customers have in common.

    A family, a company switchboard: a segment hint that is wrong for one of them would tell a stranger what the other one is.
    """
    if not customers:
        return NOBODY
    first, *others = customers
    same_segment = all(other.segment is first.segment for other in others)
    same_language = all(other.language == first.language for other in others)
    same_tenure = all(other.tenure_years == first.tenure_years for other in others)
    return Customer(
        segment=first.segment if same_segment else Segment.MASS,
        language=first.language if same_language else None,
        tenure_years=first.tenure_years if same_tenure else None,
        customer_ref=None if others else first.customer_ref,
    )
