"""The example's server refuses what a bank's server must refuse."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import bank
import httpx
import pytest
import run
from voicebot_client import is_from_voicebot

from voicebot.handoff.webhook import signature

SECRET = "a-secret-of-sixteen"
FRESH = "http://127.0.0.1:9"


@pytest.fixture
async def asking() -> AsyncIterator[httpx.AsyncClient]:
    keys = {name: run.key(name).as_dict(private=True) for name in ("app_key", "desk_key")}
    settings = bank.BankSettings(
        port=9,
        voicebot="http://127.0.0.1:1",
        api_token="t",
        webhook_secret=SECRET,
        customers=[bank.Customer(**each) for each in run.customers()],
        matters={},
        **keys,
    )
    made = bank.Bank(settings)
    transport = httpx.ASGITransport(app=bank.build(made))
    async with httpx.AsyncClient(transport=transport, base_url=FRESH) as client:
        yield client
    await made.voicebot.close()


def hook(event: str = "handoff.transfer", ref: str = "r" * 24) -> bytes:
    data = {"ref": ref, "queue": "cards", "priority": 0, "segment": "mass", "language": "pl", "call_ref": "x", "intent": None}
    return json.dumps({"event": event, "id": ref, "data": data}).encode()


async def told(client: httpx.AsyncClient, body: bytes, sign: str) -> int:
    return (await client.post("/hooks/voicebot", content=body, headers={"X-Voicebot-Signature": sign})).status_code


async def shown(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/desk/hand-offs")).json()
    return found


FORGED: dict[str, Callable[[int], str]] = {
    "none": lambda now: "",
    "empty": lambda now: "t=,v1=",
    "no digit": lambda now: "t=\u00b2,v1=0",
    "far away": lambda now: f"t={'9' * 30},v1=0",
    "letters": lambda now: f"t={now},v1=\u00e9",
    "another secret": lambda now: signature("another-secret-of-16", now, hook()),
    "old": lambda now: signature(SECRET, now - 3600, hook()),
    "another body": lambda now: signature(SECRET, now, hook(ref="s" * 24)),
}


@pytest.mark.parametrize("kind", FORGED)
async def test_a_hand_off_that_is_not_signed_is_not_shown(asking: httpx.AsyncClient, kind: str) -> None:
    sign = FORGED[kind](int(time.time()))
    assert not is_from_voicebot(SECRET, sign, hook(), time.time())
    answer = await asking.post("/hooks/voicebot", content=hook(), headers={b"X-Voicebot-Signature": sign.encode("latin-1")})
    assert answer.status_code == 401
    assert await shown(asking) == []


async def test_a_hand_off_is_shown_once_also_when_its_story_cannot_be_fetched(asking: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert await told(asking, hook(), signature(SECRET, int(time.time()), hook())) == 204
    async with asyncio.timeout(10):
        while "problem" not in (await shown(asking))[0]:
            await asyncio.sleep(0.01)
    [only] = await shown(asking)
    assert only["queue"] == "cards"


async def test_only_hand_offs_are_shown(asking: httpx.AsyncClient) -> None:
    body = hook("callback.due")
    assert await told(asking, body, signature(SECRET, int(time.time()), body)) == 204
    assert await shown(asking) == []


@pytest.mark.parametrize("path", ["/api/requests", "/api/calling"])
async def test_who_is_not_logged_in_sees_nothing(asking: httpx.AsyncClient, path: str) -> None:
    asking.cookies.set("demo_bank", "guessed")
    assert (await asking.get(path)).status_code == 401
    assert (await asking.post("/api/call", json={})).status_code == 401
    assert (await asking.get("/api/me")).json() is None


async def test_another_site_asks_in_vain(asking: httpx.AsyncClient) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
        assert (await asking.post("/api/login", json={"customer": "C-10001"}, headers=headers)).status_code in (400, 403)
    entered = await asking.post("/api/login", json={"customer": "C-10001"}, headers={"Origin": FRESH})
    assert entered.status_code == 200
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


async def test_the_page_says_plainly_that_voicebot_is_away(asking: httpx.AsyncClient) -> None:
    await asking.post("/api/login", json={"customer": "C-10001"})
    for answer in (await asking.post("/api/call", json={}), await asking.get("/api/calling")):
        assert answer.status_code == 503
        assert answer.json()["code"] == "unavailable"


async def test_log_out_ends_the_session_itself(asking: httpx.AsyncClient) -> None:
    await asking.post("/api/login", json={"customer": "C-10001"})
    cookie = asking.cookies["demo_bank"]
    assert (await asking.post("/api/logout")).status_code == 204
    asking.cookies.set("demo_bank", cookie)
    assert (await asking.get("/api/me")).json() is None


async def test_pages_load_nothing_but_their_own_files(asking: httpx.AsyncClient) -> None:
    for path in ("/", "/agent", "/pages/app.js"):
        policy = (await asking.get(path)).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_the_module_to_be_copied_is_short_and_imports_nothing() -> None:
    lines = (Path(bank.PAGES) / "voicebot-call.js").read_text("utf-8").splitlines()
    assert len(lines) < 150
    assert not any(line.startswith("import") for line in lines)


@pytest.mark.parametrize("ref", ["../../etc/passwd", "C-9", "", "C-10001'"])
async def test_nobody_but_the_examples_customers_logs_in(asking: httpx.AsyncClient, ref: str) -> None:
    assert (await asking.post("/api/login", json={"customer": ref})).status_code in (404, 422)
    assert (await asking.post("/desk/calls", json={"customer": ref, "advisor": "A", "matter": "balance"})).status_code == 404
