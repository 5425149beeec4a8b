"""Everything of identity that both kinds of process open."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from voicebot.health.report import Part
from voicebot.identity.audit import AuditTrail
from voicebot.identity.audit_table import AuditTable
from voicebot.identity.clients import BankClients
from voicebot.identity.keys import SigningKeys
from voicebot.identity.settings import IdentitySettings
from voicebot.identity.tickets import TicketService
from voicebot.metrics.registry import Metrics
from voicebot.state.quota import Quota
from voicebot.state.shared import SharedState


@dataclass(frozen=True, slots=True)
class Identity:
    """Proofs of who calls, and their trail."""

    audit: AuditTrail
    keys: SigningKeys
    clients: BankClients
    tickets: TicketService
    quota: Quota

    @property
    def part(self) -> Part:
        """For the health of the process; calls go on without it."""
        return Part("audit", lambda: self.audit.trouble)


async def open_identity(
    settings: IdentitySettings,
    shared: SharedState,
    metrics: Metrics,
    stack: AsyncExitStack,
    *,
    database_url: str,
    folder: Path,
    keys_file: Path,
    clock: Callable[[], datetime],
) -> Identity:
    """Open it; `stack` closes it. `folder` is for lines of the trail that wait for the database. Raises RecordsError."""
    audit = AuditTrail(AuditTable(database_url), folder, clock=clock, lost=lambda: metrics.count("voicebot_audit_lost_total"))
    await audit.start()
    stack.push_async_callback(audit.close)
    metrics.read_from("voicebot_audit_waiting", lambda: audit.waiting)

    def now() -> float:
        return clock().timestamp()

    quota, keys = Quota(shared, clock=now), SigningKeys(keys_file)
    clients = BankClients(settings.clients, shared, quota, audit, name=settings.name, clock=now)
    stack.push_async_callback(clients.close)
    tickets = TicketService(settings, keys, shared, quota, audit, metrics, clock=clock)
    return Identity(audit, keys, clients, tickets, quota)
