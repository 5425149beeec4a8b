"""GET /chat: the page and its parts. WebSocket /chat/ws: the conversation. Neither needs a token: customers have none."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response, WebSocket, WebSocketDisconnect

from voicebot.chat.connection import POLICY_VIOLATION, TRY_AGAIN_LATER, close, send_json
from voicebot.chat.handed import ChatError, ChatOver
from voicebot.chat.hotline import hotline_message
from voicebot.chat.limits import may_connect
from voicebot.chat.messages import CameBack, MessageRefused, parse_message
from voicebot.chat.page import ASSETS, Page, asset, wanted_language
from voicebot.chat.resumed import ResumedChat
from voicebot.chat.server import ChatServer
from voicebot.chat.session import ChatSession
from voicebot.errors import StateError
from voicebot.http.places import client_of

FIRST_MESSAGE_S = 10.0


def routes(server: ChatServer) -> APIRouter:
    """The page, its assets, and the WebSocket."""
    router = APIRouter()

    @router.get("/chat")
    async def show(request: Request, lang: str | None = None) -> Response:
        bundle = server.services.session.bundle
        hotlines = {each: message for each in server.languages if (message := hotline_message(bundle, each)) is not None}
        page = Page(server.languages, server.settings, hotlines)
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
        await _send_away(socket, "full", "all chats are taken")
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
    if wanted is not None and not server.has_place(client_of(socket.client.host if socket.client else "")):
        # before the chat is taken from the process that has it: this one is about to stop, or has no room
        await _send_away(socket, "try_again", "all chats are taken")
        return
    try:
        if wanted is None:
            raise ChatOver("no chat was named")
        session = await ResumedChat.come_back(socket, server, wanted)
    except ChatError:
        await send_json(socket, {"type": "error", "code": "over"})
        await close(socket)
    except StateError:
        await _send_away(socket, "try_again", "try again")
    else:
        await _hold(socket, server, session)


async def _send_away(socket: WebSocket, code: str, reason: str) -> None:
    await send_json(socket, {"type": "error", "code": code})
    await close(socket, TRY_AGAIN_LATER, reason)


async def _first_message(socket: WebSocket, server: ChatServer) -> CameBack | None:
    try:
        async with asyncio.timeout(FIRST_MESSAGE_S):
            message = parse_message(await socket.receive_text(), server.settings.max_message_chars)
    except (TimeoutError, WebSocketDisconnect, RuntimeError, KeyError, MessageRefused):
        return None
    return message if isinstance(message, CameBack) else None
