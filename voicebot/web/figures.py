"""GET /metrics: for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from voicebot.metrics.registry import Metrics


def routes(metrics: Metrics, *, before: Callable[[], Awaitable[None]]) -> APIRouter:
    """The figures of this process; `before` counts what has to be asked for, and never raises."""
    router = APIRouter()

    @router.get("/metrics")
    async def figures() -> PlainTextResponse:
        await before()
        return PlainTextResponse(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
