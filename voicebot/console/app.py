"""The console as one web application: pages behind the guard; log-in, assets and health are open to everybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from voicebot.console import assets
from voicebot.console.desk_socket import desk_routes
from voicebot.console.guard import Guard
from voicebot.console.login import login_routes
from voicebot.console.pages import all_pages
from voicebot.console.parts import ConsoleParts
from voicebot.console.render import Renderer
from voicebot.console.routing import PageRoute
from voicebot.health.report import Part
from voicebot.health.routes import health_routes
from voicebot.http.connections import Refused
from voicebot.http.guards import BodyLimit, ClientShare, NoNul
from voicebot.http.security_headers import SecurityHeaders


def build_console(
    parts: ConsoleParts, health: Sequence[Part] = (), *, health_kept_s: float = 0.0, refused: Refused = lambda _: None
) -> Starlette:
    """The application. Pages come from `voicebot.console.pages`; only log-in, assets and health answer without a session."""
    routes = page_routes(parts)
    settings = parts.settings.console
    renderer = Renderer(routes, zone=parts.bundle().calendar.zone)
    guard = Guard(parts.sessions, renderer, parts.audit, settings.language)
    served: list[BaseRoute] = [Route(each.path, guard.page(each), methods=[each.method]) for each in routes]
    served += login_routes(parts, guard)
    served += desk_routes(parts, guard)
    served += [Route(f"{assets.PREFIX}/{{name}}", assets.asset)]
    served += health_routes(health, kept_s=health_kept_s)
    limits = settings.limits
    middleware = [
        Middleware(SecurityHeaders),
        Middleware(NoNul),
        Middleware(ClientShare, most=limits.max_per_address, refused=refused),
        Middleware(BodyLimit, octets=limits.max_body_octets, refused=refused),
    ]
    app = Starlette(routes=served, middleware=middleware)
    for status, what in ((404, "not_found"), (405, "not_found"), (500, "broken")):
        app.add_exception_handler(status, _problem(guard, status, what))
    return app


def page_routes(parts: ConsoleParts) -> list[PageRoute]:
    """All pages, with their roles."""
    return [route for pages in all_pages(parts) for route in pages]


def _problem(guard: Guard, status: int, what: str) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, _error: Exception) -> Response:
        return guard.problem(request, status, what)

    return answer
