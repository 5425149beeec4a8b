"""GET /metrics: for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from voicebot.health.kept import Kept
from voicebot.health.routes import METRICS_TYPE
from voicebot.metrics.merge import merged
from voicebot.metrics.registry import Metrics

log = structlog.get_logger(__name__)


def routes(
    metrics: Metrics, calls: Callable[[], Awaitable[str]] | None, *, before: Callable[[], Awaitable[None]], kept_s: float = 0.0
) -> APIRouter:
    """The figures of this process and of the calls', told apart by the label `process`. `before` counts what has to be asked for;
    neither it nor `calls` raises. They may be `kept_s` old.
    """
    router = APIRouter()

    async def rendered() -> str:
        await before()
        own = {"web": metrics.render()}
        try:
            text = merged({**own, "calls": await calls()} if calls is not None else own)
        except ValueError as error:  # a calls' process of another version
            log.warning("the metrics of the calls cannot be read", code="metrics.unreadable", why=str(error))
            text = merged(own)
        return text

    kept = Kept(rendered, kept_s)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def figures() -> PlainTextResponse:
        return PlainTextResponse(await kept(), media_type=METRICS_TYPE)

    return router
