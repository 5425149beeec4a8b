"""Genesys' handshake is signed: on the wire as their documentation has it, and refused when anything of it is not so."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from websockets.asyncio.client import connect
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus

from voicebot.endpoints.carriers.endpoint import CarriersEndpoint
from voicebot.endpoints.carriers.genesys_signature import LIFE_S, SKEW_S, GenesysSignatures, decoded
from voicebot.endpoints.carriers.leg import CarrierLeg
from voicebot.endpoints.carriers.settings import CarriersSettings, GenesysSettings
from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.leg import Leg

# the example of AudioHook's documentation, "Client Authentication"
KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
SECRET = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="
TARGET, CREATED = "/api/v1/voicebiometrics/ws", 1641013200
EXAMPLE = {
    "Host": "audiohook.example.com",
    "Audiohook-Organization-Id": "d7934305-0972-4844-938e-9060eef73d05",
    "Audiohook-Correlation-Id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "Audiohook-Session-Id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "X-API-KEY": KEY,
    "Signature-Input": 'sig1=("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" '
    '"audiohook-correlation-id" "x-api-key");keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";'
    'alg="hmac-sha256";created=1641013200;expires=3282026430',
    "Signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
}
IDS = {name: EXAMPLE[name] for name in ("Audiohook-Organization-Id", "Audiohook-Correlation-Id", "Audiohook-Session-Id")}
COVERED = (
    "@request-target",
    "audiohook-session-id",
    "audiohook-organization-id",
    "audiohook-correlation-id",
    "x-api-key",
    "@authority",
)


def judge(now: float = CREATED + 5, **more: Any) -> GenesysSignatures:
    return GenesysSignatures(KEY, decoded(SECRET), clock=lambda: now, **more)


def signed(
    authority: str,
    target: str = "/genesys",
    *,
    covered: tuple[str, ...] = COVERED,
    secret: str = SECRET,
    **changes: str | None,
) -> dict[str, str]:
    """Headers of a handshake, signed now; `changes` are parameters in their written form, None leaves one out."""
    now = int(time.time())
    parameters: dict[str, str | None] = {
        "created": str(now),
        "expires": str(now + LIFE_S),
        "keyid": f'"{KEY}"',
        "nonce": f'"{secrets.token_urlsafe(18)}"',
        "alg": '"hmac-sha256"',
        **changes,
    }
    headers = {**IDS, "X-API-KEY": KEY}
    values = {"@request-target": target, "@authority": authority, **{name.lower(): value for name, value in headers.items()}}
    names = " ".join(f'"{name}"' for name in covered)
    line = f"({names})" + "".join(f";{name}={value}" for name, value in parameters.items() if value is not None)
    base = "\n".join([*(f'"{name}": {values[name]}' for name in covered), f'"@signature-params": {line}'])
    octets = base64.b64encode(hmac.digest(base64.b64decode(secret), base.encode(), hashlib.sha256)).decode()
    return {**headers, "Signature-Input": f"sig1={line}", "Signature": f"sig1=:{octets}:"}


def test_the_example_of_their_documentation_is_theirs() -> None:
    assert judge().fault(Headers(EXAMPLE), TARGET) == ""


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("Host", "elsewhere.example.com"),
        ("Audiohook-Session-Id", "30b0e395-84d3-4570-ac13-9a62d8f514c1"),
        ("Signature", "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh8=:"),
        ("Signature-Input", EXAMPLE["Signature-Input"].replace("expires=3", "expires=4")),
    ],
)
def test_a_word_that_is_changed_is_seen(changed: str, value: str) -> None:
    assert "wrong" in judge().fault(Headers({**EXAMPLE, changed: value}), TARGET)


def test_another_target_or_secret_is_seen() -> None:
    assert "wrong" in judge().fault(Headers(EXAMPLE), "/api/v1/voicebiometrics/ws?x=1")
    other = GenesysSignatures(KEY, b"another secret of 24 oct", clock=lambda: CREATED + 5)
    assert "wrong" in other.fault(Headers(EXAMPLE), TARGET)


@pytest.mark.parametrize(
    ("after_s", "why"),
    [(-SKEW_S, ""), (-SKEW_S - 1, "future"), (LIFE_S + SKEW_S, ""), (LIFE_S + SKEW_S + 1, "too old")],
)
def test_a_signature_holds_for_ten_seconds(after_s: float, why: str) -> None:
    found = judge(CREATED + after_s).fault(Headers(EXAMPLE), TARGET)
    assert why in found if why else found == ""


def test_a_signature_is_good_once() -> None:
    same = judge()
    assert [bool(same.fault(Headers(EXAMPLE), TARGET)) for _ in range(3)] == [False, True, True]


def test_nonces_are_forgotten_when_their_time_is_over() -> None:
    now = [float(CREATED)]
    kept = GenesysSignatures(KEY, decoded(SECRET), clock=lambda: now[0])
    assert kept.fault(Headers(EXAMPLE), TARGET) == ""
    now[0] = time.time()
    assert kept.fault(Headers({**signed("bot.bank.example"), "Host": "bot.bank.example"}), "/genesys") == ""
    assert len(kept._nonces) == 1


def test_behind_a_proxy_the_authority_is_that_of_the_url() -> None:
    inside = Headers({**EXAMPLE, "Host": "10.0.0.5:8094"})
    assert judge(authority="audiohook.example.com").fault(inside, TARGET) == ""


@pytest.mark.parametrize(
    "told",
    [
        "",
        "sig1",
        "sig1=()",
        'sig2=("x")',
        'sig1=("@authority"',
        "sig1=\xff",
        'sig1=("@authority");created=1;created=2',
        "sig1=" + "(" * 9000,
    ],
)
def test_what_is_no_signature_is_refused_in_words(told: str) -> None:
    assert "missing or cannot be read" in judge().fault(Headers({**EXAMPLE, "Signature-Input": told}), TARGET)


@pytest.mark.parametrize("secret", ["no base64!", "c2hvcnQ="])
def test_a_secret_that_is_none_is_explained_and_not_quoted(secret: str) -> None:
    with pytest.raises(ValidationError, match="client_secret") as wrong:
        GenesysSettings(api_key=SecretStr(KEY), client_secret=SecretStr(secret))
    assert secret not in str(wrong.value)


@pytest.fixture
async def endpoint() -> AsyncIterator[CarriersEndpoint]:
    async def serve(leg: Leg, identify: Identify) -> None:
        assert isinstance(leg, CarrierLeg)
        await leg.ended.wait()

    genesys = GenesysSettings(api_key=SecretStr(KEY), client_secret=SecretStr(SECRET))
    opened = CarriersEndpoint(CarriersSettings(port=0, genesys=genesys), serve)
    await opened.start()
    yield opened
    await opened.close()


async def _handshake(endpoint: CarriersEndpoint, headers: dict[str, str]) -> int:
    """The status of a real handshake."""
    try:
        async with connect(f"ws://127.0.0.1:{endpoint.port}/genesys", additional_headers=headers, proxy=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_on_the_wire(endpoint: CarriersEndpoint) -> None:
    authority = f"127.0.0.1:{endpoint.port}"
    good = signed(authority)
    assert await _handshake(endpoint, good) == 101
    assert await _handshake(endpoint, good) == 401, "the nonce is spent"
    assert await _handshake(endpoint, signed(authority)) == 101, "another nonce"
    now = int(time.time())
    wrong: list[dict[str, str]] = [
        {"X-API-KEY": KEY},
        signed("elsewhere.example.com"),
        signed(authority, secret="QW5vdGhlciBzZWNyZXQsIGp1c3QgYXMgbG9uZyE="),
        signed(authority, covered=COVERED[:-1]),
        signed(authority, covered=(*COVERED, "x-api-key")),
        signed(authority, created=str(now - 20), expires=str(now - 10)),
        signed(authority, created=str(now - 60), expires=str(now + 600)),
        signed(authority, created=str(now + 60), expires=str(now + 70)),
        signed(authority, expires=None),
        signed(authority, nonce=None),
        signed(authority, nonce='"short"'),
        signed(authority, keyid='"another-key-of-somebody"'),
        signed(authority, alg='"rsa-v1_5-sha256"'),
    ]
    assert [await _handshake(endpoint, each) for each in wrong] == [401] * len(wrong)
    assert endpoint.counts.turned_away == len(wrong) + 1
