"""A chat that was handed over and goes on in another process than it began in: its customer came back to this one.

The conversation with the bot is over and in the record of the process before; what is written from now on is in a record of its
own, which names the first one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping

import structlog
from starlette.websockets import WebSocket

from caller_id.types import Caller
from voicebot.chat.connection import CustomerConnection
from voicebot.chat.handed import HandedChat
from voicebot.chat.hotline import hotline_message
from voicebot.chat.idle import IdleWatch
from voicebot.chat.messages import CameBack
from voicebot.chat.server import ChatServer
from voicebot.chat.session import close_code, take_in_talk
from voicebot.chat.talk import GOES_ON, NOBODY_CAME, How, Talk
from voicebot.conversation.session import CHAT, Session
from voicebot.logs import call_logged
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

_OUTCOMES: Mapping[How, str] = {How.CUSTOMER: "caller_hung_up", How.GONE: "caller_hung_up", How.FAILED: "failed"}


class ResumedChat:
    """Holds the rest of one chat; see `voicebot.chat.server.LiveChat`."""

    silent_since = None
    """The customer has begun long ago."""

    def __init__(self, socket: WebSocket, server: ChatServer, chat: HandedChat, owner: str) -> None:
        self._server = server
        self._session = Session(server.services.session, CHAT, caller=Caller(), line=server.line)
        self._connection = CustomerConnection(socket, server.settings)
        self._talk = Talk(
            chat,
            server.services.talks,
            self._connection,
            owner=owner,
            note=self._session.journal.note,
            changed=self._talk_changed,
        )
        self._idle = IdleWatch(server.settings, warn=self._warn_idle, over=lambda quiet: self._talk.gone())
        self._idle.excused = True
        self._how = How.FAILED
        self.address = self._connection.address

    @staticmethod
    async def come_back(socket: WebSocket, server: ChatServer, wanted: CameBack) -> ResumedChat:
        """The customer's chat is in this process from now on. Raises ChatError, StateError."""
        owner = f"resumed-{secrets.token_hex(8)}"
        chat = await server.services.talks.chats.come_back(wanted.ref, wanted.token, owner)
        return ResumedChat(socket, server, chat, owner)

    def give_way(self) -> None:
        """See `LiveChat`: never, it has begun."""

    def put_through_now(self, why: str) -> None:
        """See `LiveChat`."""
        self._talk.move()

    @property
    def talk(self) -> Talk | None:
        """See `LiveChat`."""
        return self._talk

    async def serve_again(self, socket: WebSocket) -> None:
        """See `LiveChat`."""
        await self._connection.serve_until_over(socket)

    async def run(self) -> None:
        """Go on until either side ends it, and keep the record."""
        with call_logged(self._session.call_id):
            chat = self._talk.chat
            self._session.begin(chat.language)
            self._session.journal.note("resumed", ref=chat.ref, call_id=chat.call_id, queue=chat.queue)
            log.info("a chat goes on in this process", ref=chat.ref)
            await self._come_back()
            helpers = (asyncio.create_task(self._read()), asyncio.create_task(self._idle.run()))
            outcome = "failed"
            try:
                self._how = await self._talk.run()
                outcome = "handed_over" if self._talk.talked else _OUTCOMES.get(self._how, "apology")
            finally:
                await cancelled(*helpers)
                self._session.close(outcome)
            await self._tell_the_end(outcome)

    async def hang_up(self) -> None:
        """Close the connection; harmless when it is closed already."""
        await self._connection.close(*close_code(self._how))

    async def _tell_the_end(self, outcome: str) -> None:
        if self._how in GOES_ON:
            if self._how is How.MOVING:
                await self._connection.send({"type": "moving"})
            return
        if self._how in NOBODY_CAME:
            await self._show_hotline()
            outcome = "unanswered"
        elif self._how is How.GONE:
            outcome = "idle"
        await self._connection.send({"type": "ended", "reason": outcome})

    async def _come_back(self) -> None:
        """The page may be a new one, which knows nothing: in an emergency the number is in view again."""
        await self._talk.back()
        spec = self._server.services.session.bundle.queues.get(self._talk.chat.queue)
        if spec is not None and spec.emergency:
            await self._show_hotline()

    async def _show_hotline(self) -> None:
        message = hotline_message(self._server.services.session.bundle, self._talk.chat.language)
        if message is not None:
            await self._connection.send(message)

    async def _read(self) -> None:
        try:
            while True:
                async for message in self._connection.messages():
                    self._idle.heard()
                    await take_in_talk(self._talk, message)
                if not self._connection.replaced:
                    await self._talk.away()
                if not await self._connection.comes_back(self._server.settings.resume_s):
                    break
                await self._come_back()
        except Exception:
            log.exception("a chat's messages cannot be read", code="chat.failed")
        self._talk.gone()

    async def _warn_idle(self, left: float) -> None:
        await self._connection.send({"type": "idle", "seconds": round(left)})

    def _talk_changed(self) -> None:
        self._idle.heard()
        self._idle.excused = self._talk.agent is None
