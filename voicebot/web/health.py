"""GET /health: for whoever starts, stops and watches the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import APIRouter
from fastapi.responses import JSONResponse


def routes(checks: Mapping[str, Callable[[], bool]]) -> APIRouter:
    """`live` says that the process answers, `ready` that it takes calls: 200 when ready, else 503 with what is missing."""
    router = APIRouter()

    @router.get("/health")
    async def health() -> JSONResponse:
        results = {name: _works(check) for name, check in checks.items()}
        ready = all(results.values())
        return JSONResponse({"live": True, "ready": ready, "checks": results}, status_code=200 if ready else 503)

    @router.get("/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    return router


def _works(check: Callable[[], bool]) -> bool:
    try:
        return bool(check())
    except Exception:
        return False
