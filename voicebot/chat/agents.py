"""The agent's side of a chat that was handed over: one WebSocket of the bank's desk for one chat."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from dialogs.data.bundle import Bundle
from voicebot.chat.agent_messages import (
    AgentMessage,
    AgentSaid,
    AgentTyping,
    End,
    GiveBack,
    Here,
    Take,
    Transfer,
    parse_agent_message,
)
from voicebot.chat.connection import POLICY_VIOLATION, SERVICE_RESTART, TRY_AGAIN_LATER, close, send_json
from voicebot.chat.handed import ChatError, ChatOver, HandedChat, Look, NotYours, Told, as_shown, heard, new_token, patiently
from voicebot.chat.kept_words import KeptWords
from voicebot.chat.limits import MessageBudget
from voicebot.chat.messages import MessageRefused, id_of
from voicebot.chat.settings import ChatSettings
from voicebot.chat.talk import How, TalkServices
from voicebot.errors import StateError
from voicebot.handoff.record import record_codec
from voicebot.handoff.store import HandOffStore
from voicebot.state.relay import Ear
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

_SMALL_PER_MINUTE = 90
"""Typing, and whether the connection lives: they come often, and cost little."""
_TAKE_S = 60.0
"""Whoever looks at a chat and does not take it is shown out after so long."""
_SHARE_OF_LEASE = 1 / 3


@dataclass(frozen=True, slots=True)
class AgentPlace:
    """What an agent's connection works on, in whatever process it is."""

    talks: TalkServices
    handoffs: HandOffStore
    settings: ChatSettings
    bundle: Callable[[], Bundle]
    """In force now."""
    clock: Callable[[], datetime]


