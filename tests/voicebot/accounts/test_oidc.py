"""The bank's log-in when it lies, drips or floods: it is away then, and nothing of ours breaks. Two people are never one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.voicebot.state.servers import server, shared
from voicebot.accounts.oidc import OidcLogin, OidcRefused, OidcUnavailable
from voicebot.accounts.roles import Role
from voicebot.state.shared import SharedState

__all__ = ["server", "shared"]

ISSUER = "https://login.bank.example"
KEY = RSAKey.generate_key(2048, {"kid": "a"})
KEYS = {"keys": [KEY.as_dict(private=False)]}
TRUTH = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}


class Drops(httpx.AsyncByteStream):
    """A body that comes whole, or without end: an octet at a time, or by floods."""

    def __init__(self, part: bytes, pause_s: float | None = None) -> None:
        self._part, self._pause = part, pause_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._part
        while self._pause is not None:
            await asyncio.sleep(self._pause)
            yield self._part


def login_at(shared: SharedState, answers: dict[str, Any]) -> OidcLogin:
    """A provider that answers so by path."""

    def answer(request: httpx.Request) -> httpx.Response:
        told = answers[request.url.path]
        if isinstance(told, httpx.Response):
            return told
        return httpx.Response(200, stream=Drops(told if isinstance(told, bytes) else json.dumps(told).encode()))

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return OidcLogin(
        shared,
        client,
        issuer=ISSUER,
        client_id="voicebot",
        client_secret=None,
        redirect_uri="https://console.bank.example/login/oidc/back",
        roles_claim="roles",
        roles={},
    )


def described(lie: Any = TRUTH, keys: Any = KEYS) -> dict[str, Any]:
    return {"/.well-known/openid-configuration": lie, "/keys": keys}


@pytest.mark.parametrize(
    "answers",
    [
        described([1, 2]),
        described("hello"),
        described(b"null"),
        described(b'{"a":' + b"[" * 200_000),
        described(b"\xff\xfe"),
        described(httpx.Response(302, headers={"Location": "/elsewhere"}, stream=Drops(b"{}"))),
        described(httpx.Response(200, stream=Drops(b" " * 65_536, 0))),
        described(httpx.Response(200, stream=Drops(b" ", 0.5))),
        described({**TRUTH, "issuer": "https://evil.example"}),
        described({**TRUTH, "authorization_endpoint": 5}),
        described({**TRUTH, "authorization_endpoint": "javascript:alert(1)"}),
        described({**TRUTH, "authorization_endpoint": f"{ISSUER}/\r\nSet-Cookie: a=b"}),
        described({**TRUTH, "token_endpoint": None}),
        described({**TRUTH, "jwks_uri": "https://[::1"}),
        described(TRUTH, {"keys": None}),
        described(TRUTH, {"keys": [1]}),
        described(TRUTH, [KEYS]),
    ],
)
async def test_a_description_that_is_none_is_a_log_in_that_is_away(shared: SharedState, answers: dict[str, Any]) -> None:
    async with asyncio.timeout(30):
        with pytest.raises(OidcUnavailable):
            await login_at(shared, answers).begin("/")


@pytest.mark.parametrize("told", [[1], "x", b"null", b"<html>", httpx.Response(200, stream=Drops(b" " * 65_536, 0))])
async def test_a_token_that_is_none_is_a_log_in_that_is_away(shared: SharedState, told: Any) -> None:
    login = login_at(shared, {**described(), "/token": told})
    _, state = await login.begin("/live")
    async with asyncio.timeout(30):
        with pytest.raises(OidcUnavailable) as away:
            await login.finish(state, state, "code")
    assert away.value.to == "/live", "the page that was wanted is kept"


async def test_however_many_wait_for_a_provider_it_is_asked_once(shared: SharedState) -> None:
    asked, answer = 0, asyncio.Event()

    async def held(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += request.url.path != "/keys"
        await answer.wait()
        return httpx.Response(200, stream=Drops(json.dumps(described()[request.url.path]).encode()))

    login = login_at(shared, {})
    login._client = httpx.AsyncClient(transport=httpx.MockTransport(held))
    waiting = [asyncio.create_task(login.begin("/")) for _ in range(50)]
    async with asyncio.timeout(20):
        while not asked:
            await asyncio.sleep(0.01)
        waiting[0].cancel()  # who goes away does not take the answer from the others
        await asyncio.sleep(0)
        answer.set()
        sent = await asyncio.gather(*waiting[1:])
    assert asked == 1
    assert len({state for _, state in sent}) == 49


async def subject_of(shared: SharedState, **claims: Any) -> str:
    """How we know whom the provider vouches for."""
    answers = described()
    login = login_at(shared, answers)
    address, state = await login.begin("/")
    nonce = httpx.URL(address).params["nonce"]
    given = {"iss": ISSUER, "aud": "voicebot", "exp": time.time() + 60, "nonce": nonce, "roles": ["agent"], **claims}
    answers["/token"] = {"id_token": jwt.encode({"alg": "RS256", "kid": "a"}, given, KEY)}
    told = await login.finish(state, state, "code")
    assert told.roles == {Role.AGENT}
    return told.subject


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"sub": None}, {"sub": 7}])
async def test_a_token_for_nobody_opens_nothing(shared: SharedState, claims: dict[str, Any]) -> None:
    """All such people would be one."""
    with pytest.raises(OidcRefused, match="sub is missing"):
        await subject_of(shared, **claims)


async def test_people_whose_long_names_begin_alike_are_not_one(shared: SharedState) -> None:
    """`sub` has 255 characters at most (OpenID Connect Core 1.0, section 2)."""
    one, other = [await subject_of(shared, sub="x" * 254 + last) for last in "ab"]
    assert one != other
    assert max(len(one), len(other)) <= 200
    assert await subject_of(shared, sub="anna") == f"{ISSUER} anna"
