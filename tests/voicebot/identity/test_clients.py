"""Which requests are really the bank's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import OctKey

from tests.voicebot.identity.bank import START, Bank, opened
from tests.voicebot.state.servers import StateServer
from voicebot.config.identity import May
from voicebot.errors import VoicebotError
from voicebot.identity.clients import ClientRefused
from voicebot.identity.jwks import ASK_AGAIN_S, KEEP_S, STALE_S, KeysAtUrl, KeysUnavailable, public_keys
from voicebot.identity.keys import new_key
from voicebot.state.shared import SharedState


@pytest.fixture
async def bank(shared: SharedState, tmp_path: Path) -> AsyncIterator[Bank]:
    async with opened(shared, tmp_path) as running:
        yield running


async def refused(bank: Bank, header: str | None, may: May = May.TICKETS) -> ClientRefused:
    with pytest.raises(ClientRefused) as error:
        await bank.identity.clients.known(header, may)
    return error.value


async def test_a_request_of_a_client_is_known_once(bank: Bank) -> None:
    header = f"Bearer {bank.assertion()}"
    assert (await bank.identity.clients.known(header, May.TICKETS)).id == "app"
    assert (await refused(bank, header)).reason == "replayed"
    assert (await bank.identity.clients.known(f"bearer {bank.assertion('other')}", May.CURRENT_CALLS)).id == "other"


NOW = int(START.timestamp())
CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "nobody": ({"iss": "stranger", "sub": "stranger"}, "unknown"),
    "no issuer": ({"iss": None}, "unknown"),
    "an issuer that is no text": ({"iss": ["app"]}, "unknown"),
    "for another": ({"sub": "other"}, "subject"),
    "without a subject": ({"sub": None}, "subject"),
    "another audience": ({"aud": "https://elsewhere"}, "audience"),
    "an audience among others": ({"aud": ["voicebot", "x"]}, "audience"),
    "no audience": ({"aud": None}, "audience"),
    "expired": ({"iat": NOW - 60, "exp": NOW - 6}, "expired"),
    "from the future": ({"iat": NOW + 6, "exp": NOW + 60}, "early"),
    "not yet": ({"nbf": NOW + 6}, "early"),
    "too long": ({"exp": NOW + 121}, "life"),
    "ends before it begins": ({"iat": NOW + 3, "exp": NOW + 2}, "life"),
    "no end": ({"exp": None}, "claims"),
    "no beginning": ({"iat": None}, "claims"),
    "an end in words": ({"exp": "soon"}, "claims"),
    "an endless end": ({"exp": 1e300}, "claims"),
    "no id": ({"jti": None}, "jti"),
    "a short id": ({"jti": "1"}, "jti"),
    "a long id": ({"jti": "x" * 129}, "jti"),
    "an id that is no text": ({"jti": 12345678901234567890}, "jti"),
}


@pytest.mark.parametrize(("claims", "reason"), CLAIMS.values(), ids=CLAIMS)
async def test_claims_that_do_not_hold(bank: Bank, claims: dict[str, Any], reason: str) -> None:
    told = await refused(bank, f"Bearer {bank.assertion(**claims)}")
    assert (told.reason, told.status) == (reason, 401)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YXBwOmFwcA==", "app"])
async def test_without_an_assertion(bank: Bank, header: str | None) -> None:
    assert (await refused(bank, header)).reason == "missing"


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "ż.ż.ż", "e30.e30.", "W10.W10.x"])
async def test_what_is_no_token(bank: Bank, token: str) -> None:
    assert (await refused(bank, f"Bearer {token}")).reason in ("malformed", "unknown")


async def test_keys_of_others_and_other_algorithms(bank: Bank) -> None:
    app, other = bank.keys["app"], bank.keys["other"]
    public = OctKey.import_key(json.dumps(app.as_dict(private=False)).encode())
    claims = json.dumps({"iss": "app", "sub": "app"}).encode()
    hmac = jws.serialize_compact({"alg": "HS256", "kid": app.kid}, claims, public, ["HS256"])
    same_name = new_key()
    tokens = {
        "algorithm": [bank.assertion(key=other, header={"kid": app.kid}), hmac],
        "key": [bank.assertion(key=other), bank.assertion(key=new_key())],
        "signature": [bank.assertion(key=same_name, header={"kid": app.kid})],
        "type": [bank.assertion(header={"typ": "c2c+jwt"}), bank.assertion(header={"typ": "at+jwt"})],
        "size": ["x" * 4097],
    }
    for reason, each in tokens.items():
        for token in each:
            assert (await refused(bank, f"Bearer {token}")).reason == reason


async def test_a_client_asks_for_what_it_may_and_no_more(bank: Bank) -> None:
    told = await refused(bank, f"Bearer {bank.assertion('other')}", May.TICKETS)
    assert (told.reason, told.status) == ("scope", 403)


async def test_a_key_is_rotated_and_revoked_by_its_file(bank: Bank) -> None:
    first, second = bank.keys["app"], new_key("ES256")
    assert (await refused(bank, f"Bearer {bank.assertion(key=second)}")).reason == "key"
    bank.publish("app", first, second)
    for key in (first, second):
        assert (await bank.identity.clients.known(f"Bearer {bank.assertion(key=key)}", May.TICKETS)).id == "app"
    bank.publish("app", second)
    assert (await refused(bank, f"Bearer {bank.assertion(key=first)}")).reason == "key"
    (bank.folder / "app.json").write_text("{")
    assert (await refused(bank, f"Bearer {bank.assertion(key=second)}")).status == 503


async def test_two_hundred_copies_of_a_request_are_one(server: StateServer, tmp_path: Path) -> None:
    patient = SharedState(server.url, deadline_s=20.0)
    async with opened(patient, tmp_path) as bank:
        header = f"Bearer {bank.assertion()}"
        told = await asyncio.gather(
            *(bank.identity.clients.known(header, May.TICKETS) for _ in range(200)), return_exceptions=True
        )
    await patient.close()
    assert sum(not isinstance(each, Exception) for each in told) == 1
    assert {each.reason for each in told if isinstance(each, ClientRefused)} == {"replayed"}


async def test_a_client_that_asks_too_often_waits_and_the_others_do_not(bank: Bank) -> None:
    clients = bank.identity.clients
    for _ in range(5):
        await clients.known(f"Bearer {bank.assertion('other')}", May.CURRENT_CALLS)
    told = await refused(bank, f"Bearer {bank.assertion('other')}", May.CURRENT_CALLS)
    assert (told.reason, told.status, told.retry_s) == ("limit", 429, 55)
    assert (await clients.known(f"Bearer {bank.assertion()}", May.TICKETS)).id == "app"
    bank.clock.on(60)
    assert (await clients.known(f"Bearer {bank.assertion('other')}", May.CURRENT_CALLS)).id == "other"


async def test_while_the_state_server_is_away_nobody_is_known(bank: Bank, server: StateServer) -> None:
    server.kill()
    assert (await refused(bank, f"Bearer {bank.assertion()}")).status == 503


async def test_refusals_stand_in_the_trail(bank: Bank, shared: SharedState) -> None:
    await refused(bank, f"Bearer {bank.assertion(exp=NOW - 30, iat=NOW - 60)}")
    await refused(bank, f"Bearer {bank.assertion('stranger', key=new_key())}")
    await bank.identity.audit.close()
    assert [line.note.facts for line in bank.lines()] == [
        '{"client":"app","reason":"expired","wanted":"tickets"}',
        '{"reason":"unknown","wanted":"tickets"}',
    ]


# ---------------------------------------------------------------- keys that are fetched


class Published:
    """Where a bank publishes its keys."""

    def __init__(self) -> None:
        self.keys = [new_key()]
        self.asked = 0
        self.now = 1000.0
        self.broken = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.broken:
            raise httpx.ConnectError("gone")
        return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys]})

    def source(self) -> KeysAtUrl:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return KeysAtUrl("https://bank.example/jwks", client, clock=lambda: self.now)


async def kids(source: KeysAtUrl, kid: str | None) -> list[str | None]:
    return [key.kid for key in (await source.keys(kid)).keys]


async def test_fetched_keys_are_kept_and_fetched_again_for_a_new_one_once_a_minute() -> None:
    published = Published()
    source = published.source()
    first = published.keys[0].kid
    assert await kids(source, first) == await kids(source, first) == [first]
    assert published.asked == 1
    published.keys.append(new_key())
    second = published.keys[1].kid
    assert second not in await kids(source, second)  # a minute has not passed: nobody makes us ask again and again
    published.now += ASK_AGAIN_S
    assert second in await kids(source, second)
    assert published.asked == 2
    published.now += KEEP_S + 1
    published.keys = published.keys[1:]
    assert await kids(source, first) == [second]  # revoked


async def test_many_who_ask_at_once_fetch_once() -> None:
    published = Published()
    source = published.source()
    await asyncio.gather(*(source.keys(published.keys[0].kid) for _ in range(50)))
    assert published.asked == 1


async def test_who_asks_while_they_are_fetched_waits_for_them() -> None:
    """Two customers who confirm at one instant, the first after a start."""
    published, under_way, go_on = Published(), asyncio.Event(), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        under_way.set()
        await go_on.wait()
        return published(request)

    source = KeysAtUrl("https://bank.example/jwks", httpx.AsyncClient(transport=httpx.MockTransport(slow)))
    kid = published.keys[0].kid
    first = asyncio.create_task(kids(source, kid))
    await under_way.wait()
    second = asyncio.create_task(kids(source, kid))
    await asyncio.sleep(0)
    go_on.set()
    assert (await first, await second) == ([kid], [kid])
    assert published.asked == 1


async def test_keys_that_cannot_be_fetched_count_for_an_hour_and_no_longer() -> None:
    published = Published()
    source = published.source()
    kid = published.keys[0].kid
    await source.keys(kid)
    published.broken = True
    published.now += STALE_S
    assert await kids(source, kid) == [kid]
    published.now += 1
    with pytest.raises(KeysUnavailable):
        await source.keys(kid)
    published.broken = False
    published.now += ASK_AGAIN_S
    assert await kids(source, kid) == [kid]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys": {}}', '{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "?"}]}']
)
def test_what_is_no_key_set(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        public_keys(text)


def test_keys_of_other_kinds_do_not_count_and_private_parts_are_dropped() -> None:
    mine = new_key()
    others: list[Any] = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "s"},
        {"kty": "RSA", "n": "AQ", "e": "AQAB", "kid": "r"},
        {**mine.as_dict(private=False), "use": "enc", "kid": "e"},
        {**mine.as_dict(private=False), "alg": "ES256", "kid": "w"},
        {name: value for name, value in mine.as_dict(private=False).items() if name != "kid"},
        5,
    ]
    old_name = {**mine.as_dict(private=False), "alg": "EdDSA", "kid": "old"}
    found = public_keys(json.dumps({"keys": [*others, mine.as_dict(private=True), old_name]}))
    assert [(key.kid, key.alg, key.is_private) for key in found.keys] == [(mine.kid, "Ed25519", False), ("old", "Ed25519", False)]


def test_an_answer_without_end_and_a_redirection_are_refused() -> None:
    """The bank's host was taken over, or is misconfigured."""

    async def fetched(response: httpx.Response) -> None:
        client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: response))
        await KeysAtUrl("https://bank.example/jwks", client).keys("x")

    for response in (
        httpx.Response(200, content=b" " * 70_000),
        httpx.Response(302, headers={"Location": "https://evil.example/"}),
        httpx.Response(500),
    ):
        with pytest.raises(VoicebotError):
            asyncio.run(fetched(response))
