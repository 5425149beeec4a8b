"""/api/click2call/calls: the bank's app calls. It sends a ticket and an SDP offer and gets the answer, a name and a token for the
call; with the token it opens the call's WebSocket, presses keys, and hangs up. No token of the API is needed: the ticket is it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from voicebot.chat.limits import MessageBudget, may_connect
from voicebot.endpoints.leg import KEYS
from voicebot.endpoints.web_call.offer import MOST_OCTETS
from voicebot.http.places import client_of
from voicebot.identity.web_calls import CallRefused, PlacedCall, WebCalls
from voicebot.tasks import cancelled
from voicebot.web.problems import Problem, visible
from voicebot.web.strict_json import StrictJsonRoute

PATH = "/click2call/calls"
MOST_TICKET = 4096
MOST_BODY = MOST_OCTETS + MOST_TICKET + 2000
"""Octets; an offer's line ends are two characters each in JSON."""
_FIRST_MESSAGE_S = 10.0
_MESSAGES_PER_MINUTE = 120
_POLICY_VIOLATION, _NO_SUCH_CALL = 1008, 4404

CallName = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
CallToken = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")]

_STATUS = {
    "too_many": 429,
    "busy": 503,
    "unavailable": 503,
    "refused": 503,
    "offer.too_long": 413,
    "ticket.unavailable": 503,
    "ticket.replayed": 409,
    "ticket.size": 413,
}


class CallWanted(BaseModel):
    """An offer, and the ticket that lets its sender call."""

    model_config = ConfigDict(extra="forbid")

    ticket: Annotated[str, Field(min_length=1, max_length=MOST_TICKET)]
    sdp: Annotated[str, Field(min_length=1, max_length=MOST_OCTETS)]
    """With all candidates: there is no trickle."""


class CallAnswered(BaseModel):
    """The call."""

    call: CallName
    token: CallToken
    """Opens the call's WebSocket and hangs up."""
    sdp: str
    """The answer."""


def routes(calls: WebCalls) -> APIRouter:
    """Offers, the end of calls, and their WebSockets."""
    router = APIRouter(route_class=StrictJsonRoute)

    # `code` is for the app: ticket.expired, offer.candidates, too_many, busy…; a body that is none has only its `detail`
    @router.post(PATH, status_code=201, response_model=CallAnswered, responses={503: {"model": Problem}})
    async def call(wanted: CallWanted, request: Request) -> Response | CallAnswered:
        try:
            placed = await calls.place(wanted.ticket, wanted.sdp, address=_address(request))
        except CallRefused as refused:
            return _refusal(refused)
        return CallAnswered(call=placed.id, token=placed.token, sdp=placed.answer)

    @router.delete(f"{PATH}/{{call}}", status_code=204)
    async def end(call: CallName, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        await calls.end(_known(calls, call, token.strip() if scheme.lower() == "bearer" else ""))

    @router.post(
        f"{PATH}/{{call}}/end",
        status_code=204,
        openapi_extra={"requestBody": {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def leave(call: CallName, request: Request) -> None:
        """The body is the token alone, as text/plain: what a page that is closed can send to another origin."""
        await calls.end(_known(calls, call, (await request.body()).decode("ascii", "replace").strip()))

    @router.websocket(f"{PATH}/{{call}}/ws")
    async def follow(socket: WebSocket, call: str) -> None:
        origin = socket.headers.get("origin")
        if origin is not None and not may_connect(origin, socket.headers.get("host"), calls.settings.origins):
            await socket.close(_POLICY_VIOLATION)  # before it is accepted: answered with 403
            return
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the app has gone
            await _follow(socket, calls, call)

    return router


def _address(request: Request) -> str:
    return client_of(request.client.host if request.client is not None else "")


def _known(calls: WebCalls, call: str, token: str) -> PlacedCall:
    found = calls.find(call, token)
    if found is None:
        raise HTTPException(404, "there is no such call, or this is not its token")
    return found


def _refusal(refused: CallRefused) -> JSONResponse:
    status = _STATUS.get(refused.code, 401 if refused.code.startswith("ticket.") else 422)
    headers = {"Retry-After": "60" if status == 429 else "5"} if status in (429, 503) else {}
    return JSONResponse({"code": refused.code, "detail": visible(str(refused), longest=300)}, status, headers=headers)


async def _follow(socket: WebSocket, calls: WebCalls, name: str) -> None:
    """The first message says whose call it is: {"type": "open", "token": …}. The token is in no address, so that no log of a
    proxy has it.
    """
    call = await _opened(socket, calls, name)
    if call is None:
        await socket.close(_NO_SUCH_CALL, "no such call")
        return
    with call.watching() as shown:
        showing = asyncio.create_task(_show(socket, shown))
        taking = asyncio.create_task(_take(socket, calls, call))
        try:
            await asyncio.wait({showing, taking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancelled(showing, taking)
    await socket.close()


async def _opened(socket: WebSocket, calls: WebCalls, name: str) -> PlacedCall | None:
    try:
        async with asyncio.timeout(_FIRST_MESSAGE_S):
            message = _message(await socket.receive_text())
    except (TimeoutError, KeyError):
        return None
    match message:
        case {"type": "open", "token": str(token)}:
            return calls.find(name, token)
    return None


async def _show(socket: WebSocket, shown: asyncio.Queue[Any]) -> None:
    """Until the call is over."""
    while True:
        event = await shown.get()
        await socket.send_json(event)
        if event["type"] == "ended":
            return


async def _take(socket: WebSocket, calls: WebCalls, call: PlacedCall) -> None:
    """Keys and the end, until the app has gone or is abusive."""
    budget = MessageBudget(_MESSAGES_PER_MINUTE)
    while not budget.abusive:
        try:
            message = _message(await socket.receive_text())
        except KeyError:  # octets instead of text
            message = {}
        if not budget.take(time.monotonic()):
            await socket.send_json({"type": "error", "code": "slow_down"})
            continue
        match message:
            case {"type": "key", "key": str(key)} if len(key) == 1 and key in KEYS:
                if not await calls.press(call, key):
                    await socket.send_json({"type": "error", "code": "key_not_taken"})
            case {"type": "hold", "held": bool(held)}:
                await calls.hold(call, held)
            case {"type": "hang_up"}:
                await calls.end(call)
            case _:
                await socket.send_json({"type": "error", "code": "bad_message"})


def _message(text: str) -> object:
    """What was sent; {} for what is no JSON."""
    if len(text) > 1000:
        return {}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}
