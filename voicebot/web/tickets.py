"""POST /api/click2call/tickets: the bank's back end asks for a ticket when its customer taps Call; see docs/click2call.md.

GET /.well-known/jwks.json: the public keys that tickets are signed with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from caller_id.ticket import FINGERPRINT
from caller_id.types import Segment
from voicebot.config.identity import May
from voicebot.identity.clients import Client
from voicebot.identity.opening import Identity
from voicebot.identity.tickets import Order, reference
from voicebot.web.bank_clients import bank_client
from voicebot.web.fields import Moment
from voicebot.web.strict_json import StrictJsonRoute


def _fingerprint(text: str) -> str:
    capitals = text.upper()
    if not FINGERPRINT.fullmatch(capitals):
        raise ValueError("write the SHA-256 as SDP does: 32 octets in hexadecimal, joined by colons")
    return capitals


Opaque = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Screen = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{0,80}$")]
Fingerprint = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}$"), AfterValidator(_fingerprint)]


class TicketOrder(BaseModel):
    """What the bank vouches for. No name, no number: references that mean something to the bank alone."""

    model_config = ConfigDict(extra="forbid")

    customer: Opaque
    """The customer, by an opaque reference."""
    segment: Segment = Segment.MASS
    level: Opaque
    """How they were authenticated, in the bank's words: app-pin, app-biometric."""
    auth_time: Moment
    """When they were."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None
    screen: Screen = ""
    """Where in the app they tapped Call: cards/blocked."""
    device: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{0,64}$")] = ""
    fingerprint: Fingerprint | None = None
    """SHA-256 of the certificate that the app's call will show; the ticket is of no use to another one then."""
    phone_code: bool = False
    """Also a code to type in a telephone call."""


class TicketAnswer(BaseModel):
    """A ticket. It is used once: by the app with its offer, or in a telephone call."""

    ticket: str
    expires: Moment
    code: str | None = None
    """Digits to type after the greeting; null unless one was asked for."""
    ice_servers: list[dict[str, Any]] = []
    """STUN and TURN servers for this call, as `RTCPeerConnection` takes them."""


def routes(identity: Identity, ice_servers: Callable[[str], list[dict[str, Any]]] | None = None) -> APIRouter:
    """For the bank's back end. `ice_servers` gives those of a call by an opaque name."""
    router = APIRouter(route_class=StrictJsonRoute)
    asking = Depends(bank_client(identity.clients, May.TICKETS))

    @router.post("/click2call/tickets", status_code=201)
    async def issue(order: TicketOrder, client: Client = asking) -> TicketAnswer:
        issued = await identity.tickets.issue(client, Order(**order.model_dump()))
        servers = ice_servers(reference(issued.ticket)) if ice_servers is not None else []
        return TicketAnswer(ticket=issued.token, expires=issued.ticket.expires, code=issued.code, ice_servers=servers)

    return router


def public_routes(identity: Identity) -> APIRouter:
    """For anybody."""
    router = APIRouter()

    @router.get("/.well-known/jwks.json")
    async def keys(response: Response) -> dict[str, Any]:
        response.headers["Cache-Control"] = "max-age=60"
        return identity.keys.public()

    return router
