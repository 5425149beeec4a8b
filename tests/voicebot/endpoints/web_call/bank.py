"""A bank for tests: its tickets are names that were agreed on, each good for one call."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from caller_id.ticket import Ticket, TicketRefused
from caller_id.types import Segment
from tests.voicebot.running import RunningService, open_service
from voicebot.web.service import Proofs

NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
TICKET = Ticket(
    "t-1", "c-4711", Segment.SELECT, "strong", NOW, NOW, NOW + timedelta(minutes=1), "bank-app", language="en", screen="cards"
)


@dataclass
class Bank:
    """Takes tickets, keeps the audit trail."""

    ticket: Ticket = TICKET
    spent: set[str] = field(default_factory=set)
    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def accept(self, token: str, *, fingerprint: str | None, call: str) -> Ticket:
        if token in self.spent:
            raise TicketRefused("replayed")
        self.spent.add(token)
        if not token.startswith("good"):
            raise TicketRefused("altered")
        return replace(self.ticket, id=token, customer=f"c-{token}")

    async def note(self, what: str, **facts: str | int | None) -> None:
        self.lines.append((what, facts))

    def noted(self, what: str) -> list[dict[str, Any]]:
        return [facts for noted, facts in self.lines if noted == what]


def own_address() -> str | None:
    """An address of this machine that is not 127/8, which the stack's ICE leaves out; None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # nothing is sent
        except OSError:
            return None
        found = str(probe.getsockname()[0])
    return None if found.startswith("127.") else found


ADDRESS = own_address()
needs_address = pytest.mark.skipif(ADDRESS is None, reason="this machine has no address but loopback, which ICE leaves out")


@asynccontextmanager
async def bank_with_calls(data_dir: Path, bank: Bank, **sections: Any) -> AsyncIterator[RunningService]:
    """The service, taking the app's calls at this machine's address."""
    web_calls = {"enabled": True, "per_customer_minute": 60, **sections.pop("web_calls", {})}
    sip = {"host": ADDRESS, "net_interface": ADDRESS, **sections.pop("sip", {})}
    proofs = Proofs(bank, bank)
    async with open_service(data_dir, proofs=proofs, sip=sip, identity={"web_calls": web_calls}, **sections) as service:
        yield service


async def until(condition: Any, within_s: float = 10.0) -> None:
    """Wait for what has no event."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)
