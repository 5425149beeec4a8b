"""GET /sip/traces and /sip/traces/{call} on the calls' local socket, for `voicebot sip trace` on this machine."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voicebot.endpoints.sip.tracing.ring import Traces
from voicebot.endpoints.sip.tracing.shown import as_json, summary


def trace_routes(traces: Traces) -> list[Route]:
    """Only for programs on this machine: whoever collects the metrics from elsewhere has no business with calls."""

    async def listed(request: Request) -> Response:
        if not is_local(request):
            return refused()
        return JSONResponse({"calls": await asyncio.to_thread(lambda: [summary(call) for call in traces.listed()])})

    async def one(request: Request) -> Response:
        if not is_local(request):
            return refused()
        found = traces.found(request.path_params["call"])
        if not found:
            return JSONResponse({"detail": "no such call in the trace"}, 404)
        return JSONResponse(await asyncio.to_thread(as_json, found))  # redaction takes a while

    return [Route("/sip/traces", listed), Route("/sip/traces/{call:path}", one)]


def is_local(request: Request) -> bool:
    """Whether a program on this machine asks."""
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def refused() -> Response:
    """For everybody else."""
    return JSONResponse({"detail": "traces are told on this machine only"}, 403)
