"""Logging in by the bank's own log-in and by a passkey, each with the real thing at the other end."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import expect

from tests.voicebot.console.chromium import axe_finds, chromium, needs_chromium, page_of
from tests.voicebot.console.running import Console, console_of
from tests.voicebot.state.servers import StateServer
from voicebot.accounts.oidc import OidcLogin, OidcRefused
from voicebot.accounts.roles import Role
from voicebot.console.guard import COOKIE
from voicebot.console.login import OIDC_COOKIE

ANNA = {"sub": "anna", "name": "Anna K.", "preferred_username": "anna.k", "groups": ["vb-tuners"]}
EVE = {"sub": "eve", "name": "Eve", "groups": ["cleaners"]}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A bank's log-in, in a process of its own: what its libraries warn of is not ours."""
    people = [part for each in (ANNA, EVE) for part in ("--user-claims", json.dumps(each))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", "0", "--require-nonce", "true", *people]
    with subprocess.Popen(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = next(line for line in process.stdout if "running on" in line)
        port = re.search(r":(\d+) \(", said) or re.search(r":(\d+)\s*$", said.split(" (")[0])
        assert port is not None, said
        yield f"http://localhost:{port[1]}"
        process.kill()


@pytest.fixture
async def bank(tmp_path: Path, server: StateServer, provider: str) -> AsyncIterator[Console]:
    oidc = {
        "issuer": provider,
        "client_id": "voicebot",
        "client_secret": "s",
        "roles_claim": "groups",
        "roles": {"vb-tuners": "tuner"},
    }
    async with console_of(tmp_path, server, console={"oidc": oidc}) as running:
        yield running


async def sent_to_the_bank(console: Console, client: httpx.AsyncClient, sub: str) -> tuple[str, str]:
    """The `state` cookie, and the address that the bank's log-in sends the browser back to."""
    begun = await client.get("/login/oidc?to=/live")
    state = begun.cookies[OIDC_COOKIE]
    async with httpx.AsyncClient() as browser:
        agreed = await browser.post(begun.headers["location"], data={"sub": sub})
    return state, agreed.headers["location"]


async def back(console: Console, client: httpx.AsyncClient, address: str, state: str) -> httpx.Response:
    parts = urlsplit(address)
    assert address.startswith(f"http://localhost:{urlsplit(console.origin).port}/login/oidc/back")
    return await client.get(f"{parts.path}?{parts.query}", headers={"Cookie": f"{OIDC_COOKIE}={state}"})


async def test_whom_the_bank_knows_gets_in_with_the_roles_that_it_gives(bank: Console) -> None:
    async with httpx.AsyncClient(base_url=bank.origin) as client:
        state, address = await sent_to_the_bank(bank, client, "anna")
        entered = await back(bank, client, address, state)
        assert (entered.status_code, entered.headers["location"]) == (303, "/live")
        assert entered.cookies[COOKIE]
        again = await back(bank, client, address, state)
        assert again.status_code == 403, "a state counts once"
    anna = bank.parts.users.of_name("anna.k")
    assert anna is not None
    assert (anna.roles, anna.shown) == (frozenset({Role.TUNER}), "Anna K.")


async def test_whom_the_bank_gives_no_role_stays_outside(bank: Console) -> None:
    async with httpx.AsyncClient(base_url=bank.origin) as client:
        state, address = await sent_to_the_bank(bank, client, "eve")
        assert (await back(bank, client, address, state)).status_code == 403
    assert bank.parts.users.all() == []


async def test_who_was_sent_back_with_nothing_tries_again_for_the_page_that_they_wanted(bank: Console) -> None:
    """Also whom the bank's log-in cannot take just now, though it could a moment ago: the other ways stay open."""
    async with httpx.AsyncClient(base_url=bank.origin, headers={"Accept-Language": "en"}) as client:
        state, address = await sent_to_the_bank(bank, client, "eve")
        refused = await back(bank, client, re.sub("code=[^&]*", "code=made-up", address), state)
        state, address = await sent_to_the_bank(bank, client, "eve")
        for answer in (refused, await back(bank, client, address, state)):
            assert (answer.status_code, 'href="/login/oidc?to=/live"' in answer.text) == (403, True)
        oidc = bank.parts.oidc
        assert isinstance(oidc, OidcLogin)
        oidc._issuer, oidc._clock = "http://localhost:9", lambda: time.time() + 11
        away = await client.get("/login/oidc?to=/live")
    assert (away.status_code, "does not work just now" in away.text) == (503, True)
    assert 'value="/live"' in away.text, "a password leads there, too"


async def test_a_local_account_is_not_taken_over_by_its_name(bank: Console) -> None:
    bank.parts.users.add("anna.k", [Role.ADMIN], made_by="test")
    async with httpx.AsyncClient(base_url=bank.origin) as client:
        state, address = await sent_to_the_bank(bank, client, "anna")
        assert (await back(bank, client, address, state)).status_code == 303
    local = bank.parts.users.of_name("anna.k")
    assert local is not None
    assert (local.roles, local.subject) == (frozenset({Role.ADMIN}), None)
    assert len(bank.parts.users.all()) == 2


async def test_another_browsers_state_and_another_log_ins_nonce_are_refused(bank: Console) -> None:
    async with httpx.AsyncClient(base_url=bank.origin) as client:
        _, address = await sent_to_the_bank(bank, client, "anna")
        assert (await back(bank, client, address, "x" * 43)).status_code == 403
        oidc = bank.parts.oidc
        assert isinstance(oidc, OidcLogin)
        _, mine = await oidc.begin("/")
        state, theirs = await sent_to_the_bank(bank, client, "anna")
        code = parse_qs(urlsplit(theirs).query)["code"][0]
        assert state != mine
        with pytest.raises(OidcRefused):
            await oidc.finish(mine, mine, code)


async def test_a_bank_that_does_not_answer_is_said(tmp_path: Path, server: StateServer) -> None:
    oidc = {"issuer": "http://localhost:9", "client_id": "voicebot"}
    async with (
        console_of(tmp_path, server, console={"oidc": oidc}) as running,
        httpx.AsyncClient(base_url=running.origin) as client,
    ):
        answer = await client.get("/login/oidc")
    assert answer.status_code == 503
    assert "does not work just now" in answer.text


@needs_chromium
async def test_a_passkey_is_made_and_opens_the_door_without_a_name(console: Console) -> None:
    """Through Chromium's own authenticator; a passkey is for a name, never for an address."""
    origin = console.origin.replace("127.0.0.1", "localhost")
    cookie = console.person("ola", [Role.VIEWER])
    async with chromium() as browser, page_of(browser, console, Role.ADMIN) as other:
        await other.goto("/me")
        assert await axe_finds(other) == []
        context = await browser.new_context(base_url=origin, locale="en-GB")
        await context.add_cookies([{"name": COOKIE, "value": cookie, "url": origin.replace("http:", "https:"), "secure": True}])
        page = await context.new_page()
        devtools = await context.new_cdp_session(page)
        await devtools.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        await devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {"options": {**options, "isUserVerified": True, "automaticPresenceSimulation": True}},
        )
        await page.goto("/me")
        await page.get_by_label("What to call it").fill("laptop")
        await page.get_by_role("button", name="Add a passkey").click()
        await expect(page.get_by_role("status").first).to_have_text("Passkey added.")
        await page.get_by_role("button", name="Log out", exact=True).click()
        await page.wait_for_url("**/login")
        await page.get_by_role("button", name="Log in with a passkey").click()
        await page.wait_for_url("**/live")
        await expect(page.get_by_role("link", name="ola")).to_be_visible()
        await context.clear_cookies()
        ola = console.parts.users.of_name("ola")
        assert ola is not None
        (passkey,) = await asyncio.to_thread(console.parts.passkeys.of, ola.user_id)
        console.parts.passkeys.remove(ola.user_id, passkey.credential_id)
        await page.goto("/login")
        await page.get_by_role("button", name="Log in with a passkey").click()
        await expect(page.get_by_role("alert")).to_contain_text("does not fit")
        await context.close()
