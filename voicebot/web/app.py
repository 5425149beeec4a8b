"""The web application, put together from its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from dialogs.data.bundle import Bundle
from voicebot import __version__
from voicebot.chat.routes import routes as chat_routes
from voicebot.chat.server import ChatServer
from voicebot.errors import VoicebotError
from voicebot.handoff.callback_service import CallbackService
from voicebot.handoff.store import HandOffStore
from voicebot.metrics.registry import Metrics
from voicebot.records.store import RecordStore
from voicebot.state.conditions import LiveConditionsStore
from voicebot.state.live_calls import LiveCalls
from voicebot.web import callbacks, calls, figures, handoffs, health, switches
from voicebot.web.access import token_required
from voicebot.web.security_headers import SecurityHeaders


@dataclass(frozen=True, slots=True)
class WebParts:
    """What the API shows."""

    token: str
    """Who has it may ask."""
    handoffs: HandOffStore
    callbacks: CallbackService
    records: RecordStore
    live: LiveCalls
    conditions: LiveConditionsStore
    bundle: Bundle
    metrics: Metrics
    clock: Callable[[], datetime]
    """The time of day that the service goes by."""
    checks: Mapping[str, Callable[[], bool]] = field(default_factory=dict)
    """What a ready service needs, by name: whether it works."""
    chat: ChatServer | None = None
    """The text channel; None where there is none."""


def build_app(parts: WebParts) -> FastAPI:
    """The API. Without the token only /health and the customers' chat answer; there is no page of documentation."""
    app = FastAPI(title="voicebot", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    guarded = [Depends(token_required(parts.token))]
    app.include_router(health.routes(parts.checks))
    app.include_router(figures.routes(parts.metrics, before=parts.callbacks.count), dependencies=guarded)
    app.include_router(handoffs.routes(parts.handoffs), prefix="/api", dependencies=guarded)
    app.include_router(callbacks.routes(parts.callbacks), prefix="/api", dependencies=guarded)
    app.include_router(calls.routes(parts.records, parts.live, clock=parts.clock), prefix="/api", dependencies=guarded)
    app.include_router(switches.routes(parts.conditions, parts.bundle, clock=parts.clock), prefix="/api", dependencies=guarded)
    if parts.chat is not None:
        app.include_router(chat_routes(parts.chat))
    app.add_exception_handler(VoicebotError, _unavailable)
    app.add_middleware(SecurityHeaders)
    return app


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    """A part that the answer needs is away."""
    code = error.code if isinstance(error, VoicebotError) else VoicebotError.code
    return JSONResponse({"code": code, "detail": str(error)}, status_code=503, headers={"Retry-After": "2"})
