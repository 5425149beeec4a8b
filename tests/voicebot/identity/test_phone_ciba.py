"""Proof by the app over real SIP calls: a whole service, a provider in a process of its own, and customers who say what they
want and tap. What each of them heard, what the agent sees, and what is in the record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from caller_id.types import Authentication
from tests.voicebot.identity.phone import Call, Phone, phone
from tests.voicebot.identity.provider import App, provider
from voicebot.softphone import Keys, Say, Step, UntilEnded, UntilSilent, UntilSpeaking

WISH: tuple[Step, ...] = (UntilSilent(0.8), Say("my address has changed"))
AGREES: tuple[Step, ...] = (*WISH, UntilSpeaking(0.5), Keys("1"), UntilEnded(70))


@asynccontextmanager
async def at_the_bank(folder: Path, means: str, *options: str) -> AsyncIterator[tuple[Phone, App]]:
    """The provider, and the service that asks it."""
    async with provider(folder, "--interval", "0.2", *options) as app:
        ciba = {"issuer": app.issuer, "client_id": "voicebot", "mode": "poll", "levels": ["app-biometric"]}
        async with phone(folder, says="to jest moje życzenie", means=means, ciba=ciba) as house:
            yield house, app


async def taps(house: Phone, app: App, who: str, answer: str, **more: str) -> str:
    """Once they have heard the words; what the app shows."""
    await house.until_said(who, "app_pair")
    return await app.answers(who, answer, **more)


def connected(call: Call) -> list[str]:
    """What was said of where the call goes."""
    return [prompt for prompt in call.prompts if prompt.startswith("connect.")]


async def test_customers_who_confirm_refuse_do_nothing_or_are_somebody_else(tmp_path: Path) -> None:
    async with at_the_bank(tmp_path, "personal_data", "--life", "25") as (house, app):
        running = asyncio.create_task(house.calls(dict.fromkeys(("C-1", "C-2", "C-3", "C-4"), AGREES)))
        words = await asyncio.gather(
            taps(house, app, "C-1", "confirm"),
            taps(house, app, "C-2", "refuse"),
            taps(house, app, "C-3", "confirm", **{"as": "C-9"}),
        )
        calls = await running
    for shown in words:
        assert house.pairs.count(shown) == 2, "what the app shows is said twice"
    after = {who: call.prompts[call.prompts.index("app_close") + 1] for who, call in calls.items() if who != "C-4"}
    assert after == {"C-1": "app_confirmed", "C-2": "app_refused", "C-3": "connect.accounts"}
    assert "app_again" in calls["C-4"].prompts
    came = {"C-1": "authorised", "C-2": "refused", "C-3": "other_customer", "C-4": "expired"}
    for who, call in calls.items():
        seen, proven = call.seen, who == "C-1"
        assert came[who].removeprefix("not_authorised:") in str(seen.tried)
        assert (seen.queue, seen.intent) == ("accounts", "personal_data")
        assert seen.authentication is (Authentication.APP if proven else Authentication.NONE)
        assert bool(seen.level and seen.authenticated_at) == proven
        assert seen.customer_ref == (None if who == "C-3" else who)
        written = str(call.lines) + str(call.record)
        assert "C-9" not in written
        assert not [shown for shown in words if shown in written]


async def test_the_provider_is_killed_while_it_is_asked_and_is_away_for_the_next(tmp_path: Path) -> None:
    async with at_the_bank(tmp_path, "personal_data") as (house, app):
        running = asyncio.create_task(house.calls({"C-1": AGREES}))
        await house.until_said("C-1", "app_pair")
        await app.kill()
        calls = {**await running, **await house.calls({"C-2": AGREES})}
    for call in calls.values():
        assert call.seen.authentication is Authentication.NONE
        assert call.seen.queue == "accounts"
        assert [step for step in call.seen.tried if step.startswith("not_authorised:")]
        assert "app_confirmed" not in call.prompts


async def test_did_you_really_call_me(tmp_path: Path) -> None:
    async with at_the_bank(tmp_path, "call_check") as (house, app):
        for who in ("C-1", "C-3", "C-4"):
            await house.service.web.identity.advisors.show(
                "desk", customer=who, advisor="Anna", matter="balance", call=f"d-{who}", language="pl", life_s=600
            )
        asks = (*WISH, UntilEnded(70))
        running = asyncio.create_task(house.calls(dict.fromkeys(("C-1", "C-2", "C-3", "C-4", "stranger"), asks)))
        await asyncio.gather(
            taps(house, app, "C-1", "confirm"),
            taps(house, app, "C-2", "confirm"),
            taps(house, app, "C-3", "refuse"),
            taps(house, app, "C-4", "confirm", **{"as": "C-9"}),
        )
        calls = await running
    assert {who: connected(call) for who, call in calls.items()} == {
        "C-1": ["connect.call_check_calling"],
        "C-2": ["connect.call_check_none"],
        "C-3": ["connect.call_check"],
        "C-4": ["connect.call_check"],
        "stranger": ["connect.call_check"],
    }
    assert "app_words" not in calls["stranger"].prompts, "nobody's app rings"
    for call in calls.values():
        assert call.seen.queue == "fraud"
        assert "Anna" not in str(call.lines)
