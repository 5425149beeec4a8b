"""The web application, put together from its parts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse

from caller_id.ticket import TicketRefused
from dialogs.data.bundle import Bundle
from voicebot import __version__
from voicebot.accounts.tokens import TokenCheck
from voicebot.chat.routes import routes as chat_routes
from voicebot.chat.server import ChatServer
from voicebot.errors import VoicebotError
from voicebot.handoff.callback_service import CallbackService
from voicebot.handoff.store import HandOffStore
from voicebot.health.report import Part
from voicebot.health.routes import health_routes
from voicebot.http.connections import Refused
from voicebot.http.guards import BodyLimit, ClientShare, NoNul, TokenRequired
from voicebot.http.security_headers import SecurityHeaders
from voicebot.http.settings import HttpLimits
from voicebot.identity.clients import ClientRefused
from voicebot.identity.opening import Identity
from voicebot.identity.web_calls import WebCalls
from voicebot.mail.limits import MOST_BODY
from voicebot.mail.service import MailService
from voicebot.metrics.registry import Metrics
from voicebot.outcomes.store import Outcomes
from voicebot.records.store import RecordStore
from voicebot.shared_services import count_parts
from voicebot.state.conditions import LiveConditionsStore
from voicebot.state.live_calls import LiveCalls
from voicebot.switches.board import SwitchBoard
from voicebot.web import callbacks, calls, chats, figures, handoffs, messages, outcomes, proofs, switches, tickets, web_calls
from voicebot.web.bank_clients import OWN_PROOF, refuse_client, refuse_ticket
from voicebot.web.problems import Problem, refuse_invalid
from voicebot.web.scopes import scope_of


@dataclass(frozen=True, slots=True)
class WebParts:
    """What the API shows."""

    token: str
    """Who has it may ask for everything."""
    handoffs: HandOffStore
    callbacks: CallbackService
    records: RecordStore
    live: LiveCalls
    conditions: LiveConditionsStore
    switches: SwitchBoard
    outcomes: Outcomes
    """What became of hand-offs in the queues."""
    bundle: Callable[[], Bundle]
    """In force now."""
    metrics: Metrics
    clock: Callable[[], datetime]
    """The time of day that the service goes by."""
    tokens: TokenCheck | None = None
    """Further tokens, each with what it opens; None: there are none."""
    health: Sequence[Part] = ()
    """What the service is made of, and how each part is."""
    health_kept_s: float = 0.0
    """So old may be what is told of them, and the figures."""
    calls_metrics: Callable[[], Awaitable[str]] | None = None
    """The metrics of the calls' process, in the text format; None where there is none to ask."""
    identity: Identity | None = None
    """Proofs of who calls; None: nobody is asked for any."""
    chat: ChatServer | None = None
    """The text channel; None where there is none."""
    web_calls: WebCalls | None = None
    """Calls from the bank's app; None where there are none."""
    mail: MailService | None = None
    """Messages in writing; None where none are taken."""
    limits: HttpLimits = field(default_factory=HttpLimits)
    refused: Refused = lambda _: None
    """Told why a request was refused before it reached the application."""


_REFUSALS: dict[int | str, dict[str, Any]] = {status: {"model": Problem} for status in (401, 403, 404, 409, 413, 422, 429)}


def build_app(parts: WebParts, *, with_chat: bool = True) -> FastAPI:
    """The API, and the chat unless it has a port of its own. Without the token only /health, the chat, and what asks for another
    proof answer; the document of all routes (OpenAPI) needs it too, and there is no page of documentation.
    """
    app = _app(parts, openapi_url="/api/openapi.json")
    app.router.routes.extend(health_routes(parts.health, kept_s=parts.health_kept_s))
    look = count_parts(parts.metrics, parts.health)

    async def count_chats() -> None:
        if parts.chat is not None:
            services = parts.chat.services
            await services.talks.chats.count(services.session.bundle.queues)

    async def count() -> None:
        await asyncio.gather(parts.callbacks.count(), look(), count_chats())

    app.include_router(figures.routes(parts.metrics, parts.calls_metrics, before=count, kept_s=parts.health_kept_s))
    app.include_router(handoffs.routes(parts.handoffs), prefix="/api")
    app.include_router(outcomes.routes(parts.outcomes, parts.handoffs, parts.bundle, clock=parts.clock), prefix="/api")
    app.include_router(callbacks.routes(parts.callbacks, parts.bundle), prefix="/api")
    app.include_router(calls.routes(parts.records, parts.live, clock=parts.clock), prefix="/api")
    app.include_router(switches.routes(parts.conditions, parts.switches, parts.bundle, clock=parts.clock), prefix="/api")
    if parts.mail is not None:
        app.include_router(messages.routes(parts.mail, parts.bundle), prefix="/api")
    if parts.identity is not None:
        ice = parts.web_calls.ice_servers if parts.web_calls is not None else None
        app.include_router(tickets.routes(parts.identity, ice), prefix="/api")
        app.include_router(tickets.public_routes(parts.identity))
        app.include_router(proofs.routes(parts.identity, parts.bundle, clock=parts.clock), prefix="/api")
    if parts.chat is not None:
        app.include_router(chats.routes(parts.chat, parts.handoffs), prefix="/api")
    if parts.web_calls is not None:
        app.include_router(web_calls.routes(parts.web_calls), prefix="/api")
    if parts.chat is not None and with_chat:
        app.include_router(chat_routes(parts.chat))
    return app


def build_chat_app(parts: WebParts) -> FastAPI:
    """The chat alone, with the health of the process for a load balancer."""
    app = _app(parts)
    app.router.routes.extend(health_routes(parts.health, kept_s=parts.health_kept_s))
    if parts.chat is not None:
        app.include_router(chat_routes(parts.chat))
    return app


def _app(parts: WebParts, *, openapi_url: str | None = None) -> FastAPI:
    """What every request passes, the last added first: its client's share, the token, the length of its body."""
    app = FastAPI(
        title="voicebot", version=__version__, docs_url=None, redoc_url=None, openapi_url=openapi_url, responses=_REFUSALS
    )
    app.add_exception_handler(VoicebotError, _unavailable)
    app.add_exception_handler(ClientRefused, refuse_client)
    app.add_exception_handler(TicketRefused, refuse_ticket)
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    limits = {f"/api{web_calls.PATH}": web_calls.MOST_BODY, f"/api{messages.PATH}": MOST_BODY}
    app.add_middleware(NoNul)
    app.add_middleware(BodyLimit, octets=parts.limits.max_body_octets, refused=parts.refused, by_path=limits)
    app.add_middleware(
        TokenRequired,
        token=parts.token,
        prefixes=("/api", "/metrics"),
        own_proof=OWN_PROOF,
        scopes_of=parts.tokens.scopes if parts.tokens is not None else None,
        scope_for=scope_of,
        refused=parts.refused,
    )
    if parts.web_calls is not None and parts.web_calls.settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=parts.web_calls.settings.origins,
            allow_methods=("POST", "DELETE"),
            allow_headers=("authorization", "content-type"),
        )
    app.add_middleware(ClientShare, most=parts.limits.max_per_address, refused=parts.refused)
    app.add_middleware(SecurityHeaders)
    return app


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    """A part that the answer needs is away."""
    code = error.code if isinstance(error, VoicebotError) else VoicebotError.code
    return JSONResponse({"code": code, "detail": str(error)}, status_code=503, headers={"Retry-After": "2"})
