"""The room in which chats are held: what they share of the house, and how many there may be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dialogs.data.bundle import Bundle
from dialogs.events import Conditions
from voicebot.chat.settings import ChatSettings
from voicebot.conversation.journal import JournalSink
from voicebot.conversation.stage import Understand
from voicebot.handoff.service import HandOffService
from voicebot.metrics.metrics import Metrics
from voicebot.records import RecordStore
from voicebot.state.live_calls import LiveCalls

LINE = "chat"


@dataclass(frozen=True, slots=True)
class ChatServices:
    """What every chat shares with the calls. `without` names what is out of order ("classifier"); `keeps_words` says that
    conversations are stored with the customer's words, so that the notice of it is due; `draining`: the service is about to stop.
    """

    bundle: Bundle
    understand: Understand
    desk: HandOffService
    records: RecordStore
    live: LiveCalls
    metrics: Metrics
    conditions: Callable[[], Conditions] = Conditions
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    without: tuple[str, ...] = ()
    keeps_words: bool = True
    understand_s: float = 2.0
    draining: Callable[[], bool] = lambda: False
    sinks: Sequence[JournalSink] = ()


class ChatRoom:
    """Chats under way. Nobody waits at the door: a chat is let in or told at once that it cannot be."""

    def __init__(self, services: ChatServices, settings: ChatSettings | None = None) -> None:
        self.services = services
        self.settings = settings or ChatSettings()
        self._inside: set[str] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def line(self) -> str:
        """The line's name in the bundle: its own, if the bundle has one."""
        lines = self.services.bundle.routes.lines
        return LINE if LINE in lines else next(iter(lines))

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in which the conversation can be held, the first is the default."""
        return self.services.bundle.routes.lines[self.line].languages

    def __len__(self) -> int:
        return len(self._inside)

    def enter(self, chat_id: str) -> bool:
        """Let one more in; False when the room is full, or about to be closed."""
        reason = "draining" if self.services.draining() else "full" if len(self) >= self.settings.max_chats else ""
        if reason:
            self.services.metrics.count("voicebot_chats_refused_total", reason=reason)
            return False
        self._inside.add(chat_id)
        self._empty.clear()
        return True

    def leave(self, chat_id: str) -> None:
        """The chat is over."""
        self._inside.discard(chat_id)
        if not self._inside:
            self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Let the chats under way end, for so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._empty.wait()
