"""The door for what became of hand-offs, over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.voicebot.web.serving import NOON, Api, api
from tests.voicebot.web.test_api import record

__all__ = ["api"]

REF = "a-reference-of-ours-1"
AT = (NOON + timedelta(seconds=1)).isoformat()


async def test_an_event_counts_once_however_often_it_comes(api: Api) -> None:
    told = {"what": "answered", "at": AT, "queue": "cards", "agent": "a-7"}
    assert (await api.post(f"/api/handoffs/{REF}/events", told))["new"] == 1
    assert (await api.post(f"/api/handoffs/{REF}/events", told))["new"] == 0


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"what": "answered", "at": "2026-11-10T12:00:00Z"}, "too late"),
        ({"what": "answered", "at": "2026-11-24T18:00:00Z"}, "in the future"),
        ({"what": "exploded", "at": AT}, "what"),
        ({"what": "answered", "at": "noon"}, "at"),
        ({"what": "answered", "at": AT, "agent": "44051401359"}, "pseudonym"),
        ({"what": "answered", "at": AT, "talk_s": -1}, "talk_s"),
        ({"what": "answered", "at": AT, "name": "Anna"}, "name"),
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, told: dict[str, Any], said: str) -> None:
    assert said in (await api.post(f"/api/handoffs/{REF}/events", told, 422))["detail"]


async def test_a_batch_finds_calls_by_the_networks_id_and_names_those_it_does_not_know(api: Api) -> None:
    known = replace(record(), call_ref="abc@pbx")
    await api.parts.handoffs.put(known)
    lines = [
        {"call_ref": "abc@pbx", "what": "queued", "at": AT, "queue": "cards"},
        {"ref": REF, "what": "abandoned", "at": AT},
        {"call_ref": "nobody@pbx", "what": "queued", "at": AT},
    ]
    body = "\n".join(json.dumps(each) for each in lines)
    answer = await api.client.post("/api/handoffs/events", content=body)
    assert (answer.status_code, answer.json()) == (200, {"new": 2, "unknown": ["nobody@pbx"]})
    torn = await api.client.post("/api/handoffs/events", content=body + '\n{"ref": "x"')
    assert (torn.status_code, "line 4" in torn.json()["detail"]) == (422, True)
    assert len(api.parts.outcomes.events(known.ref)) == 1


async def test_a_verdict_names_a_matter_of_ours(api: Api) -> None:
    path = f"/api/handoffs/{REF}/verdict"
    await api.post(path, {"right": True, "agent": "a-7"}, 204)
    await api.post(path, {"right": False, "agent": "a-8", "intent": "card_block"}, 204)
    assert "did you mean" in (await api.post(path, {"right": False, "agent": "a-8", "intent": "card_blok"}, 422))["detail"]
    assert "leave it out" in (await api.post(path, {"right": True, "agent": "a-8", "intent": "card_block"}, 422))["detail"]
    assert [each.right for each in api.parts.outcomes.verdicts(REF)] == [True, False]
    stranger = await api.stranger.post(path, json={"right": True, "agent": "a-7"})
    assert stranger.status_code == 401
