"""GET /chat: the page and its parts. WebSocket /chat/ws: the conversation. Neither needs a token: customers have none."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response, WebSocket, WebSocketDisconnect

from voicebot.chat.connection import POLICY_VIOLATION, close, send_json
from voicebot.chat.handed import ChatError, ChatOver
from voicebot.chat.limits import may_connect
from voicebot.chat.messages import CameBack, MessageRefused, parse_message
from voicebot.chat.page import ASSETS, Page, asset, wanted_language
from voicebot.chat.resumed import ResumedChat
from voicebot.chat.server import ChatServer
from voicebot.chat.session import ChatSession
from voicebot.errors import StateError

TRY_AGAIN_LATER = 1013  # registered with IANA for RFC 6455
FIRST_MESSAGE_S = 10.0


def routes(server: ChatServer) -> APIRouter:
    """The page, its assets, and the WebSocket."""
    router = APIRouter()

    @router.get("/chat")
    async def show(request: Request, lang: str | None = None) -> Response:
        page = Page(server.languages, server.settings)
        language = wanted_language(lang, request.headers.get("accept-language", ""), page.languages)
        return page.answer(language)

    @router.get("/chat/{name}")
    async def part(name: str) -> Response:
        return asset(name) if name in ASSETS else Response(status_code=404)

    @router.websocket("/chat/ws")
    async def converse(socket: WebSocket) -> None:
        if not may_connect(socket.headers.get("origin"), socket.headers.get("host"), server.settings.origins):
            await socket.close(POLICY_VIOLATION)  # before it is accepted: answered with 403
            return
        await socket.accept()
        if socket.query_params.get("resume") is not None:
            await _come_back(socket, server)
        else:
            await _hold(socket, server, ChatSession(socket, server, socket.query_params.get("lang")))

    return router


async def _hold(socket: WebSocket, server: ChatServer, session: ChatSession | ResumedChat) -> None:
    if not server.enter(session):
        await socket.send_json({"type": "error", "code": "full"})
        await close(socket, TRY_AGAIN_LATER, "all chats are taken")
        return
    try:
        await session.run()
    finally:
        server.leave(session)
        await session.hang_up()


async def _come_back(socket: WebSocket, server: ChatServer) -> None:
    """The first message says which chat it was; the token is in no address, so that no log of a proxy has it."""
    wanted = await _first_message(socket, server)
    here = server.find(wanted.ref, wanted.token) if wanted is not None else None
    if here is not None:
        await here.serve_again(socket)
        return
    try:
        if wanted is None:
            raise ChatOver("no chat was named")
        session = await ResumedChat.come_back(socket, server, wanted)
    except ChatError:
        await send_json(socket, {"type": "error", "code": "over"})
        await close(socket)
    except StateError:
        await send_json(socket, {"type": "error", "code": "try_again"})
        await close(socket, TRY_AGAIN_LATER, "try again")
    else:
        await _hold(socket, server, session)


async def _first_message(socket: WebSocket, server: ChatServer) -> CameBack | None:
    try:
        async with asyncio.timeout(FIRST_MESSAGE_S):
            message = parse_message(await socket.receive_text(), server.settings.max_message_chars)
    except (TimeoutError, WebSocketDisconnect, RuntimeError, KeyError, MessageRefused):
        return None
    return message if isinstance(message, CameBack) else None
