"""The bank's back end asks for tickets over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok

from tests.voicebot.identity.bank import Bank, Clock, opened
from tests.voicebot.state.servers import StateServer
from tests.voicebot.web.serving import AUTH, Api, api
from tests.voicebot.web.test_hostile_input import CHECKS, MODES
from voicebot.http.server import listen, serve
from voicebot.identity.jwks import public_keys
from voicebot.state.shared import SharedState
from voicebot.web.app import build_app

__all__ = ["api"]

PATH = "/api/click2call/tickets"
ORDER = {"customer": "c-4711", "segment": "select", "level": "app-biometric", "auth_time": "2026-11-26T09:59:00Z"}


@dataclass
class Served:
    bank: Bank
    client: httpx.AsyncClient
    schema: dict[str, Any]

    def signed(self, client: str = "app", **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.bank.assertion(client, **claims)}"}

    async def post(self, body: Any = ORDER, **headers: str) -> httpx.Response:
        return await self.client.post(PATH, json=body, headers=headers or self.signed())


@pytest.fixture
async def served(api: Api, shared: SharedState, tmp_path: Path) -> AsyncIterator[Served]:
    async with opened(shared, tmp_path, per_customer_minute=1000, per_minute=100_000) as bank:
        app = build_app(replace(api.parts, identity=bank.identity))
        server = await serve(app, listen("127.0.0.1", 0, setting="test"))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            yield Served(bank, client, app.openapi())
        await server.close()


async def test_a_ticket_is_issued_and_the_public_keys_verify_it(served: Served) -> None:
    answer = await served.post(ORDER | {"language": "pl", "screen": "cards/blocked", "fingerprint": ":".join(["ab"] * 32)})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["code"] is None
    assert told["expires"] == "2026-11-26T10:01:05Z"
    ticket = await served.bank.identity.tickets.accept(told["ticket"], fingerprint=":".join(["AB"] * 32), call="k1")
    assert (ticket.customer, ticket.client, ticket.screen) == ("c-4711", "app", "cards/blocked")
    published = await served.client.get("/.well-known/jwks.json")
    assert published.headers["cache-control"] == "max-age=60"
    assert [key.kid for key in public_keys(published.text).keys] == [served.bank.own_keys.signing.kid]
    assert '"d"' not in published.text


async def test_a_code_is_issued_where_it_is_asked_for(served: Served) -> None:
    told = (await served.post(ORDER | {"phone_code": True})).json()
    assert (await served.bank.identity.tickets.accept_code(told["code"], "k1")).customer == "c-4711"


async def test_nobody_else_gets_one_and_the_token_of_the_api_opens_nothing_here(served: Served) -> None:
    signed = served.signed()
    assert (await served.post(**signed)).status_code == 201
    cases: list[tuple[dict[str, str], int, str]] = [
        ({"X": "y"}, 401, "client.missing"),
        (AUTH, 401, "client.malformed"),
        (signed, 401, "client.replayed"),
        (served.signed("other"), 403, "client.scope"),
        (served.signed(aud="elsewhere"), 401, "client.audience"),
    ]
    for headers, status, code in cases:
        answer = await served.post(**headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_an_assertion_opens_nothing_else(served: Served) -> None:
    for path in ("/api/calls", "/api/switches", "/metrics", "/api/click2calls", "/api/click2call/../calls"):
        assert (await served.client.get(path, headers=served.signed())).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"customer": "Jan Kowalski"},
        {"customer": ""},
        {"customer": "x" * 65},
        {"customer": "c-1\n"},
        {"segment": "royal"},
        {"auth_time": "yesterday"},
        {"auth_time": "2026-11-26T09:59:00"},
        {"language": "polski"},
        {"screen": "<script>"},
        {"fingerprint": "sha-256 AA"},
        {"name": "Jan"},
        {"auth_time": "2026-11-26T12:00:00Z"},
    ],
    ids=str,
)
async def test_orders_that_cannot_be(served: Served, change: dict[str, str]) -> None:
    answer = await served.post(ORDER | change)
    assert answer.status_code == 422
    assert "Kowalski" not in answer.text


async def test_limits_are_told_with_the_time_to_wait(api: Api, shared: SharedState, tmp_path: Path) -> None:
    async with opened(shared, tmp_path, per_customer_minute=1) as bank:
        server = await serve(build_app(replace(api.parts, identity=bank.identity)), listen("127.0.0.1", 0, setting="test"))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            served = Served(bank, client, {})
            assert (await served.post()).status_code == 201
            answer = await served.post()
            assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (429, "55", "client.limit")
        await server.close()


async def test_while_the_state_server_is_away_it_says_so(served: Served, server: StateServer) -> None:
    server.kill()
    answer = await served.post()
    assert (answer.status_code, answer.json()["code"]) == (503, "client.unavailable")
    assert "retry-after" in answer.headers


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: str(mode.value))
async def test_whatever_a_real_client_sends_is_answered_as_the_schema_says(
    api: Api, shared: SharedState, tmp_path: Path, mode: schemathesis.GenerationMode
) -> None:
    """Each request with an assertion of its own."""
    async with opened(shared, tmp_path, clock=Clock(datetime.now(UTC)), per_customer_minute=1000, per_minute=100_000) as bank:
        app = build_app(replace(api.parts, identity=bank.identity))
        server = await serve(app, listen("127.0.0.1", 0, setting="test"))
        whole = app.openapi()
        schema = {**whole, "paths": {PATH: whole["paths"][PATH]}}
        (found,) = schemathesis.openapi.from_dict(schema).get_all_operations()
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def attack(case: schemathesis.Case[Any]) -> None:
            headers = {"Authorization": f"Bearer {bank.assertion()}"}
            case.call_and_validate(base_url=f"http://127.0.0.1:{server.port}", headers=headers, checks=list(CHECKS))

        await asyncio.to_thread(attack)
        await server.close()
