"""The customer's side of a chat that was handed over: they wait for an agent, write with the agent, and are told whatever becomes
of it. Nothing is said that is not so.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import ceil
from typing import Any, Protocol

import structlog

from voicebot.chat.desks import Desks
from voicebot.chat.handed import ChatError, ChatOver, HandedChat, HandedChats, Look, NotYours, Told, heard
from voicebot.chat.kept_words import KeptWords
from voicebot.errors import StateError
from voicebot.metrics.registry import Metrics
from voicebot.state.relay import Ear

log = structlog.get_logger(__name__)

_NOT_TOLD = -1
_BLIND_S = 30.0
"""So long the state server may be away; after that the customer is told that the agent cannot be reached."""


class How(StrEnum):
    """How it ended."""

    AGENT = "agent"
    """The agent ended it."""
    CUSTOMER = "customer"
    """The customer ended it."""
    GONE = "gone"
    """The customer was away for too long."""
    NOBODY = "nobody"
    """No desk takes chats of this queue."""
    UNANSWERED = "unanswered"
    """No agent came in time."""
    ELSEWHERE = "elsewhere"
    """The customer is in another process already."""
    MOVING = "moving"
    """The process stops, and the customer may come back to another one."""
    FAILED = "failed"
    """What it needs broke."""


GOES_ON = (How.ELSEWHERE, How.MOVING)
"""It is not over."""
NOBODY_CAME = (How.NOBODY, How.UNANSWERED, How.FAILED)
"""The customer is told so, and what else can be done."""


class Customer(Protocol):
    """The customer, as the talk knows them."""

    @property
    def connected(self) -> bool:
        """Whether anybody is there now."""
        ...

    async def send(self, message: Mapping[str, Any]) -> bool:
        """Send one message; False when nobody is there to read it."""
        ...


@dataclass(frozen=True, slots=True)
class TalkServices:
    """What all talks share."""

    chats: HandedChats
    desks: Desks
    metrics: Metrics
    wait_of: Callable[[str], float | None]
    """The wait in seconds that a queue reports; None when there is no fresh figure."""
    longest_wait_s: float = 300.0
    look_every_s: float = 2.0
    """Whatever was not told in time is found out so often."""


class Talk:
    """One chat, from the hand-off to its end; `run` returns how it ended."""

    def __init__(
        self,
        chat: HandedChat,
        services: TalkServices,
        customer: Customer,
        *,
        owner: str,
        note: Callable[..., None],
        seen: int = 0,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`owner` names the session that holds the customer. `note` writes into the journal. Lines up to the number `seen` are on
        the customer's screen. `changed` is called when an agent has come, gone, or written.
        """
        self.chat = chat
        self.agent: str | None = None
        """The agent's name; None while the customer waits."""
        self.talked = False
        """An agent has been here."""
        self._services = services
        self._customer = customer
        self._owner = owner
        self._note = note
        self._seen = seen
        self._changed = changed
        self._claim = ""
        self._how: How | None = None
        self._waiting_since = time.monotonic()
        self._blind_since: float | None = None
        self._minutes_told: int | None = _NOT_TOLD
        self._woken: Ear | None = None
        self._history_due = False
        self._words = KeptWords()

    # ------------------------------------------------------------------ what the customer does

    async def say(self, text: str, id: str = "") -> None:
        """The customer wrote something; they are told whether it could be passed on, by their own `id` for it."""
        named, kept = ({"id": id} if id else {}), self._words.redacted(text)
        try:
            await self._services.chats.say(self.chat.ref, "customer", text, kept=kept, id=id)
        except (StateError, ChatError) as error:
            log.warning("a customer's words could not be passed on", code=error.code, ref=self.chat.ref)
            await self._customer.send({"type": "error", "code": "not_sent", **named})
            return
        self._words.heard(text)
        self._note_line("customer", kept)
        if named:
            await self._customer.send({"type": "sent", **named})

    async def typing(self) -> None:
        """The customer is writing."""
        if self.agent is not None:
            await self._services.chats.tell(self.chat.ref, Told("typing", "customer"))

    def leave(self) -> None:
        """The customer ends it."""
        self._ends(How.CUSTOMER)

    async def away(self) -> None:
        """The connection was lost; the customer may come back."""
        self._note("customer_away")
        await self._services.chats.tell(self.chat.ref, Told("away", "customer"))

    async def back(self) -> None:
        """The customer is back; they are shown what was written, as it is kept, as soon as it can be read."""
        self._note("customer_back")
        self._history_due = True
        self._wake()
        await self._services.chats.tell(self.chat.ref, Told("back", "customer"))

    def gone(self) -> None:
        """The customer did not come back."""
        self._ends(How.GONE)

    def move(self) -> None:
        """The process stops: the customer may come back to another one."""
        self._ends(How.MOVING)

    # ------------------------------------------------------------------ the one loop

    async def run(self) -> How:
        """Wait for the end."""
        chats = self._services.chats
        how = How.FAILED
        try:
            with chats.relay.listening(self.chat.ref) as ear:
                self._woken = ear
                await self._look()
                while self._how is None:
                    await self._step(ear)
                how = self._how
        finally:
            self._count(how)
            if how not in GOES_ON:
                await chats.end(self.chat.ref, how.value)
        return how

    async def _step(self, ear: Ear) -> None:
        message: str | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._services.look_every_s):
                message = await ear.get()
        if self._how is not None:
            return
        told = heard(message) if message is not None else None
        if told is not None and told.number:
            await self._take_line(told)
        elif told is not None and told.what == "typing":
            if told.who == "agent":
                await self._customer.send({"type": "typing"})
        elif told is None or told.who != "customer":
            await self._look()

    async def _take_line(self, told: Told) -> None:
        """A line in its turn; those that were missed are read first, as they are kept."""
        if told.number <= self._seen:
            return
        if told.number > self._seen + 1:
            with contextlib.suppress(StateError):
                await self._catch_up(told.number - 1)
        self._seen = told.number
        if told.who == "agent":
            await self._show(told.text)

    async def _catch_up(self, upto: int | None = None) -> None:
        missed = await self._services.chats.lines(self.chat.ref, after=self._seen)
        for line in missed if upto is None else missed[: max(0, upto - self._seen)]:
            self._seen += 1
            if line.who == "agent":
                await self._show(line.text)

    async def _tell_history(self) -> None:
        """Raises StateError: then it is still due."""
        lines = await self._services.chats.lines(self.chat.ref)
        for line in lines[self._seen :]:
            if line.who == "agent":
                self._note_line("agent", line.text)
        self._seen, self._history_due = len(lines), False
        await self._customer.send({"type": "history", "lines": [asdict(line) for line in lines]})
        await self._tell_how_it_stands()

    async def _show(self, text: str) -> None:
        self._note_line("agent", self._words.take(text))
        self._changed()
        await self._customer.send({"type": "agent_says", "text": text})

    # ------------------------------------------------------------------ how it stands

    async def _look(self) -> None:
        """What nobody told, or what was told and not understood, is found out here."""
        chats, ref = self._services.chats, self.chat.ref
        try:
            await chats.keep_customer(ref, self._owner, here=self._customer.connected)
            look = await chats.look(ref)
            if look.chat is not None and self._history_due:
                await self._tell_history()
            if look.chat is not None and look.lines > self._seen:
                await self._catch_up()
            there = await self._services.desks.refresh() if self._waits(look) else True
        except NotYours:
            self._ends(How.ELSEWHERE)
            return
        except ChatOver:
            await self._find_out_how()
            return
        except StateError:
            self._look_failed()
            return
        self._blind_since = None
        if look.chat is None:
            self._ends(_how_of(look.over))
            return
        await self._compare(look)
        if there and self._how is None and self.agent is None:
            await self._wait_on()

    def _waits(self, look: Look) -> bool:
        return look.chat is not None and look.agent is None

    async def _find_out_how(self) -> None:
        try:
            self._ends(_how_of((await self._services.chats.look(self.chat.ref)).over))
        except StateError:
            self._look_failed()

    def _look_failed(self) -> None:
        now = time.monotonic()
        if self._blind_since is None:
            self._blind_since = now
            log.info("how a chat stands cannot be read", code="chat.blind", ref=self.chat.ref)
        elif now - self._blind_since >= _BLIND_S:
            log.warning("a chat cannot go on without the state server", code="chat.blind", ref=self.chat.ref)
            self._ends(How.FAILED)

    async def _compare(self, look: Look) -> None:
        moved = look.chat is not None and look.chat.queue != self.chat.queue
        if look.chat is not None and moved:
            self._note("moved", queue=look.chat.queue)
            self.chat = look.chat
            self._wait_anew()
        if look.agent is not None and look.claim != self._claim:
            await self._agent_came(look.claim, look.agent)
        elif look.agent is None and self.agent is not None:
            await self._agent_left(moved=moved)

    async def _agent_came(self, claim: str, name: str) -> None:
        if not self.talked:
            self._services.metrics.observe("voicebot_chat_wait_seconds", time.monotonic() - self._waiting_since)
        self._claim, self.agent, self.talked = claim, name, True
        self._note("agent_came")
        log.info("an agent took the chat", ref=self.chat.ref, queue=self.chat.queue)
        self._changed()
        await self._customer.send({"type": "agent", "name": name})

    async def _agent_left(self, *, moved: bool) -> None:
        self._claim, self.agent = "", None
        self._wait_anew()
        self._note("agent_left")
        self._changed()
        await self._customer.send({"type": "agent_left", "moved": moved})
        await self._tell_how_it_stands()

    def _wait_anew(self) -> None:
        self._waiting_since = time.monotonic()
        self._minutes_told = _NOT_TOLD

    async def _wait_on(self) -> None:
        if self.chat.queue not in self._services.desks.queues:
            self._ends(How.NOBODY)
        elif time.monotonic() - self._waiting_since >= self._services.longest_wait_s:
            self._ends(How.UNANSWERED)
        elif self._minutes() != self._minutes_told:
            await self._tell_how_it_stands()

    def _minutes(self) -> int | None:
        """How long the wait is about, less what has been waited already; None without a figure, or when it is over due."""
        wait = self._services.wait_of(self.chat.queue)
        if wait is None:
            return None
        left = wait - (time.monotonic() - self._waiting_since)
        return ceil(left / 60) if left > 0 else None

    async def _tell_how_it_stands(self) -> None:
        if self.agent is not None:
            await self._customer.send({"type": "agent", "name": self.agent})
            return
        self._minutes_told = self._minutes()
        await self._customer.send({"type": "waiting", "queue": self.chat.queue, "minutes": self._minutes_told})

    # ------------------------------------------------------------------ the end

    def _ends(self, how: How) -> None:
        if self._how is None:
            self._how = how
            self._wake()

    def _wake(self) -> None:
        if self._woken is not None:
            self._woken.put_nowait(None)

    def _count(self, how: How) -> None:
        self._note("talk_ended", how=how.value, talked=self.talked)
        self._services.metrics.count("voicebot_chat_talks_total", how=how.value, talked=str(self.talked).lower())

    def _note_line(self, who: str, kept: str) -> None:
        self._note("line", who=who, **({"text": kept} if self.chat.keeps_words else {}))


def _how_of(over: str) -> How:
    try:
        return How(over)
    except ValueError:
        return How.FAILED  # the state server forgot it
