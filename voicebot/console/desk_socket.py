"""WebSocket /desk/chats/{ref}/ws: an agent's side of one chat, by the log-in of the console. The messages are those of the bank's
own desk (docs/chat.md); the name that the customer sees is that of the person who is logged in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

from sqlalchemy.exc import SQLAlchemyError
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from voicebot.accounts.roles import Role
from voicebot.accounts.users import User
from voicebot.chat.agents import AgentSession
from voicebot.chat.connection import TRY_AGAIN_LATER
from voicebot.console.guard import Guard, from_here
from voicebot.console.parts import ConsoleParts
from voicebot.errors import StateError
from voicebot.tasks import cancelled

AGENTS = frozenset({Role.AGENT})
_LOOK_EVERY_S = 5.0
_SILENT_S = 90.0
"""The page asks every few seconds whether the connection lives; behind another tab its timers run once a minute."""
_REFUSED = 1008


def queues_of(user: User, all_queues: Collection[str]) -> list[str]:
    """The queues that this person answers."""
    return [queue for queue in all_queues if not user.queues or queue in user.queues]


def desk_routes(parts: ConsoleParts, guard: Guard) -> list[BaseRoute]:
    """The WebSocket; none where agents take no chats."""
    place = parts.chats
    if place is None:
        return []

    async def chat(socket: WebSocket) -> None:
        ref = socket.path_params["ref"]
        try:
            login = await guard.login(socket)
        except SQLAlchemyError:
            await socket.close(TRY_AGAIN_LATER)
            return
        if login is None or not AGENTS & login.user.roles or not from_here(socket):
            await socket.close(_REFUSED)
            return
        try:
            look = await place.talks.chats.look(ref)
        except StateError:
            await socket.close(TRY_AGAIN_LATER)
            return
        if look.chat is not None and look.chat.queue not in queues_of(login.user, parts.bundle().queues):
            await socket.close(_REFUSED)
            return
        await socket.accept()
        await parts.audit.note("desk.chat", who=login.user.name, ref=ref)
        agent = AgentSession(socket, place, ref, name=login.user.shown, silent_s=_SILENT_S)
        session = asyncio.create_task(agent.run())
        watch = asyncio.create_task(_until_logged_out(guard, socket))
        stopping = asyncio.create_task(parts.stopping.wait())
        try:
            await asyncio.wait((session, watch, stopping), return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():  # the agent comes back to the next process with the claim; the customer hears nothing of it
                agent.stop()
                await session
        finally:
            await cancelled(session, watch, stopping)  # a chat that was taken is given back
            with contextlib.suppress(RuntimeError):  # it is closed already
                await socket.close(_REFUSED)

    return [WebSocketRoute("/desk/chats/{ref:str}/ws", chat)]


async def _until_logged_out(guard: Guard, socket: WebSocket) -> None:
    """While the database does not answer, nobody can have logged out; a chat goes on."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        with contextlib.suppress(SQLAlchemyError):
            if await guard.login(socket) is None:
                return
