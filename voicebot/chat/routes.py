"""GET /chat: the page and its parts. WebSocket /chat/ws: the conversation. Neither needs a token: customers have none."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response, WebSocket

from voicebot.chat.limits import may_connect
from voicebot.chat.page import ASSETS, Page, asset, wanted_language
from voicebot.chat.server import ChatServer
from voicebot.chat.session import ChatSession

TRY_AGAIN_LATER = 1013  # registered with IANA for RFC 6455
POLICY_VIOLATION = 1008


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
        session = ChatSession(socket, server, socket.query_params.get("lang"))
        await socket.accept()
        if not server.enter(session):
            await socket.send_json({"type": "error", "code": "full"})
            await socket.close(TRY_AGAIN_LATER, "all chats are taken")
            return
        try:
            await session.run()
        finally:
            server.leave(session)
        await session.hang_up()

    return router
