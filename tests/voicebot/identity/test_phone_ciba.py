"""Proof by the app over a real SIP call: a whole service, a provider in a process of its own, and a customer who says what they
want and taps. What the caller heard, what the agent sees, and what is in the record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from caller_id.types import Authentication
from tests.voicebot.identity.phone import CUSTOMER, NUMBER, Phone, phone
from tests.voicebot.identity.provider import App, provider
from voicebot.records.journal import Line
from voicebot.softphone import CallReport, Keys, Say, UntilEnded, UntilSilent

WISH = (UntilSilent(0.8), Say("my address has changed"))
AGREES = (UntilSilent(0.8), Keys("1"), UntilEnded(45))


@asynccontextmanager
async def at_the_bank(folder: Path, means: str, *options: str) -> AsyncIterator[tuple[Phone, App]]:
    """The provider, and the service that asks it."""
    async with provider(folder, "--interval", "0.2", *options) as app:
        ciba = {"issuer": app.issuer, "client_id": "voicebot", "mode": "poll", "levels": ["app-biometric"]}
        async with phone(folder, says="to jest moje życzenie", means=means, ciba=ciba) as house:
            yield house, app


async def calls(house: Phone, *steps: object) -> asyncio.Task[tuple[CallReport, list[Line]]]:
    """A customer who calls, while their app is at hand."""
    return asyncio.create_task(house.service.call(*steps, number=NUMBER))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "more", "says", "tried", "authentication"),
    [
        ("confirm", {}, "app_confirmed", "authorised", Authentication.APP),
        ("refuse", {}, "app_refused", "not_authorised:refused", Authentication.NONE),
        ("confirm", {"as": "C-9"}, "connect.accounts", "not_authorised:other_customer", Authentication.NONE),
    ],
)
async def test_the_customer_taps(
    tmp_path: Path, answer: str, more: dict[str, str], says: str, tried: str, authentication: Authentication
) -> None:
    async with at_the_bank(tmp_path, "personal_data") as (house, app):
        call = await calls(house, *WISH, *AGREES)
        await house.until_said("app_pair")
        words = await app.answers(CUSTOMER, answer, **more)
        report, lines = await call
        record = await house.handed(lines)
    assert report.put_through
    assert house.pairs == [words, words], "what the app shows is said twice"
    assert house.prompts[house.prompts.index("app_close") + 1] == says
    assert tried in record.tried
    assert (record.authentication, record.queue, record.intent) == (authentication, "accounts", "personal_data")
    assert bool(record.level and record.authenticated_at) == (authentication is Authentication.APP)
    assert record.customer_ref == (None if more else CUSTOMER)
    assert not [word for word in words.split() if word in str(lines)]
    assert "C-9" not in str(lines) + str(record)


async def test_nobody_taps(tmp_path: Path) -> None:
    async with at_the_bank(tmp_path, "personal_data", "--life", "1") as (house, _):
        call = await calls(house, *WISH, *AGREES)
        await house.until_said("app_again")
        report, lines = await call
        record = await house.handed(lines)
    assert report.put_through
    assert "not_authorised:expired" in record.tried
    assert record.authentication is Authentication.NONE


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_the_provider_is_killed(tmp_path: Path, when: str) -> None:
    async with at_the_bank(tmp_path, "personal_data") as (house, app):
        if when == "before":
            await app.kill()
        call = await calls(house, *WISH, *AGREES)
        if when == "meanwhile":
            await house.until_said("app_pair")
            await app.kill()
        report, lines = await call
        record = await house.handed(lines)
    assert report.put_through
    assert [step for step in record.tried if step.startswith("not_authorised")] != []
    assert record.authentication is Authentication.NONE
    assert record.queue == "accounts"


@pytest.mark.parametrize(
    ("answer", "more", "shown", "says"),
    [
        ("confirm", {}, True, "connect.call_check_calling"),
        ("confirm", {}, False, "connect.call_check_none"),
        ("refuse", {}, True, "connect.call_check"),
        ("confirm", {"as": "C-9"}, True, "connect.call_check"),
    ],
)
async def test_did_you_really_call_me(tmp_path: Path, answer: str, more: dict[str, str], shown: bool, says: str) -> None:
    async with at_the_bank(tmp_path, "call_check") as (house, app):
        if shown:
            advisors = house.service.web.identity.advisors
            told = {"advisor": "Anna", "matter": "balance", "call": "d1", "language": "pl"}
            await advisors.show("desk", customer=CUSTOMER, life_s=600, **told)
        call = await calls(house, *WISH, UntilEnded(45))
        await house.until_said("app_pair")
        await app.answers(CUSTOMER, answer, **more)
        report, lines = await call
        record = await house.handed(lines)
    assert report.put_through
    assert [prompt for prompt in house.prompts if prompt.startswith("connect.")] == [says]
    assert record.queue == "fraud"
    assert "Anna" not in str(lines)


async def test_of_a_number_that_is_nobodys_no_app_rings_and_nothing_is_told(tmp_path: Path) -> None:
    async with at_the_bank(tmp_path, "call_check") as (house, app):
        report, _ = await house.service.call(*WISH, UntilEnded(45), number="+48601234567")
        assert await app.shows(CUSTOMER) == []
    assert report.put_through
    assert [prompt for prompt in house.prompts if prompt.startswith("connect.")] == ["connect.call_check"]
