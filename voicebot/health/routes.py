"""GET /health/live, /health/ready (and /health, the same): for whoever starts, stops and watches a process. GET /metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from voicebot.health.kept import Kept
from voicebot.health.report import Part, report
from voicebot.http.guards import OneRequest

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


KEPT_S = 0.5
"""So old may be what is told: nobody who asks thousands of times a second has the parts looked at as often."""


def health_routes(parts: Sequence[Part], *, kept_s: float = 0.0) -> list[Route]:
    """`live` says that the process answers. `ready` answers 200 while the service does its work, also degraded, else 503; its
    body names the parts, as they were up to `kept_s` ago.
    """
    reported = Kept(lambda: report(parts), kept_s)

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(_: Request) -> Response:
        found = await reported()
        return JSONResponse(found, 200 if found["ready"] else 503)

    return [Route("/health/live", live), Route("/health/ready", ready), Route("/health", ready)]


def health_app(
    parts: Sequence[Part],
    metrics: Callable[[], Awaitable[str]],
    running: Callable[[], dict[str, Any] | Awaitable[dict[str, Any]]] = dict,
    more: Sequence[Route] = (),
) -> ASGIApp:
    """The whole of the calls' local socket: health, metrics, and at /health/running what the service runs with; `more` beside
    them. What is told may be `KEPT_S` old, and every answer ends its connection: who limits connections limits requests.
    """
    rendered, told = Kept(metrics, KEPT_S), Kept(lambda: _awaited(running), KEPT_S)

    async def with_what(_: Request) -> Response:
        return JSONResponse(await told())

    async def figures(_: Request) -> Response:
        return PlainTextResponse(await rendered(), media_type=METRICS_TYPE)

    own = [Route("/health/running", with_what), Route("/metrics", figures)]
    return OneRequest(Starlette(routes=[*health_routes(parts, kept_s=KEPT_S), *own, *more]))


async def _awaited(running: Callable[[], dict[str, Any] | Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    told = running()
    return told if isinstance(told, dict) else await told
