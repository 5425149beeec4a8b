"""The traces of several processes of calls, told by their parent as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voicebot.endpoints.sip.tracing.routes import is_local, refused

Sockets = Callable[[], Sequence[str]]
"""The local sockets of the processes that run, as URLs."""


def gathered_routes(asking: httpx.AsyncClient, sockets: Sockets) -> list[Route]:
    """As `trace_routes`: the list of all, latest first, and a call from whichever process had it."""

    async def told(path: str) -> list[dict[str, Any]]:
        answers = await asyncio.gather(*(_asked(asking, f"{url}{path}") for url in sockets()))
        return [answer for answer in answers if answer is not None]

    async def listed(request: Request) -> Response:
        if not is_local(request):
            return refused()
        calls = [call for answer in await told("/sip/traces") for call in answer["calls"]]
        return JSONResponse({"calls": sorted(calls, key=lambda call: -call["began"])})

    async def one(request: Request) -> Response:
        if not is_local(request):
            return refused()
        found = await told(f"/sip/traces/{quote(request.path_params['call'], safe='')}")
        return JSONResponse(found[0]) if found else JSONResponse({"detail": "no such call in the trace"}, 404)

    return [Route("/sip/traces", listed), Route("/sip/traces/{call:path}", one)]


async def _asked(asking: httpx.AsyncClient, url: str) -> dict[str, Any] | None:
    """None of a process that does not answer, or does not know the call."""
    try:
        answer = await asking.get(url)
        return dict(answer.json()) if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError):
        return None
