"""The service with calls from the app for tests, the bank's tickets for it, and what its trail says."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from caller_id.types import Segment
from tests.voicebot.running import RunningService, open_service
from voicebot.identity.clients import Client
from voicebot.identity.tickets import Order

CLIENT = Client("bank-app")


async def ticket(service: RunningService, customer: str = "c-4711", **more: Any) -> str:
    """A ticket as the bank's back end gets it."""
    wanted = {"segment": Segment.SELECT, "level": "app-pin", "auth_time": datetime.now(UTC), "language": "en", "screen": "cards"}
    issued = await service.web.identity.tickets.issue(CLIENT, Order(customer, **{**wanted, **more}))
    return issued.token


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
async def bank_with_calls(data_dir: Path, **sections: Any) -> AsyncIterator[RunningService]:
    """The service, taking the app's calls at this machine's address."""
    web_calls = {"enabled": True, "per_customer_minute": 60, **sections.pop("web_calls", {})}
    sip = {"host": ADDRESS, "net_interface": ADDRESS, **sections.pop("sip", {})}
    identity = {"web_calls": web_calls, "tickets": {"per_customer_minute": 1000}, **sections.pop("identity", {})}
    async with open_service(data_dir, sip=sip, identity=identity, **sections) as service:
        yield service


async def trail(service: RunningService, what: str, *, lines: int = 1) -> list[dict[str, Any]]:
    """The facts of the audit trail's lines of this kind, when so many are there: it is written beside the calls."""
    table = service.web.identity.audit._table
    async with asyncio.timeout(10):
        while len(found := await asyncio.to_thread(table.latest, 1000, what=what)) < lines:
            await asyncio.sleep(0.05)
    return [dict(json.loads(line.note.facts)) for line in found]


async def until(condition: Any, within_s: float = 10.0) -> None:
    """Wait for what has no event."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)
