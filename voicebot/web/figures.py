"""GET /metrics: for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from voicebot.web.metrics import Metrics


def routes(metrics: Metrics) -> APIRouter:
    """The figures of this process."""
    router = APIRouter()

    @router.get("/metrics")
    async def figures() -> PlainTextResponse:
        return PlainTextResponse(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
