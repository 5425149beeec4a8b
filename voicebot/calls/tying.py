"""A telephone call that brings a ticket in its INVITE (header X-Ticket): an app that dials by SIP, a PBX of the bank."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from caller_id.ticket import TicketRefused
from caller_id.tied import tied_caller
from caller_id.types import Caller
from voicebot.endpoints.leg import CallOffer
from voicebot.identity.tickets import TicketService

HEADER = "x-ticket"

Tie = Callable[[Caller, CallOffer, str], Awaitable[Caller]]
"""The caller, proven where the offer brings a good ticket; with the id of our call. Never raises."""

_log = structlog.get_logger(__name__)


def by_header(tickets: TicketService) -> Tie:
    """Spends the ticket of the header. One that is refused changes nothing: the caller is served as any other."""

    async def tie(caller: Caller, offer: CallOffer, call_id: str) -> Caller:
        token = offer.headers.get(HEADER, "").strip()
        if not token:
            return caller
        try:
            return tied_caller(caller, await tickets.accept(token, fingerprint=None, call=call_id, by="sip"))
        except TicketRefused as refused:
            _log.warning("the call's ticket is refused; it goes on without", code=refused.code)
        except Exception as error:
            _log.error("the call's ticket cannot be checked; it goes on without", code="ticket.broke", error=error)
        return caller

    return tie
