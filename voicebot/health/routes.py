"""GET /health/live, /health/ready (and /health, the same): for whoever starts, stops and watches a process. GET /metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from voicebot.health.report import Part, report

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def health_routes(parts: Sequence[Part]) -> list[Route]:
    """`live` says that the process answers. `ready` answers 200 while the service does its work, also degraded, else 503; its
    body names the parts.
    """

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(_: Request) -> Response:
        found = await report(parts)
        return JSONResponse(found, 200 if found["ready"] else 503)

    return [Route("/health/live", live), Route("/health/ready", ready), Route("/health", ready)]


def health_app(
    parts: Sequence[Part], metrics: Callable[[], Awaitable[str]], running: Callable[[], dict[str, Any]] = dict
) -> Starlette:
    """The whole of the calls' local socket: health, metrics, and at /health/running what the service runs with."""

    async def with_what(_: Request) -> Response:
        return JSONResponse(running())

    async def figures(_: Request) -> Response:
        return PlainTextResponse(await metrics(), media_type=METRICS_TYPE)

    return Starlette(routes=[*health_routes(parts), Route("/health/running", with_what), Route("/metrics", figures)])
