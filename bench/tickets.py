"""What a ticket costs: issued, verified and spent, against a real state server, with the audit trail."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from caller_id.types import Segment
from voicebot.config.identity import IdentitySettings, TicketSettings
from voicebot.identity.clients import Client
from voicebot.identity.opening import open_identity
from voicebot.identity.tickets import Order
from voicebot.metrics.registry import Metrics
from voicebot.state.embedded import EmbeddedValkey
from voicebot.state.shared import SharedState

Say = Callable[[str, float, str], None]

_WARMING, _TICKETS = 20, 500
_MOST = 1_000_000


async def measure_tickets(say: Say) -> None:
    """One after the other, as a quiet machine has them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = EmbeddedValkey(folder / "state")
        server.start()
        try:
            spent = await _measured(server.url, folder)
        finally:
            server.stop()
    spent.sort()
    say("ticket_ms_p50", spent[len(spent) // 2], f"issue + verify + spend + audit, {_TICKETS} one after the other")
    say("ticket_ms_p95", spent[int(len(spent) * 0.95)], "the same; the aim is 5")


async def _measured(url: str, folder: Path) -> list[float]:
    """Milliseconds each."""
    client = Client("bench")
    order = Order("c-4711", Segment.SELECT, "app-biometric", datetime.now(UTC), language="pl", screen="cards/blocked")
    settings = IdentitySettings(tickets=TicketSettings(per_customer_minute=1000, per_minute=_MOST))
    spent: list[float] = []
    async with AsyncExitStack() as stack:
        shared = SharedState(url)
        await shared.start()
        stack.push_async_callback(shared.close)
        identity = await open_identity(
            settings,
            shared,
            Metrics(),
            stack,
            database_url=f"sqlite:///{folder / 'calls.db'}",
            folder=folder / "spool",
            keys_file=folder / "keys.json",
            clock=lambda: datetime.now(UTC),
        )
        for number in range(_WARMING + _TICKETS):
            began = time.perf_counter()
            issued = await identity.tickets.issue(client, order)
            await identity.tickets.accept(issued.token, fingerprint=None, call=f"call-{number}")
            spent.append((time.perf_counter() - began) * 1000)
    return spent[_WARMING:]