class AgentSession:
    """`run` returns when the agent and the chat have parted, in whatever way; the WebSocket was accepted before."""

    def __init__(self, socket: WebSocket, place: AgentPlace, ref: str, *, name: str = "", silent_s: float | None = None) -> None:
        """`name` is what the customer sees, where it is known who sits there; "": what the desk says. A desk that sends nothing
        for `silent_s` is taken for gone: a browser answers pings also for a page that it has put to sleep. None: it need not.
        """
        self._silent_s = silent_s
        self._socket = socket
        self._place = place
        self._ref = ref
        self._name = name
        self._talks = place.talks
        self._settings = place.settings
        self._budget = MessageBudget(self._settings.max_agent_messages_per_minute)
        self._small = MessageBudget(_SMALL_PER_MINUTE)
        self._chat: HandedChat | None = None
        self._claim = ""
        self._asked_for = new_token()
        self._seen = 0
        self._away_since: float | None = None
        self._began = time.monotonic()
        self._stopping = False
        self._words = KeptWords()
        self._ear: Ear | None = None

    # ------------------------------------------------------------------ the whole

    async def run(self) -> None:
        """Show the chat, wait until it is taken, and pass on what both write."""
        with self._talks.chats.relay.listening(self._ref) as ear:
            self._ear = ear
            if not await self._show():
                await close(self._socket)
                return
            tasks = (asyncio.create_task(self._read()), asyncio.create_task(self._follow(ear)))
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await cancelled(*tasks)
                await self._part()
        if self._stopping:
            await self._send({"type": "moving"})
            await close(self._socket, SERVICE_RESTART, "come back with the claim")
        else:
            await close(self._socket)

    def stop(self) -> None:
        """The process stops: the desk may come back to another one with its claim, as long as the lease lasts."""
        self._stopping = True
        if self._ear is not None:
            self._ear.put_nowait(None)

    async def _show(self) -> bool:
        """What the agent must know before they write the first word; False when there is nothing to show."""
        try:
            look = await patiently(lambda: self._talks.chats.look(self._ref))
            if look.chat is None:
                await self._send({"type": "over", "how": look.over or "unknown"})
                return False
            lines = await patiently(lambda: self._talks.chats.lines(self._ref))
        except StateError:
            await self._send({"type": "error", "code": "state_away"})
            return False
        story = None
        with contextlib.suppress(StateError):
            record = await self._place.handoffs.get(self._ref)
            story = record_codec.encode(record) if record is not None else None
        self._chat, self._seen = look.chat, len(lines)
        shown = as_shown(look, self._place.clock())
        await self._send({"type": "chat", **shown, "story": story, "lines": [asdict(line) for line in lines]})
        return True

    async def _part(self) -> None:
        """An agent who is gone without a word gives the chat back to its queue; the customer is told at once."""
        claim, chat = self._claim, self._chat
        if not claim or chat is None or self._stopping:
            return
        self._claim = ""
        with contextlib.suppress(StateError, ChatError):  # then the lease ends by itself, or the chat is over
            await self._talks.chats.give_back(chat, claim)
            await self._talks.chats.tell(self._ref, Told("left", "agent"))
            self._talks.metrics.count("voicebot_chat_given_back_total", why="connection")
            log.warning(
                "the agent's connection ended: the chat waits again", code="chat.agent_gone", ref=chat.ref, queue=chat.queue
            )

    # ------------------------------------------------------------------ from the desk

    async def _read(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._silent_s):
                    frame = await self._socket.receive()
            except (WebSocketDisconnect, RuntimeError, TimeoutError):
                return
            if frame["type"] == "websocket.disconnect" or not await self._take_frame(frame.get("text")):
                return

    async def _take_frame(self, raw: str | None) -> bool:
        """Take one message; False at the end."""
        try:
            if raw is None:
                raise MessageRefused("bad_message", "not text")
            message: AgentMessage | MessageRefused = parse_agent_message(raw, self._settings.max_agent_message_chars)
        except MessageRefused as refused:
            message = refused
        named = {"id": said} if (said := id_of(raw)) else {}
        if not self._within_budget(message):
            if self._budget.abusive:
                await close(self._socket, POLICY_VIOLATION, "too many messages")
                return False
            await self._send({"type": "error", "code": "too_many", **named})
            return True
        if isinstance(message, MessageRefused):
            await self._send({"type": "error", "code": message.code, "detail": str(message), **named})
            return True
        try:
            return await self._do(message)
        except NotYours as error:
            await self._send({"type": "error", "code": "taken", "detail": str(error)})
            return not self._claim
        except ChatOver:
            await self._tell_over()
            return False
        except (StateError, ChatError) as error:
            code = "state_away" if isinstance(error, StateError) else error.code.partition(".")[2]
            await self._send({"type": "error", "code": code, "detail": "no answer; try again", **named})
            return True

    def _within_budget(self, message: AgentMessage | MessageRefused) -> bool:
        now = time.monotonic()
        return (isinstance(message, AgentTyping | Here) and self._small.take(now)) or self._budget.take(now)

    async def _do(self, message: AgentMessage) -> bool:
        """Raises ChatError, StateError. False when agent and chat have parted."""
        chats, chat = self._talks.chats, self._chat
        if isinstance(message, Take):
            await self._take(message)
            return True
        if isinstance(message, Here):
            await self._send({"type": "here"})
            return True
        if not self._claim or chat is None:
            await self._send({"type": "error", "code": "not_taken", "detail": "take the chat first"})
            return True
        match message:
            case AgentSaid(text, id):
                number = await chats.say(self._ref, "agent", text, kept=self._words.redacted(text), claim=self._claim, id=id)
                self._words.heard(text)
                await self._send({"type": "sent", "number": number, **({"id": id} if id else {})})
            case AgentTyping():
                await chats.tell(self._ref, Told("typing", "agent"))
            case Transfer(queue):
                return await self._transfer(chat, queue)
            case GiveBack():
                await self._leave(chat, "left", "agent")
                return False
            case End():
                await chats.keep_agent(self._ref, self._claim)  # raises when it is somebody else's
                self._claim = ""
                await chats.end(self._ref, How.AGENT.value)
                await self._send({"type": "over", "how": How.AGENT.value})
                return False
        return True

    async def _take(self, message: Take) -> None:
        # a claim of before is spent: the connection it was for may be dead and not know it yet, and must not give the chat back
        claim = self._claim or self._asked_for  # whoever asks again, because no answer came, may have it already
        await self._talks.chats.take(self._ref, claim, self._name or message.name, before=message.claim)
        self._claim = claim
        await self._talks.chats.tell(self._ref, Told("taken", "agent"))
        await self._send({"type": "taken", "claim": claim, "lease_s": self._talks.chats.lease_s})

    async def _transfer(self, chat: HandedChat, queue: str) -> bool:
        if queue not in self._place.bundle().queues:
            await self._send({"type": "error", "code": "unknown_queue"})
            return True
        await self._talks.desks.refresh()
        if queue not in self._talks.desks.queues:
            await self._send({"type": "error", "code": "nobody_there", "detail": "no desk takes chats of this queue"})
            return True
        await self._leave(chat, "moved", "transfer", queue=queue)
        return False

    async def _leave(self, chat: HandedChat, what: str, why: str, *, queue: str = "") -> None:
        await self._talks.chats.give_back(chat, self._claim, queue=queue)
        self._claim = ""
        await self._talks.chats.tell(self._ref, Told(what, "agent"))
        self._talks.metrics.count("voicebot_chat_given_back_total", why=why)
        await self._send({"type": "given_back", "queue": queue or chat.queue})

    # ------------------------------------------------------------------ to the desk

    async def _follow(self, ear: Ear) -> None:
        """Tell what the customer does, and keep the lease; returns at the end."""
        every = min(2.0, self._talks.chats.lease_s * _SHARE_OF_LEASE)
        looked = time.monotonic()
        while not self._stopping:
            message: str | None = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, looked + every - time.monotonic())):
                    message = await ear.get()
            told = heard(message) if message is not None else None
            if told is not None:
                await self._pass_on(told)
            if told is None or told.what == "over" or time.monotonic() - looked >= every:
                looked = time.monotonic()
                if not await self._look():
                    return

    async def _pass_on(self, told: Told) -> None:
        if not self._claim:
            return
        if told.number:
            if told.number > self._seen + 1:
                with contextlib.suppress(StateError):
                    await self._catch_up(told.number - 1)
            if told.number > self._seen:
                self._seen = told.number
                if told.who == "customer":
                    self._words.heard(told.text)
                    await self._send({"type": "say", "number": told.number, "text": told.text})
        elif told.who == "customer" and told.what in ("typing", "away", "back"):
            await self._send({"type": told.what})

    async def _catch_up(self, upto: int | None = None) -> None:
        """Lines that were missed, as they are kept: redacted."""
        missed = await self._talks.chats.lines(self._ref, after=self._seen)
        for line in missed if upto is None else missed[: max(0, upto - self._seen)]:
            self._seen += 1
            if line.who == "you":
                await self._send({"type": "say", "number": self._seen, "text": line.text, "redacted": True})

    async def _look(self) -> bool:
        """False at the end."""
        chats = self._talks.chats
        try:
            if self._claim:
                await chats.keep_agent(self._ref, self._claim)
            look = await chats.look(self._ref)
            if self._claim and look.chat is not None and look.lines > self._seen:
                await self._catch_up()
        except NotYours:
            self._claim = ""
            await self._send({"type": "error", "code": "lost", "detail": "the lease ended and the chat is not yours any more"})
            return False
        except ChatOver:
            await self._tell_over()
            return False
        except StateError:
            return True  # the server may be back in a moment; what cannot be sent meanwhile is told
        if look.chat is None:
            await self._tell_over(look)
            return False
        self._chat = look.chat
        return await self._customer_is_there(look) and await self._takes_in_time()

    async def _customer_is_there(self, look: Look) -> bool:
        """A customer whose process ended may come back in another one, for so long."""
        if look.customer:
            self._away_since = None
            return True
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            if self._claim:
                await self._send({"type": "away"})
        if now - self._away_since < self._talks.chats.resume_s:
            return True
        await self._talks.chats.end(self._ref, How.GONE.value)
        await self._tell_over(Look(None, over=How.GONE.value))
        return False

    async def _takes_in_time(self) -> bool:
        if self._claim or time.monotonic() - self._began < _TAKE_S:
            return True
        await self._send({"type": "error", "code": "not_taken", "detail": f"take it within {_TAKE_S:.0f} s"})
        return False

    async def _tell_over(self, look: Look | None = None) -> None:
        self._claim = ""
        with contextlib.suppress(StateError):
            look = look or await self._talks.chats.look(self._ref)
        await self._send({"type": "over", "how": (look.over if look is not None else "") or "unknown"})

    async def _send(self, message: Mapping[str, Any]) -> None:
        """A desk that does not read is gone: what it is sent would be lost, and the customer would not know."""
        if not await send_json(self._socket, message):
            await close(self._socket, TRY_AGAIN_LATER, "does not read")
