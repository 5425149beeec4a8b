"""A customer confirms in the app: with a real provider, over real HTTP, with real tokens."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from caller_id.types import Authentication, Caller, NumberTrust, Segment
from dialogs.events import AuthorisationAsked, AuthorisationResult, Authorise
from tests.voicebot.identity.bank import Bank, TrueClock, opened
from tests.voicebot.identity.provider import App, loaded, options, provider, shared
from tests.voicebot.web.serving import Api, api
from voicebot.http.server import listen, serve
from voicebot.identity.ciba import CibaProof, CibaRefused
from voicebot.state.shared import SharedState
from voicebot.web.app import build_app

__all__ = ["api", "shared"]

CALLER = Caller("+48600100200", NumberTrust.TRUNK, segment=Segment.SELECT, customer_ref="C-1", tenure_years=3)
LEVELS = ("app-biometric", "app-pin")


@dataclass
class House:
    bank: Bank
    app: App

    def asks(self, caller: Caller = CALLER, language: str = "pl") -> Asking:
        return Asking(self, caller, language)


class Asking:
    """One request under way."""

    def __init__(self, house: House, caller: Caller, language: str) -> None:
        self.shown: asyncio.Future[AuthorisationAsked] = asyncio.get_running_loop().create_future()
        proofs = house.bank.identity.proofs
        action = Authorise("personal_data", language)
        self.task = asyncio.create_task(proofs.prove(caller, "k1", action, self.shown.set_result))

    async def result(self) -> tuple[Caller, AuthorisationResult]:
        return await self.task


@asynccontextmanager
async def house(shared: SharedState, folder: Path, *arguments: str, **ciba: Any) -> AsyncIterator[House]:
    async with provider(folder, "--interval", "0.2", *arguments) as app:
        settings = {"issuer": app.issuer, "client_id": "voicebot", "levels": LEVELS, "mode": "poll", **ciba}
        async with opened(shared, folder, clock=TrueClock(), ciba=settings) as bank:
            yield House(bank, app)


async def test_the_caller_is_who_confirmed(shared: SharedState, tmp_path: Path) -> None:
    async with house(shared, tmp_path) as here:
        asking = here.asks()
        told = await asking.shown
        assert await here.app.answers("C-1") == told.words
        assert told.language == "pl"
        caller, result = await asking.result()
    assert (caller.authentication, caller.level, caller.customer_ref) == (Authentication.APP, "app-biometric", "C-1")
    assert caller.authenticated_at is not None
    assert abs(caller.authenticated_at.timestamp() - time.time()) < 60
    assert result == AuthorisationResult(True, "", "app-biometric", caller.authenticated_at.isoformat(), "none")
    lines = here.bank.lines()
    assert [line.note.what for line in lines] == ["proof.asked", "proof.confirmed", "advisor.told"]
    assert told.words not in str(lines)
    assert 'voicebot_app_proofs_total{outcome="confirmed"} 1.0' in here.bank.metrics.render()


@pytest.mark.parametrize(
    ("arguments", "customer", "answer", "reason"),
    [
        ((), "C-1", "refuse", "refused"),
        (("--life", "1"), "C-1", "", "expired"),
        (("--customers", "C-2"), "C-1", "", "no_app"),
        (("--client", "somebody"), "C-1", "", "unavailable"),
    ],
)
async def test_why_it_is_not_confirmed(
    shared: SharedState, tmp_path: Path, arguments: tuple[str, ...], customer: str, answer: str, reason: str
) -> None:
    async with house(shared, tmp_path, *arguments) as here:
        asking = here.asks()
        if answer:
            await asking.shown
            await here.app.answers(customer, answer)
        assert await asking.result() == (CALLER, AuthorisationResult(confirmed=False, reason=reason))
    refused = [line for line in here.bank.lines() if line.note.what == "proof.refused"]
    assert [json.loads(line.note.facts)["reason"] for line in refused] == [reason]


async def test_another_customer_than_the_number_suggests_is_found_out(shared: SharedState, tmp_path: Path) -> None:
    async with house(shared, tmp_path) as here:
        asking = here.asks()
        await asking.shown
        await here.app.answers("C-1", **{"as": "C-9"})
        caller, result = await asking.result()
    assert (result.confirmed, result.reason, result.advisor) == (False, "other_customer", "")
    assert caller == replace(CALLER, customer_ref=None, segment=Segment.MASS, tenure_years=None)
    [line] = [line for line in here.bank.lines() if line.note.what == "proof.other_customer"]
    facts = json.loads(line.note.facts)
    assert (facts["customer"], facts["confirmed_by"]) == ("C-1", "C-9")


async def test_one_request_at_a_time_a_few_a_day_and_no_words_twice(shared: SharedState, tmp_path: Path) -> None:
    async with house(shared, tmp_path, per_customer_day=3) as here:
        seen = []
        for _ in range(3):
            asking = here.asks()
            seen.append((await asking.shown).words)
            assert (await here.asks().result())[1].reason == "busy"
            await here.app.answers("C-1", "refuse")
            assert (await asking.result())[1].reason == "refused"
        assert (await here.asks().result())[1].reason == "limit"
        assert len(set(seen)) == 3
        other = here.asks(replace(CALLER, customer_ref="C-2"))
        await other.shown
        other.task.cancel()  # the caller hangs up: the next call may ask at once
        await asyncio.wait([other.task])
        again = here.asks(replace(CALLER, customer_ref="C-2"))
        await again.shown
        again.task.cancel()
        await asyncio.wait([again.task])


async def test_a_provider_that_is_away_costs_nobody_the_call(shared: SharedState, tmp_path: Path) -> None:
    async with house(shared, tmp_path) as here:
        pass
    async with opened(shared, tmp_path, clock=TrueClock(), ciba={"issuer": here.app.issuer, "client_id": "voicebot"}) as bank:
        _, result = await House(bank, here.app).asks().result()
    assert result.reason == "unavailable"


async def test_an_unknown_customer_is_never_asked_and_a_proven_one_not_again(shared: SharedState, tmp_path: Path) -> None:
    async with opened(shared, tmp_path) as bank:
        proofs = bank.identity.proofs
        proven = replace(CALLER, authentication=Authentication.APP, level="app-pin")
        assert [proofs.can_ask(each) for each in (CALLER, Caller(), proven)] == [False, False, True]
        never = asyncio.get_running_loop().create_future()
        assert (await proofs.prove(Caller(), "k1", Authorise("x"), never.set_result))[1].reason == "unavailable"
        assert (await proofs.prove(CALLER, "k1", Authorise("x"), never.set_result))[1].reason == "unavailable"
        result = (await proofs.prove(proven, "k1", Authorise("x"), never.set_result))[1]
        assert (result.confirmed, result.level, result.advisor) == (True, "app-pin", "none")
        assert not never.done()


# ---------------------------------------------------------------- pings


async def test_a_ping_to_the_web_process_wakes_the_calls_process(
    api: Api, shared: SharedState, other: SharedState, tmp_path: Path
) -> None:
    """The interval is an hour: only the ping can bring the answer."""
    (tmp_path / "web").mkdir()
    listener = listen("127.0.0.1", 0, setting="test")
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/api/ciba/ping"
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(opened(other, tmp_path / "web", clock=TrueClock()))
        server = await serve(build_app(replace(api.parts, identity=web.identity)), listener)
        stack.push_async_callback(server.close)
        here = await stack.enter_async_context(house(shared, tmp_path, "--interval", "3600", "--ping", url, mode="ping"))
        asking = here.asks()
        await asking.shown
        async with httpx.AsyncClient() as stranger:
            for headers in ({}, {"Authorization": "Bearer guessed"}, {"Authorization": "Basic x"}):
                assert (await stranger.post(url, json={"auth_req_id": "x"}, headers=headers)).status_code == 401
            assert (await stranger.post(url, json={}, headers={"Authorization": "Bearer x"})).status_code == 422
        await here.app.answers("C-1")
        assert (await asking.result())[1].confirmed


# ---------------------------------------------------------------- id_tokens that prove nothing

PROVIDER = loaded()
STRANGER = ECKey.generate_key("P-256", {"kid": "stranger", "alg": "ES256", "use": "sig"})
Claims = dict[str, Any]
LIES: dict[str, Callable[[Claims], Claims]] = {
    "iss": lambda claims: {"iss": "https://elsewhere.example"},
    "aud": lambda claims: {"aud": "another-client"},
    "aud, several": lambda claims: {"aud": ["voicebot", "another-client"]},
    "azp": lambda claims: {"azp": "another-client"},
    "exp": lambda claims: {"exp": claims["exp"] - 3600},
    "no exp": lambda claims: {"exp": None},
    "iat, old": lambda claims: {"iat": claims["iat"] - 3600},
    "iat, from the future": lambda claims: {"iat": claims["iat"] + 3600},
    "nbf": lambda claims: {"nbf": claims["iat"] + 3600},
    "auth_time before we asked": lambda claims: {"auth_time": claims["auth_time"] - 60},
    "auth_time from the future": lambda claims: {"auth_time": claims["auth_time"] + 3600},
    "auth_time, no number": lambda claims: {"auth_time": "now"},
    "no auth_time": lambda claims: {"auth_time": None},
    "acr too low": lambda claims: {"acr": "password"},
    "no acr": lambda claims: {"acr": None},
    "another request": lambda claims: {"urn:openid:params:jwt:claim:auth_req_id": "another"},
    "at_hash": lambda claims: {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "no sub": lambda claims: {"sub": None},
    "sub, no text": lambda claims: {"sub": 7},
}


async def _told_by(shared: SharedState, folder: Path, change: Callable[[Claims], Claims], **header: Any) -> CibaProof:
    """What we take from a provider whose id_token says something else."""

    class Lying(PROVIDER.Provider):  # type: ignore[name-defined,misc]
        def _id_token(self, found: Any) -> str:
            claims = jwt.decode(super()._id_token(found), self.key, algorithms=["ES256"]).claims
            claims = {name: value for name, value in (claims | change(claims)).items() if value is not None}
            key: ECKey = header.get("key") or self.key
            return jwt.encode({"alg": "ES256", "kid": self.key.kid, "typ": header.get("typ", "JWT")}, claims, key)

    listener = socket.create_server(("127.0.0.1", 0))
    issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
    lying = Lying(issuer, options(folder))
    server = await serve(PROVIDER.build(lying), listener)
    try:
        ciba = {"issuer": issuer, "client_id": "voicebot", "levels": LEVELS, "mode": "poll"}
        async with opened(shared, folder, clock=TrueClock(), ciba=ciba) as bank:

            def tap(asked: AuthorisationAsked) -> None:
                [request] = lying.requests.values()
                lying.answer("C-1", request.id, True, "")

            return await bank.identity.proofs.ask("C-1", "k1", "pl", purpose="x", asked=tap)
    finally:
        await server.close()


@pytest.mark.parametrize("lie", LIES)
async def test_an_id_token_that_proves_nothing_is_no_proof(shared: SharedState, tmp_path: Path, lie: str) -> None:
    with pytest.raises(CibaRefused) as refused:
        await _told_by(shared, tmp_path, LIES[lie])
    assert refused.value.reason == "unavailable"


@pytest.mark.parametrize("header", [{"key": STRANGER}, {"typ": "logout+jwt"}])
async def test_a_token_of_another_key_or_kind_is_no_proof(shared: SharedState, tmp_path: Path, header: dict[str, Any]) -> None:
    with pytest.raises(CibaRefused):
        await _told_by(shared, tmp_path, lambda claims: {}, **header)


async def test_the_same_provider_is_believed_when_it_tells_the_truth(shared: SharedState, tmp_path: Path) -> None:
    assert (await _told_by(shared, tmp_path, lambda claims: {})).customer == "C-1"
