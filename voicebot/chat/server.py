"""The chats under way: what they share, and how many there may be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from voicebot.chat.settings import ChatSettings
from voicebot.conversation.session import SessionServices

LINE = "chat"


@dataclass(frozen=True, slots=True)
class ChatServices:
    """What every chat shares, beside what all conversations share (`session`)."""

    session: SessionServices
    without: tuple[str, ...] = ()
    """What is out of order ("classifier")."""
    keeps_words: bool = True
    """Conversations are stored with the customer's words, so that the notice of it is due."""
    draining: Callable[[], bool] = lambda: False
    """Whether the service is about to stop."""


class LiveChat(Protocol):
    """A chat under way."""

    def put_through_now(self, why: str) -> None:
        """The customer must go to the default queue now."""
        ...


class ChatServer:
    """Chats under way. Nobody waits for a place: a chat is let in or told at once that it cannot be."""

    def __init__(self, services: ChatServices, settings: ChatSettings | None = None) -> None:
        self.services = services
        self.settings = settings or ChatSettings()
        self._live: set[LiveChat] = set()
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
        """Let one more in; False when all places are taken, or the service is about to stop."""
        reason = "draining" if self.services.draining() else "full" if len(self) >= self.settings.max_chats else ""
        if reason:
            self.services.session.metrics.count("voicebot_chats_refused_total", reason=reason)
            return False
        self._live.add(chat)
        self._none_left.clear()
        return True

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
        await self.drain(within_s)
