"""The advisor proven to the customer: the desk shows a call, the app asks, and the hotline says the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from caller_id.types import Authentication, Caller
from dialogs.events import Authorise
from tests.voicebot.identity.bank import Bank, TrueClock, opened
from tests.voicebot.identity.provider import App, provider, shared
from tests.voicebot.state.servers import StateServer
from tests.voicebot.web.serving import AUTH, Api, api
from voicebot.http.server import listen, serve
from voicebot.state.shared import SharedState
from voicebot.web.app import build_app

__all__ = ["api", "shared"]

ORDER = {"customer": "C-1", "advisor": "Anna z banku", "matter": "loan_service", "call": "desk-17"}
PROVEN = Caller(customer_ref="C-1", authentication=Authentication.APP, level="app-pin")


@dataclass
class Served:
    bank: Bank
    client: httpx.AsyncClient
    app: App

    def signed(self, client: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.bank.assertion(client)}"}

    async def show(self, **change: Any) -> httpx.Response:
        return await self.client.post("/api/advisor-proofs", json=ORDER | change, headers=self.signed("desk"))

    async def look(self, proof: str, client: str = "desk") -> httpx.Response:
        return await self.client.get(f"/api/advisor-proofs/{proof}", headers=self.signed(client))

    async def end(self, proof: str) -> int:
        return (await self.client.delete(f"/api/advisor-proofs/{proof}", headers=self.signed("desk"))).status_code

    async def asks(self, customer: str = "C-1", **query: str) -> dict[str, Any]:
        path = f"/api/customers/{customer}/calls/current"
        answer = await self.client.get(path, params=query, headers=self.signed("portal"))
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        told: dict[str, Any] = answer.json()
        return told

    async def hotline(self) -> str:
        result = (await self.bank.identity.proofs.prove(PROVEN, "k1", Authorise("call_check"), lambda _: None))[1]
        return result.advisor

    async def trail(self) -> list[tuple[str, str]]:
        """The lines of advisors' calls, with the answers, once they are in the database."""
        await self.bank.identity.audit.close()
        notes = [line.note for line in self.bank.lines() if line.note.what.startswith("advisor.")]
        return [(note.what, json.loads(note.facts).get("answer", "")) for note in notes]


@pytest.fixture
async def served(api: Api, shared: SharedState, tmp_path: Path) -> AsyncIterator[Served]:
    async with provider(tmp_path, "--interval", "0.2", "--life", "2") as app:
        ciba = {"issuer": app.issuer, "client_id": "voicebot", "mode": "poll"}
        async with opened(shared, tmp_path, clock=TrueClock(), ciba=ciba) as bank:
            served = await serve(build_app(replace(api.parts, identity=bank.identity)), listen("127.0.0.1", 0, setting="test"))
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}") as client:
                yield Served(bank, client, app)
            await served.close()


async def test_the_app_says_who_is_calling_and_the_words_are_those_the_advisor_says(served: Served) -> None:
    shown = (await served.show()).json()
    told = await served.asks()
    assert (told["calling"], told["advisor"], told["words"], told["until"]) == (
        True,
        "Anna z banku",
        shown["words"],
        shown["until"],
    )
    assert told["matter"] == "spłatę kredytu"
    english = await served.asks(language="en")
    assert english["text"].startswith("Yes")
    assert await served.hotline() == "calling"


async def test_no_is_said_plainly_and_in_the_same_shape_whoever_is_asked_about(served: Served) -> None:
    shown = await served.show()
    assert shown.status_code == 201
    nobody, unknown = await served.asks("C-2"), await served.asks("no-such-customer")
    assert nobody == unknown
    assert nobody["calling"] is False
    assert nobody["text"].startswith("Nie")
    assert "infolini" in nobody["report"]
    assert nobody.keys() == (await served.asks()).keys()
    asked = [("advisor.asked", answer) for answer in ("no", "no", "yes")]
    assert await served.trail() == [("advisor.shown", ""), *asked]


async def test_a_call_that_is_over_is_not_shown_and_the_hotline_still_knows_of_it(served: Served) -> None:
    assert await served.hotline() == "none"
    first, second = (await served.show()).json()["id"], (await served.show()).json()["id"]
    assert await served.end(first) == 204
    assert (await served.asks())["calling"]  # the later call lasts
    assert await served.end(second) == 204
    assert not (await served.asks())["calling"]
    assert await served.hotline() == "lately"
    assert await served.end(second) == 404


async def test_it_ends_by_itself(served: Served, server: StateServer, shared: SharedState) -> None:
    await served.show()
    for name in await shared.ask(lambda redis: redis.keys("voicebot:advisor*")):
        left = await shared.ask(lambda redis, name=name: redis.ttl(name))  # type: ignore[misc]
        assert 0 < left <= 1800 + 3600
        assert "C-1" not in name


async def test_nobody_but_the_client_of_each_may_ask(served: Served) -> None:
    proof = (await served.show()).json()["id"]
    wrong: list[tuple[str, str, dict[str, str], int]] = [
        ("POST", "/api/advisor-proofs", served.signed("portal"), 403),
        ("POST", "/api/advisor-proofs", AUTH, 401),
        ("GET", "/api/customers/C-1/calls/current", served.signed("desk"), 403),
        ("GET", "/api/customers/C-1/calls/current", AUTH, 401),
        ("GET", f"/api/advisor-proofs/{proof}", served.signed("portal"), 403),
        ("GET", "/api/customers/C-1/calls/current", {}, 401),
    ]
    for method, path, headers, status in wrong:
        body = {"json": ORDER} if method == "POST" else {}
        assert (await served.client.request(method, path, headers=headers, **body)).status_code == status  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [{"customer": "Jan Kowalski"}, {"advisor": ""}, {"advisor": "a\u0000b"}, {"matter": "gossip"}, {"language": "de"}, {"x": 1}],
)
async def test_what_cannot_be_shown_is_refused(served: Served, change: dict[str, Any]) -> None:
    assert (await served.show(**change)).status_code == 422


@pytest.mark.parametrize("answer", ["confirm", "refuse", ""])
async def test_the_app_may_be_asked_without_the_customer_asking_first(served: Served, answer: str) -> None:
    shown = (await served.show(push=True)).json()
    assert shown["push"] == "asked"
    while not await served.app.shows("C-1"):
        await asyncio.sleep(0.05)
    if answer:
        assert await served.app.answers("C-1", answer) == shown["words"]
    while (told := (await served.look(shown["id"])).json()["push"]) == "asked":
        await asyncio.sleep(0.05)
    assert told == {"confirm": "confirmed", "refuse": "refused", "": "expired"}[answer]


async def test_while_the_state_server_is_away_neither_yes_nor_no_is_said(served: Served, server: StateServer) -> None:
    await served.show()
    headers = served.signed("portal")
    server.kill()
    answer = await served.client.get("/api/customers/C-1/calls/current", headers=headers)
    assert answer.status_code == 503
    assert await served.hotline() == ""
