"""A telephone call that brings a ticket: in its INVITE (header X-Ticket), from an app that dials by SIP or a PBX of the bank;
or as a code that the caller types.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from caller_id.ticket import Refusal, Ticket, TicketRefused
from caller_id.tied import tied_caller
from caller_id.types import Caller
from dialogs.events import CodeResult
from voicebot.endpoints.leg import CallOffer
from voicebot.identity.app_proof import OTHER_CUSTOMER
from voicebot.identity.audit import Audit
from voicebot.identity.tickets import TicketService

HEADER = "x-ticket"

Tie = Callable[[Caller, CallOffer, str], Awaitable[Caller]]
"""The caller, proven where the offer brings a good ticket; with the id of our call. Never raises."""

_log = structlog.get_logger(__name__)


def by_header(tickets: TicketService, audit: Audit) -> Tie:
    """Spends the ticket of the header. One that is refused changes nothing: the caller is served as any other."""

    async def tie(caller: Caller, offer: CallOffer, call_id: str) -> Caller:
        token = offer.headers.get(HEADER, "").strip()
        if not token:
            return caller
        try:
            ticket = await tickets.accept(token, fingerprint=None, call=call_id, by="sip")
            return await _tied(caller, ticket, call_id, audit)
        except TicketRefused as refused:
            _log.warning("the call's ticket is refused; it goes on without", code=refused.code)
        except Exception as error:
            _log.error("the call's ticket cannot be checked; it goes on without", code="ticket.broke", error=error)
        return caller

    return tie


@dataclass(frozen=True, slots=True)
class TypedCodes:
    """Takes the codes that callers type."""

    tickets: TicketService
    audit: Audit
    digits: int
    """So many a code has."""
    tries: int
    """So many a call may type."""

    async def take(self, caller: Caller, code: str, call_id: str, *, last: bool) -> tuple[Caller, CodeResult]:
        """The caller, and what came of the code; one that is refused leaves them who they were. After the `last` wrong one no
        other is taken. Never raises.
        """
        try:
            ticket = await self.tickets.accept_code(code, call_id)
            proven = await _tied(caller, ticket, call_id, self.audit)
        except TicketRefused as refused:
            gone = last and refused.reason is not Refusal.UNAVAILABLE
            return caller, CodeResult(reason=Refusal.TRIES if gone else refused.reason)
        except Exception as error:
            _log.error("a typed code cannot be checked; the call goes on without", code="ticket.broke", error=error)
            return caller, CodeResult(reason=Refusal.UNAVAILABLE)
        return proven, CodeResult(proven)


async def _tied(caller: Caller, ticket: Ticket, call_id: str, audit: Audit) -> Caller:
    """The ticket's customer. That the number suggested another one is for the trail: it may be somebody's child, or a fraud."""
    suggested = caller.customer_ref
    if suggested not in (None, ticket.customer):
        _log.warning(
            "the ticket is of another customer than the number suggests", code=f"proof.{OTHER_CUSTOMER}", call_id=call_id
        )
        told = {"customer": str(suggested), "confirmed_by": ticket.customer, "level": ticket.level, "purpose": "ticket"}
        await audit.note(f"proof.{OTHER_CUSTOMER}", call=call_id, **told)
    return tied_caller(caller, ticket)
