"""A ticket of the bank's app: who calls, as the bank itself vouches for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class TicketRefused(Exception):
    """`code` is stable."""

    def __init__(self, code: str, why: str = "") -> None:
        super().__init__(why or code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Ticket:
    """What was signed."""

    id: str
    customer: str
    segment: str
    level: str
    auth_time: datetime
    language: str | None
    screen: str
    device: str
    fingerprint: str | None
    issued: datetime
    expires: datetime
    client: str
