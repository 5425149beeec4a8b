"""A bank's chat served on loopback: the real bundle, desk, stores and server; only what words mean is written by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from dialogs.data.bundle import load_bundle
from dialogs.rehearsal.meanings import parse_meaning
from nlu.pack.pack import BANK_PACK, Pack
from nlu.types import Hypothesis, Understanding
from nlu.understanding.keywords import KeywordUnderstander
from voicebot.chat.desks import Desks
from voicebot.chat.handed import ChatError, HandedChats, Told, patiently
from voicebot.chat.server import ChatServer, ChatServices
from voicebot.chat.settings import ChatSettings
from voicebot.chat.talk import TalkServices
from voicebot.conversation.session import SessionServices
from voicebot.errors import StateError
from voicebot.handoff.callback_service import CallbackService
from voicebot.handoff.callbacks import CallbackStore
from voicebot.handoff.service import HandOffService
from voicebot.handoff.store import HandOffStore
from voicebot.handoff.webhook import Webhook
from voicebot.http.server import HttpServer, listen, serve
from voicebot.metrics.registry import Metrics
from voicebot.outcomes.store import Outcomes
from voicebot.records import CallSummary, RecordStore
from voicebot.records.engine import open_engine
from voicebot.state.caller_memory import CallerMemory
from voicebot.state.conditions import LiveConditionsStore
from voicebot.state.live_calls import LiveCalls
from voicebot.state.relay import Relay
from voicebot.state.shared import SharedState
from voicebot.switches.board import SwitchBoard
from voicebot.tasks import cancelled
from voicebot.understanding.service import UnderstandingService
from voicebot.web.app import WebParts, build_app

DAY = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)  # a Tuesday noon in Warsaw: everybody is at work
NIGHT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)

TOKEN = "the-agents-token"

MEANINGS = {
    "nie działa mi blik": "blik",
    "my blik does not work": "blik",
    "zgubiłem kartę": "card_block",
    "I lost my card": "card_block",
    "ile mam na koncie": "balance",
    "coś z kredytem": "choose mortgage cash_loan",
    "chyba kredyt": "confirm mortgage",
    "chcę kupić mieszkanie": "mortgage",
    "człowiek": "agent",
    "<script>alert(1)</script>": "blik",
    "tak": "affirm",
    "nie": "deny",
}


async def by_hand(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
    """What the words above mean; others mean nothing."""
    text = hypotheses[0].text
    return parse_meaning(MEANINGS.get(text, "reject"), text)


@dataclass
class Bank:
    """A served chat and what is behind it."""

    room: ChatServer
    handoffs: HandOffStore
    callbacks: CallbackStore
    records: RecordStore
    port: int
    server: HttpServer
    metrics: Metrics
    chats: HandedChats
    desks: Desks
    waits: dict[str, float]
    """What the queues report, in seconds."""

    async def staff(self, *queues: str) -> None:
        """A desk for these queues and no others; for all of them when none is named."""
        await patiently(lambda: self.desks.here("desk-1", queues or self.room.services.session.bundle.queues))

    async def nobody(self) -> None:
        """The desk goes home."""
        await patiently(lambda: self.desks.here("desk-1", ()))

    async def answer_all(self) -> None:
        """An agent who takes every chat at once and ends it; runs until cancelled."""
        while True:
            with contextlib.suppress(StateError, ChatError):  # a slow machine, a customer who left
                for look in await self.chats.everywhere():
                    if look.chat is not None and look.agent is None:
                        await self._answer(look.chat.ref)
            await asyncio.sleep(0.02)

    async def _answer(self, ref: str) -> None:
        await self.chats.take(ref, "a-claim-of-the-test", "Anna")
        await self.chats.tell(ref, Told("taken", "agent"))
        async with asyncio.timeout(10):
            await self._until_met(ref)
        await self.chats.end(ref, "agent")

    async def _until_met(self, ref: str) -> None:
        """Wait until the customer was told who came, or is gone."""
        while (talk := self.room.talk(ref)) is not None and talk.agent is None:
            await asyncio.sleep(0.01)

    @asynccontextmanager
    async def agent(self, ref: str, *, token: str = TOKEN) -> AsyncIterator[AgentDesk]:
        """The desk's connection to one chat."""
        headers = {"Authorization": f"Bearer {token}"}
        async with connect(f"ws://127.0.0.1:{self.port}/api/chats/{ref}", additional_headers=headers) as socket:
            yield AgentDesk(socket)

    @asynccontextmanager
    async def api(self) -> AsyncIterator[httpx.AsyncClient]:
        """The desk's HTTP client."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=self.origin, headers=headers) as client:
            yield client

    async def stop(self) -> None:
        """The service goes away."""
        await self.server.close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def records_written(self) -> list[CallSummary]:
        """Summaries of all chats that are over."""
        assert await self.records.flush(10.0)
        return await self.records.calls()

    async def until_empty(self) -> None:
        """Wait until every chat is over."""
        async with asyncio.timeout(10):
            while len(self.room):
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def customer(self, lang: str = "pl", origin: str | None = None) -> AsyncIterator[Customer]:
        """Somebody with the page open."""
        url = f"ws://127.0.0.1:{self.port}/chat/ws?lang={lang}"
        async with connect(url, origin=origin or self.origin) as socket:  # type: ignore[arg-type]
            yield Customer(socket)


@dataclass
class Peer:
    """One end of a WebSocket; keeps everything that came."""

    socket: ClientConnection
    got: list[dict[str, Any]] = field(default_factory=list)

    async def next(self) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(10):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        self.got.append(message)
        return message

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of this type."""
        while True:
            message = await self.next()
            if message["type"] == kind:
                return message

    async def until_closed(self) -> int:
        """Read on until the bank closes the connection; its close code."""
        try:
            while True:
                await self.next()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    async def send(self, kind: str, **fields: str) -> Self:
        await self.socket.send(json.dumps({"type": kind, **fields}, separators=(",", ":")))
        return self

    async def say(self, text: str, **more: str) -> Self:
        await self.socket.send(json.dumps({"type": "say", "text": text, **more}))
        return self

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Every message of this type so far."""
        return [message for message in self.got if message["type"] == kind]


class AgentDesk(Peer):
    """An agent's end."""

    async def take(self, name: str = "Anna", **more: str) -> str:
        """Take the chat; the claim."""
        await self.until("chat")
        await self.send("take", name=name, **more)
        return str((await self.until("taken"))["claim"])


