"""GET /api/chats: chats that wait for an agent, and those that have one. WebSocket /api/chats/{ref}: an agent's side of one.

A desk says by asking, with its name and its queues, that it takes chats of these queues: it asks again every ten seconds. See
docs/chat.md.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, WebSocket

from voicebot.chat.agents import AgentPlace, AgentSession
from voicebot.chat.handed import as_shown
from voicebot.chat.server import ChatServer
from voicebot.handoff.store import HandOffStore
from voicebot.web.fields import QueueName
from voicebot.web.problems import known

DeskName = Annotated[str, Query(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
MAX_QUEUES = 200


def routes(server: ChatServer, handoffs: HandOffStore) -> APIRouter:
    """The most urgent chat first, and of those the one that has waited longest."""
    router = APIRouter()

    @router.get("/chats")
    async def chats(
        queue: Annotated[list[QueueName] | None, Query(max_length=MAX_QUEUES)] = None, desk: DeskName | None = None
    ) -> dict[str, Any]:
        wanted, services = queue or [], server.services
        for name in wanted:
            known("queue", name, tuple(services.session.bundle.queues))
        talks = services.talks
        if desk is not None:
            await talks.desks.here(desk, wanted)
        now = services.session.clock()
        found = [
            look for look in await talks.chats.everywhere() if look.chat is not None and (not wanted or look.chat.queue in wanted)
        ]
        return {"chats": [as_shown(look, now) for look in found], "queues": sorted(talks.desks.queues)}

    @router.websocket("/chats/{ref}")
    async def chat(socket: WebSocket, ref: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{16,64}$")]) -> None:
        await socket.accept()
        services = server.services
        place = AgentPlace(
            services.talks, handoffs, server.settings, lambda: server.services.session.bundle, services.session.clock
        )
        session = AgentSession(socket, place, ref)
        with server.agent(session):
            await session.run()

    return router
