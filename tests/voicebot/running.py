"""A whole service for tests, all of it real, but with the quickest parts: keys and text only, keywords, espeak."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from audio.prompt_store import PromptStore
from audio.synthesis import EspeakVoice
from audio.types import Recogniser
from dialogs.data.bundle import Bundle, load_bundle
from nlu.pack.pack import BANK_PACK, Pack
from nlu.types import Hypothesis, Understanding
from nlu.understanding.keywords import KeywordUnderstander
from tests.voicebot.chat.bank import Customer
from voicebot.config.settings import Settings
from voicebot.conversation.session import utc_now
from voicebot.engines import Engines
from voicebot.errors import StateError
from voicebot.prompts.speaking import Speaker
from voicebot.records.journal import Line
from voicebot.service import Service
from voicebot.service import open_service as open_real
from voicebot.softphone import CallReport, CallScript, Step, run_script_process
from voicebot.understanding.service import UnderstandingService
from voicebot.web.process import child_settings
from voicebot.web.service import WebService, open_web

TOKEN = "a-token-of-the-test"


@dataclass
class RunningService:
    """A running service, what its calls' journals said, and ways in."""

    service: Service
    web: WebService
    journals: dict[str, list[Line]] = field(default_factory=dict)
    listeners: list[Callable[[str, Line], None]] = field(default_factory=list)

    def heard(self, call_id: str, line: Line) -> None:
        """A journal's line."""
        self.journals.setdefault(call_id, []).append(line)
        for listener in tuple(self.listeners):
            listener(call_id, line)

    async def drain(self, seconds: float) -> None:
        """Stop both, as `voicebot serve` does."""
        await asyncio.gather(self.service.drain(seconds), self.web.drain(seconds))

    async def call(self, *steps: Step, **more: Any) -> tuple[CallReport, list[Line]]:
        """A real SIP call from another process: its report, and the journal of the call."""
        host, port = self.service.sip.address
        before = set(self.journals)
        number, line = more.pop("number", "+48600100200"), more.pop("line", "+48225550100")
        script = CallScript(f"sip:{line}@{host}:{port}", steps, number=number, max_s=60.0, **more)
        (report,) = await run_script_process([script], host="127.0.0.1")
        (call_id,) = set(self.journals) - before
        await self.closed(call_id)
        return report, self.journals[call_id]

    async def closed(self, call_id: str) -> None:
        """Wait until the call's journal is closed."""
        closed = asyncio.Event()

        def look(of: str, line: Line) -> None:
            if of == call_id and line.get("kind") == "closed":
                closed.set()

        self.listeners.append(look)
        if self.journals[call_id][-1].get("kind") != "closed":
            async with asyncio.timeout(10):
                await closed.wait()
        self.listeners.remove(look)

    @asynccontextmanager
    async def customer(self, lang: str = "pl") -> AsyncIterator[Customer]:
        """Somebody in the chat of a bank with a desk."""
        assert self.web.chat is not None
        services = self.web.chat.services
        with contextlib.suppress(StateError):
            await services.talks.desks.here("desk-1", services.session.bundle.queues)
        assert self.web.chat_address is not None
        host, port = self.web.chat_address
        async with connect(f"ws://{host}:{port}/chat/ws?lang={lang}", origin=f"http://{host}:{port}") as socket:  # type: ignore[arg-type]
            yield Customer(socket)

    @asynccontextmanager
    async def api(self) -> AsyncIterator[httpx.AsyncClient]:
        """The web API, with the token."""
        host, port = self.web.api
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", headers=headers) as client:
            yield client


OpenEngines = Callable[[Bundle, Path, Callable[[], datetime]], AbstractAsyncContextManager[Engines]]


@asynccontextmanager
async def quick_engines(
    bundle: Bundle, data_dir: Path, clock: Callable[[], datetime], recognisers: Mapping[str, Recogniser] | None = None
) -> AsyncIterator[Engines]:
    """Keywords in place of a classifier, espeak-ng for every language, no recogniser unless given: what starts at once."""
    keywords = KeywordUnderstander(Pack(BANK_PACK))

    async def classifier(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        return replace(keywords.understand(hypotheses, language), backend="local")

    understanding = UnderstandingService(classifier, local=None, keywords=keywords, languages=bundle.prompts.languages)
    store = PromptStore(data_dir / "prompts", {language: [EspeakVoice(language)] for language in bundle.prompts.files})
    try:
        yield Engines(understanding, Speaker(bundle, store, clock=clock), recognisers or {})
    finally:
        await store.close()


@asynccontextmanager
async def open_service(
    data_dir: Path,
    *,
    clock: Callable[[], datetime] = utc_now,
    recognisers: Mapping[str, Recogniser] | None = None,
    opens: OpenEngines | None = None,
    **sections: Any,
) -> AsyncIterator[RunningService]:
    """The service on free loopback ports, with these sections of the configuration on top: what are two processes, calls and web,
    here share one. `opens` opens other engines than the quick ones.
    """
    sip = {"host": "127.0.0.1", "port": 0, "peers": ["127.0.0.1/32"], "net_interface": "127.0.0.1", "transports": ["udp"]}
    chosen: dict[str, Mapping[str, Any]] = {
        "sip": {**sip, "rtp_ports": [22000, 22999]},
        "state": {"data_dir": str(data_dir)},
        "health": {"port": 0},
        "web": {"port": 0, "token": TOKEN},
        "handoff": {"address": "sip:{queue}@127.0.0.1:5999"},
    }
    merged = {
        **chosen,
        **{name: {**chosen.get(name, {}), **given} if isinstance(given, Mapping) else given for name, given in sections.items()},
    }
    settings = Settings.model_validate(merged)
    listening: list[RunningService] = []

    def sink(call_id: str, line: Line) -> None:
        for service in listening:
            service.heard(call_id, line)

    async with (
        (opens or partial(quick_engines, recognisers=recognisers))(load_bundle(settings.bundle), data_dir, clock) as engines,
        open_real(settings, sinks=[sink], engines=engines, clock=clock) as service,
        open_web(
            child_settings(settings, state_url=service.stores.url, health=service.health, sip=service.addresses),
            understanding=engines.understanding,
            sinks=[sink],
            clock=clock,
        ) as web,
    ):
        listening.append(RunningService(service, web))
        yield listening[0]
