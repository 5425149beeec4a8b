"""Routes for systems of the bank: each request proves by a key of the client's whose it is, in place of the token of the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request
from fastapi.responses import JSONResponse

from caller_id.ticket import Refusal, TicketRefused
from voicebot.config.identity import May
from voicebot.identity.clients import BankClients, Client, ClientRefused
from voicebot.web.problems import visible

OWN_PROOF = ("/api/click2call", "/api/ciba", "/api/advisor-proofs", "/api/customers")
"""Paths that the token of the API neither opens nor is wanted for: each of their routes asks for a proof of its own."""

_STATUS = {Refusal.UNAVAILABLE: 503, Refusal.REPLAYED: 409, Refusal.TRIES: 429, Refusal.SIZE: 413}


def bank_client(clients: BankClients, may: May) -> Callable[[Request], Awaitable[Client]]:
    """For `Depends`: the client that signed this request, if it may ask for this. Raises ClientRefused."""

    async def known(request: Request) -> Client:
        return await clients.known(request.headers.get("authorization"), may)

    return known


async def refuse_client(_request: Request, error: Exception) -> JSONResponse:
    """What a client must do otherwise, with a code for its programs."""
    if not isinstance(error, ClientRefused):
        raise error
    headers = {"Retry-After": str(error.retry_s)} if error.retry_s is not None else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return JSONResponse({"code": error.code, "detail": visible(str(error), longest=300)}, error.status, headers=headers)


async def refuse_ticket(_request: Request, error: Exception) -> JSONResponse:
    """Why a ticket is not accepted."""
    if not isinstance(error, TicketRefused):
        raise error
    headers = {"Retry-After": "2"} if error.reason is Refusal.UNAVAILABLE else {}
    return JSONResponse({"code": error.code, "detail": str(error)}, _STATUS.get(error.reason, 401), headers=headers)
