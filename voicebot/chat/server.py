"""The chats under way: what they share, and how many there may be."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from starlette.websockets import WebSocket

from voicebot.chat.settings import ChatSettings
from voicebot.chat.talk import Talk, TalkServices
from voicebot.conversation.session import SessionServices

LINE = "chat"


@dataclass(frozen=True, slots=True)
class ChatServices:
    """What every chat shares, beside what all conversations share (`session`)."""

    session: SessionServices
    talks: TalkServices
    """What it takes to hand a chat over."""
    without: tuple[str, ...] = ()
    """What is out of order ("classifier")."""
    keeps_words: bool = True
    """Conversations are stored with the customer's words, so that the notice of it is due."""


class LiveChat(Protocol):
    """A chat under way."""

    address: str
    """What counts as one client, see `voicebot.http.places.client_of`."""

    @property
    def silent_since(self) -> float | None:
        """Monotonic seconds since when the customer has sent nothing at all; None once they have."""
        ...

    def put_through_now(self, why: str) -> None:
        """The customer must go to the default queue now; whoever was handed over already is told to come back elsewhere."""
        ...

    @property
    def talk(self) -> Talk | None:
        """The chat with an agent, or the wait for one; None before and after."""
        ...

    async def serve_again(self, socket: WebSocket) -> None:
        """The customer is back on this socket; comes back when the chat is over."""
        ...

    def give_way(self) -> None:
        """End: the customer has not begun, and another needs the place."""
        ...


class Agent(Protocol):
    """An agent's connection to one chat."""

    def stop(self) -> None:
        """The process stops: the desk may come back to another one."""
        ...


class ChatServer:
    """Chats under way. Nobody waits for a place: a chat is let in or told at once that it cannot be."""

    def __init__(self, services: ChatServices, settings: ChatSettings | None = None) -> None:
        self.services = services
        self.settings = settings or ChatSettings()
        self._live: set[LiveChat] = set()
        self._agents: set[Agent] = set()
        self._draining = False
        self._none_left = asyncio.Event()
        self._none_left.set()

    @property
    def line(self) -> str:
        """The line's name in the bundle: its own, if the bundle has one."""
        lines = self.services.session.bundle.routes.lines
        return LINE if LINE in lines else next(iter(lines))

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in which the conversation can be held, the first is the default."""
        return self.services.session.bundle.routes.lines[self.line].languages

    def __len__(self) -> int:
        return len(self._live)

    def enter(self, chat: LiveChat) -> bool:
        """Let one more in; False when all places are taken, also those of its address, or the service is about to stop."""
        reason = self._refusal(chat.address)
        if reason:
            self.services.session.metrics.count("voicebot_chats_refused_total", reason=reason)
            return False
        self._live.add(chat)
        self._none_left.clear()
        return True

    def has_place(self, address: str) -> bool:
        """Whether one more would be let in."""
        return not self._refusal(address)

    def _refusal(self, address: str) -> str:
        if self._draining:
            return "draining"
        if sum(chat.address == address for chat in self._live) >= self.settings.max_chats_per_address:
            return "address_full"
        if len(self) < self.settings.max_chats or self._gave_way():
            return ""
        return "full"

    def _gave_way(self) -> bool:
        """Whether somebody who has been connected for a while and sent nothing at all makes room."""
        silent = [(chat.silent_since, chat) for chat in self._live if chat.silent_since is not None]
        if not silent:
            return False
        since, chat = min(silent, key=lambda each: each[0] or 0.0)
        if time.monotonic() - (since or 0.0) < self.settings.silent_s:
            return False
        chat.give_way()
        self.leave(chat)
        return True

    @contextlib.contextmanager
    def agent(self, agent: Agent) -> Iterator[None]:
        """An agent is connected while the context lasts."""
        self._agents.add(agent)
        try:
            yield
        finally:
            self._agents.discard(agent)

    @property
    def agents(self) -> int:
        """Agents connected to this process."""
        return len(self._agents)

    def talk(self, ref: str) -> Talk | None:
        """The talk under this reference, if this process has its customer."""
        return next((chat.talk for chat in self._live if chat.talk is not None and chat.talk.chat.ref == ref), None)

    def find(self, ref: str, token: str) -> LiveChat | None:
        """The chat of this customer, if this process has it."""
        mine = (chat for chat in self._live if chat.talk is not None and chat.talk.chat.ref == ref)
        return next((chat for chat in mine if chat.talk is not None and chat.talk.chat.is_customer(token)), None)

    def stop_taking(self) -> None:
        """Let nobody in from now on."""
        self._draining = True

    def leave(self, chat: LiveChat) -> None:
        """The chat is over."""
        self._live.discard(chat)
        if not self._live:
            self._none_left.set()

    async def drain(self, seconds: float) -> None:
        """Let the chats under way end, for so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none_left.wait()

    async def put_all_through(self, within_s: float) -> None:
        """The service stops: whoever is left is told and handed to the default queue."""
        for chat in tuple(self._live):
            chat.put_through_now("shutdown")
        for agent in tuple(self._agents):
            agent.stop()
        await self.drain(within_s)
