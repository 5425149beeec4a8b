"""The door for messages in writing, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.voicebot.web.serving import Api, api
from voicebot.accounts.tokens import Scope, Tokens
from voicebot.mail.limits import MOST_BODY, MOST_TEXT
from voicebot.mail.store import Messages

__all__ = ["api"]

TEXT = "Dzień dobry,\nzgubiłam kartę, proszę ją zastrzec. Mój PIN to 4821.\nPozdrawiam\nAnna Nowak\ntel. 601 234 567"
TOLD = {"id": "<a1@example.org>", "subject": "karta", "text": TEXT, "language": "pl", "sender": "Anna@Example.org"}


async def test_a_message_is_steered_kept_and_handed_to_people(api: Api) -> None:
    made = await api.post("/api/messages", TOLD)
    assert made | {"ref": "", "confidence": 0, "why": ""} == {
        "id": "<a1@example.org>",
        "ref": "",
        "new": True,
        "language": "pl",
        "matter": "card_block",
        "confidence": 0,
        "others": [],
        "queue": "card_emergency",
        "priority": 10,
        "urgency": "emergency",
        "missing": [],
        "subject": "karta",
        "text": made["text"],
        "acknowledgement": made["acknowledgement"],
        "why": "",
    }
    assert "zgubiłam kartę" in made["text"]
    assert not any(secret in made["text"] for secret in ("4821", "Nowak", "601"))
    record = await api.get(f"/api/handoffs/{made['ref']}")
    assert (record["kind"], record["queue"], record["call_ref"]) == ("message", "card_emergency", "<a1@example.org>")
    assert record["answer_to"] == "+48601234567"
    assert record["number_trust"] == "none"
    assert await api.parts.handoffs.to_do() == [made["ref"]]


async def test_the_same_message_again_is_the_same_and_another_under_its_id_is_refused(api: Api) -> None:
    first = await api.post("/api/messages", TOLD)
    again = await api.post("/api/messages", TOLD)
    assert again == first | {"new": False}
    assert len(await api.parts.handoffs.to_do()) == 1
    refused = await api.post("/api/messages", TOLD | {"text": "Chcę zamknąć konto."}, 409)
    assert "id of its own" in refused["detail"]
    assert (await api.post("/api/messages", TOLD | {"id": "<a2@example.org>", "text": "Chcę zamknąć konto."}))["new"]


async def test_html_is_read_as_text(api: Api) -> None:
    told = {"id": "h1", "html": "<style>x</style><p>Zgubiłem kartę.</p><blockquote>Oferta kredytu</blockquote>", "language": "pl"}
    made = await api.post("/api/messages", told)
    assert (made["matter"], made["text"]) == ("card_block", "Zgubiłem kartę.")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"text": "karta"}, "id"),
        ({"id": "a b", "text": "karta"}, "id"),
        ({"id": "x", "text": "a", "html": "b"}, "not both"),
        ({"id": "x", "text": "a", "language": "de"}, "complete language"),
        ({"id": "x", "text": "a", "number": "12"}, "+48600100200"),
        ({"id": "x", "text": "a", "segment": "gold"}, "segment"),
        ({"id": "x", "text": "a" * (MOST_TEXT + 1)}, "text"),
        ({"id": "x", "text": "a", "attachments": ["a"] * 51}, "attachments"),
        ({"id": "x", "text": "a", "attachment": "a"}, "attachment"),
        ({"id": "x", "text": 7}, "text"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_says_what_to_send(api: Api, told: dict[str, Any], said: str) -> None:
    detail = (await api.post("/api/messages", told, 422))["detail"]
    assert said in detail
    assert len(detail) < 500


async def test_a_megabyte_is_refused_before_it_is_read(api: Api) -> None:
    answer = await api.client.post("/api/messages", content=b'{"id": "x", "text": "' + b"a" * 1_000_000)
    assert (answer.status_code, str(MOST_BODY) in answer.json()["detail"]) == (413, True)


@pytest.mark.parametrize(
    "text", ["\0" * 50, "\u202e karta \ufeff", "a" * MOST_TEXT, "> " * 40_000, "<" * 50_000, "", "\n" * 90_000, "👍"]
)
async def test_hostile_texts_are_taken_and_end_with_a_person(api: Api, text: str) -> None:
    made = await api.post("/api/messages", {"id": "x", "text": text})
    assert made["queue"] == "general"
    assert "\0" not in made["text"]


async def test_only_its_own_scope_opens_it(api: Api) -> None:
    tokens = Tokens(api.parts.outcomes._engine)
    url = str(api.client.base_url)
    for scope, status in ((Scope.MESSAGES, 200), (Scope.HANDOFFS, 403)):
        secret = tokens.add(scope.value, [scope], made_by="test")
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {secret}"}) as client:
            assert (await client.post("/api/messages", json=TOLD)).status_code == status
    assert (await api.stranger.post("/api/messages", json=TOLD)).status_code == 401


async def test_nothing_that_names_the_sender_is_kept(api: Api) -> None:
    await api.post("/api/messages", TOLD)
    kept = Messages(api.parts.outcomes._engine).of(str(TOLD["id"]))
    assert kept is not None
    written = repr(kept).lower()
    assert not any(secret in written for secret in ("anna", "nowak", "601", "4821", "234567"))
    hashes = {api.parts.records.number_hash(each) for each in ("+48601234567", "anna@example.org")}
    assert {kept.number_hash, kept.sender_hash} == hashes
