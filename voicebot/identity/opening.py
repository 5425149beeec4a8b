"""Everything of identity that both kinds of process open."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from voicebot.config.identity import IdentitySettings
from voicebot.health.report import Part
from voicebot.identity.advisors import AdvisorProofs
from voicebot.identity.app_proof import AppProofs
from voicebot.identity.audit import AuditTrail
from voicebot.identity.audit_table import AuditTable
from voicebot.identity.ciba import CibaClient, Pings
from voicebot.identity.clients import BankClients
from voicebot.identity.keys import SigningKeys
from voicebot.identity.tickets import TicketService
from voicebot.metrics.registry import Metrics
from voicebot.state.orderly import Orderly
from voicebot.state.quota import Quota
from voicebot.state.relay import Relay
from voicebot.state.shared import SharedState


@dataclass(frozen=True, slots=True)
class Identity:
    """Proofs of who calls, and their trail."""

    audit: AuditTrail
    keys: SigningKeys
    clients: BankClients
    tickets: TicketService
    quota: Quota
    pings: Pings
    proofs: AppProofs
    advisors: AdvisorProofs
    settings: IdentitySettings

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
    metrics.read_from("voicebot_audit_waiting_bytes", lambda: audit.waiting)

    def now() -> float:
        return clock().timestamp()

    orderly = Orderly(shared)
    quota, keys = Quota(orderly, clock=now), SigningKeys(keys_file)
    clients = BankClients(settings.clients, orderly, quota, audit, name=settings.name, clock=now)
    stack.push_async_callback(clients.close)
    tickets = TicketService(settings, keys, orderly, quota, audit, metrics, clock=clock)
    advisors = AdvisorProofs(orderly, audit, metrics, clock=clock)
    ciba = await _ciba(settings, shared, orderly, keys, stack, clock)
    proofs = AppProofs(
        ciba,
        orderly,
        quota,
        audit,
        metrics,
        advisors,
        per_customer_day=settings.ciba.per_customer_day if settings.ciba is not None else 0,
    )
    return Identity(audit, keys, clients, tickets, quota, Pings(orderly), proofs, advisors, settings)


async def _ciba(
    settings: IdentitySettings,
    shared: SharedState,
    orderly: Orderly,
    keys: SigningKeys,
    stack: AsyncExitStack,
    clock: Callable[[], datetime],
) -> CibaClient | None:
    if settings.ciba is None:
        return None
    relay = Relay(shared)
    await relay.start()
    stack.push_async_callback(relay.close)
    client = CibaClient(settings.ciba, keys, orderly, relay, clock=clock)
    stack.push_async_callback(client.close)
    return client