class Customer(Peer):
    """A customer's end."""

    async def key(self, key: str) -> Self:
        await self.socket.send(json.dumps({"type": "key", "key": key}))
        return self

    @property
    def read(self) -> str:
        """Everything the bot wrote."""
        return "\n".join(message["text"] for message in self.got if message["type"] == "bot")


@asynccontextmanager
async def open_bank(
    shared: SharedState,
    folder: Path,
    *,
    settings: ChatSettings | None = None,
    now: datetime = DAY,
    keeps_words: bool = True,
    webhook: Webhook | None = None,
    desk: bool = True,
    answered: bool = True,
    look_every_s: float = 0.1,
) -> AsyncIterator[Bank]:
    """The chat on a free port while the context lasts. `desk`: every queue has one; `answered`: an agent takes every chat at once
    and ends it.
    """
    records = RecordStore(f"sqlite:///{folder / 'calls.db'}", spool_dir=folder / "spool", folder=folder / "files")
    await records.start()
    handoffs, callbacks, live, metrics = HandOffStore(shared), CallbackStore(shared), LiveCalls(shared), Metrics()
    bundle = load_bundle()
    callback_service = CallbackService(callbacks, bundle)
    session = SessionServices(
        bundle=bundle,
        understanding=UnderstandingService(
            by_hand, local=None, keywords=KeywordUnderstander(Pack(BANK_PACK)), languages=("pl", "en")
        ),
        hand_offs=HandOffService(handoffs, webhook, lambda queue: queue, callbacks=callback_service),
        records=records,
        live=live,
        memory=CallerMemory(shared, b"a secret of the test"),
        metrics=metrics,
        clock=lambda: now,
    )
    chat_settings = settings or ChatSettings()
    waits: dict[str, float] = {}
    relay, desks = Relay(shared), Desks(shared, enabled=chat_settings.agents, lease_s=3600)
    chats = HandedChats(shared, relay, lease_s=chat_settings.agent_lease_s, resume_s=chat_settings.resume_s)
    talks = TalkServices(chats, desks, metrics, waits.get, longest_wait_s=chat_settings.agent_wait_s, look_every_s=look_every_s)
    room = ChatServer(ChatServices(session, talks, keeps_words=keeps_words), chat_settings)
    conditions, engine = LiveConditionsStore(shared), open_engine(f"sqlite:///{folder / 'calls.db'}")
    parts = WebParts(
        clock=lambda: now,
        token=TOKEN,
        handoffs=handoffs,
        callbacks=callback_service,
        records=records,
        live=live,
        conditions=conditions,
        switches=SwitchBoard(engine, conditions),
        outcomes=Outcomes(engine),
        bundle=lambda: bundle,
        metrics=metrics,
        chat=room,
    )
    server = await serve(build_app(parts), listen("127.0.0.1", 0, setting="test"))
    opened = Bank(room, handoffs, callbacks, records, server.port, server, metrics, chats, desks, waits)
    await relay.start()
    await desks.start()
    if desk:
        await opened.staff()
    answering = asyncio.create_task(opened.answer_all()) if desk and answered else None
    try:
        yield opened
    finally:
        await cancelled(answering)
        await server.close()
        await desks.close()
        await relay.close()
        await records.close()
        engine.dispose()
