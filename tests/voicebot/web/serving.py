"""A served API for tests, with a real state server and database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from dialogs.data.bundle import load_bundle
from nlu.pack.pack import BANK_PACK, Pack
from nlu.understanding.keywords import KeywordUnderstander
from voicebot.accounts.tokens import TokenCheck, Tokens
from voicebot.handoff.callback_service import CallbackService
from voicebot.handoff.callbacks import CallbackStore
from voicebot.handoff.service import HandOffService
from voicebot.handoff.store import HandOffStore
from voicebot.health.report import Part
from voicebot.http.server import listen, serve
from voicebot.mail.service import MailService
from voicebot.mail.steering import MailSteering
from voicebot.mail.store import Messages
from voicebot.metrics.registry import Metrics
from voicebot.outcomes.store import Outcomes
from voicebot.records import RecordStore
from voicebot.records.engine import open_engine
from voicebot.state.conditions import LiveConditionsStore
from voicebot.state.live_calls import LiveCalls
from voicebot.state.shared import SharedState
from voicebot.switches.board import SwitchBoard
from voicebot.understanding.service import UnderstandingService
from voicebot.web.app import WebParts, build_app

TOKEN = "the-agents-token"
AUTH = {"Authorization": f"Bearer {TOKEN}"}
BUNDLE = load_bundle()
NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)  # a Tuesday noon in Warsaw
STARTED = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@cache
def by_keywords() -> UnderstandingService:
    """Understanding that needs no model."""
    return UnderstandingService(None, local=None, keywords=KeywordUnderstander(Pack(BANK_PACK)), languages=("pl", "en"))


class Ticking:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class Api:
    """A served API, its parts, and clients with and without the token."""

    parts: WebParts
    client: httpx.AsyncClient
    stranger: httpx.AsyncClient
    working: dict[str, bool]
    clock: Ticking

    async def get(self, path: str, status: int = 200) -> Any:
        response = await self.client.get(path)
        assert response.status_code == status, response.text
        return response.json()

    async def post(self, path: str, body: dict[str, Any], status: int = 200) -> Any:
        response = await self.client.post(path, json=body)
        assert response.status_code == status, response.text
        return response.json() if response.content else None


@pytest.fixture
async def api(shared: SharedState, tmp_path: Path) -> AsyncIterator[Api]:
    records = RecordStore(f"sqlite:///{tmp_path / 'calls.db'}", spool_dir=tmp_path / "spool", number_key=b"a key for tests")
    await records.start()
    working = {"sip": True, "state": True}
    clock = Ticking()
    callbacks = CallbackService(CallbackStore(shared), BUNDLE, clock=lambda: NOON)
    handoffs = HandOffStore(shared)
    conditions, engine = LiveConditionsStore(shared), open_engine(f"sqlite:///{tmp_path / 'calls.db'}")
    parts = WebParts(
        token=TOKEN,
        tokens=TokenCheck(Tokens(engine), monotonic=count(step=10).__next__),
        handoffs=handoffs,
        callbacks=callbacks,
        records=records,
        live=LiveCalls(shared),
        conditions=conditions,
        switches=SwitchBoard(engine, conditions),
        outcomes=Outcomes(engine),
        bundle=lambda: BUNDLE,
        metrics=Metrics(),
        clock=clock,
        mail=MailService(
            MailSteering(by_keywords, lambda: BUNDLE, clock=clock),
            Messages(engine),
            HandOffService(handoffs, None, lambda queue: queue, callbacks=callbacks),
            hash_of=records.number_hash,
            keep_days=90,
            clock=clock,
        ),
        health=[
            Part("sip", lambda: None if working["sip"] else "cannot take calls", needed=True),
            Part("state", lambda: None if working["state"] else "away"),
        ],
    )
    server = await serve(build_app(parts), listen("127.0.0.1", 0, setting="test"))
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, headers=AUTH) as client, httpx.AsyncClient(base_url=url) as stranger:
        yield Api(parts, client, stranger, working, clock)
    await server.close()
    await records.close()
    engine.dispose()
