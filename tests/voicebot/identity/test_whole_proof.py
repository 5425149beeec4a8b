"""A whole call: the real dialogue, driver and pipeline, a real provider, and a customer who taps in the app."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from caller_id.types import Authentication, Caller
from dialogs.rehearsal.meanings import parse_meaning
from nlu.types import Hypothesis, Understanding
from tests.voicebot.calls.test_whole_calls import World, speaks, world
from tests.voicebot.endpoints.memory_leg import MemoryLeg
from tests.voicebot.identity.bank import TrueClock, opened
from tests.voicebot.identity.provider import App, provider, shared
from voicebot.handoff.store import HandOffStore
from voicebot.state.shared import SharedState

__all__ = ["shared"]


async def known(caller: Caller) -> Caller:
    return replace(caller, customer_ref="C-1")


async def asks_if_it_is_us(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
    return parse_meaning("call_check", hypotheses[0].text)


def heard_pairs(calls: World) -> list[str]:
    """What the caller heard as the pair."""
    prompts = [prompt for say in calls.voice.said for prompt in say.prompts]
    return [dict(prompt.params)["pair"] for prompt in prompts if prompt.id == "app_pair"]


async def taps(calls: World, app: App, answer: str, **more: str) -> str:
    """When the app shows the request and the caller has heard the words; the words that the app shows."""
    async with asyncio.timeout(20):
        while not heard_pairs(calls):
            await asyncio.sleep(0.01)
    return await app.answers("C-1", answer, **more)


@pytest.mark.parametrize(
    ("answer", "more", "says", "authentication"),
    [
        ("confirm", {}, "connect.call_check_calling", Authentication.APP),
        ("refuse", {}, "connect.call_check", Authentication.NONE),
        ("confirm", {"as": "C-9"}, "connect.call_check", Authentication.NONE),
    ],
)
async def test_the_caller_hears_the_truth_after_the_apps_proof_only(
    shared: SharedState, tmp_path: Path, answer: str, more: dict[str, str], says: str, authentication: Authentication
) -> None:
    (tmp_path / "bank").mkdir()
    async with provider(tmp_path / "bank", "--interval", "0.2") as app:
        ciba = {"issuer": app.issuer, "client_id": "voicebot", "mode": "poll"}
        async with opened(shared, tmp_path / "bank", clock=TrueClock(), ciba=ciba) as bank:
            await bank.identity.advisors.show(
                "desk", customer="C-1", advisor="Anna", matter="balance", call="d1", language="pl", life_s=600
            )
            changes = {"mark": known, "proofs": bank.identity.proofs, "understand": asks_if_it_is_us}
            async with world(shared, tmp_path, **changes) as calls:  # type: ignore[arg-type]
                shown: list[str] = []

                async def then_taps(leg: MemoryLeg) -> None:
                    shown.append(await taps(calls, app, answer, **more))

                lines = await calls.call(speaks, then_taps)
    assert heard_pairs(calls) == shown * 2
    assert calls.voice.said[-1].prompts[0].id == says
    assert calls.leg.transferred_to == ["fraud"]
    assert shown[0].split()[0] not in json.dumps(lines, ensure_ascii=False)
    (ref,) = [line["ref"] for line in lines if line.get("kind") == "hand_off"]
    record = await HandOffStore(shared).get(ref)
    assert record is not None
    assert record.authentication is authentication
    assert bool(record.level and record.authenticated_at) == (authentication is Authentication.APP)
    assert record.customer_ref == (None if more else "C-1")
    assert "C-9" not in str(record)
