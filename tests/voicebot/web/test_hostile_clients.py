"""Every route of the whole service, the bank's and the app's too: with a proof and without one, whatever else is sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok

from tests.voicebot.identity.bank import Bank, Clock, opened
from tests.voicebot.state.servers import other, server, shared
from tests.voicebot.web.serving import AUTH, Api, api
from tests.voicebot.web.test_hostile_input import CHECKS, MODES
from voicebot.endpoints.web_call.dialog import AppStacks
from voicebot.endpoints.web_call.session import AppSessions
from voicebot.endpoints.web_call.settings import WebCallSettings
from voicebot.http.server import listen, serve
from voicebot.identity.web_calls import WebCalls
from voicebot.state.relay import Relay
from voicebot.state.shared import SharedState
from voicebot.web.app import build_app
from voicebot.web.bank_clients import OWN_PROOF

__all__ = ["api", "other", "server", "shared"]

QUICK = settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
CLIENTS = {"/api/click2call/tickets": "app", "/api/advisor-proofs": "desk", "/api/customers": "portal"}
NOT_JSON = "/api/click2call/calls/{call}/end"
Headers = Callable[[str], dict[str, str]]


@dataclass
class House:
    """The whole service over HTTP, with the document that it shows of itself."""

    bank: Bank
    url: str
    document: dict[str, Any]

    def proven(self, path: str) -> dict[str, str]:
        """What opens a route: the token of the API, or an assertion of the client who may."""
        client = next((client for prefix, client in CLIENTS.items() if path.startswith(prefix)), None)
        return {"Authorization": f"Bearer {self.bank.assertion(client)}"} if client is not None else AUTH

    def attack(self, headers: Headers, mode: schemathesis.GenerationMode, allowed: Callable[[int], bool], under: str = "") -> int:
        """Every route with input made from the document; how many routes there were."""
        attacked = 0
        paths = {path: told for path, told in self.document["paths"].items() if path.startswith(under)}
        for found in schemathesis.openapi.from_dict({**self.document, "paths": paths}).get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()

            @QUICK
            @given(case=operation.as_strategy(generation_mode=mode))
            def attack(case: schemathesis.Case[Any]) -> None:
                answer = case.call_and_validate(base_url=self.url, headers=headers(case.path), checks=list(CHECKS))
                assert allowed(answer.status_code), (case.path, answer.status_code, answer.text)

            with contextlib.suppress(Unsatisfiable):
                attack()
            attacked += 1
        return attacked


@asynccontextmanager
async def house(api: Api, shared: SharedState, folder: Path) -> AsyncIterator[House]:
    """Calls go nowhere: an offer that is good is answered with "refused"."""
    async with AsyncExitStack() as stack:
        clock = Clock(datetime.now(UTC))
        bank = await stack.enter_async_context(opened(shared, folder, clock=clock, per_customer_minute=1000, per_minute=100_000))
        relay = Relay(shared)
        await relay.start()
        stack.push_async_callback(relay.close)
        dialogs = await AppStacks.open([("127.0.0.1", 9)], "app-call")
        calls = WebCalls(
            WebCallSettings(enabled=True, per_address_minute=10_000, answer_s=0.1),
            dialogs=dialogs,
            sessions=AppSessions(shared),
            quota=bank.identity.quota,
            relay=relay,
            tickets=bank.identity.tickets,
            audit=bank.identity.audit,
            metrics=bank.metrics,
            clock=clock,
        )
        stack.push_async_callback(calls.close)
        app = build_app(replace(api.parts, identity=bank.identity, web_calls=calls))
        serving = await serve(app, listen("127.0.0.1", 0, setting="test"))
        stack.push_async_callback(serving.close)
        url = f"http://127.0.0.1:{serving.port}"
        async with httpx.AsyncClient(base_url=url, headers=AUTH) as client:
            yield House(bank, url, (await client.get("/api/openapi.json")).json())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: str(mode.value))
async def test_whoever_has_proven_themselves_is_answered_as_the_document_says(
    api: Api, shared: SharedState, tmp_path: Path, mode: schemathesis.GenerationMode
) -> None:
    async with house(api, shared, tmp_path) as served:
        for under in OWN_PROOF:  # the others: test_hostile_input
            assert await asyncio.to_thread(
                served.attack, served.proven, mode, lambda status: status < 500 or status == 503, under
            )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: str(mode.value))
@pytest.mark.parametrize("given_headers", [{}, {"Authorization": "Bearer e30.e30.e30"}], ids=["nothing", "a forged one"])
async def test_whoever_has_not_opens_nothing_anywhere(
    api: Api, shared: SharedState, tmp_path: Path, mode: schemathesis.GenerationMode, given_headers: dict[str, str]
) -> None:
    """Of all routes but those that are for everybody."""
    async with house(api, shared, tmp_path) as served:
        routes = await asyncio.to_thread(served.attack, lambda _: given_headers, mode, lambda status: 400 <= status < 500, "/api")
        assert routes > 20


async def test_every_route_is_in_the_document_and_behind_a_proof(api: Api, shared: SharedState, tmp_path: Path) -> None:
    """One that somebody adds is found here: it answers nobody who has proven nothing."""
    async with house(api, shared, tmp_path) as served, httpx.AsyncClient(base_url=served.url) as stranger:
        open_to_all = {"/.well-known/jwks.json", "/health", "/health/live", "/health/ready"}
        asked = 0
        for path, methods in served.document["paths"].items():
            for method in methods:
                answer = await stranger.request(method, path.replace("{", "").replace("}", ""))
                assert path in open_to_all or answer.status_code in (401, 422), (method, path, answer.status_code)
                asked += 1
        assert asked > 20
