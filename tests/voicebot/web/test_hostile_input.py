"""Input of every kind on every route: it is answered with what is wrong, and never with an error of ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.voicebot.chat.bank import Bank
from tests.voicebot.chat.conftest import bank
from tests.voicebot.web.serving import AUTH, BUNDLE, NOON, Api, api
from voicebot.handoff.callbacks import Callback
from voicebot.records import CallSummary
from voicebot.state.conditions import SwitchKind, SwitchSetting
from voicebot.web.app import build_app
from voicebot.web.strict_json import BadJson, parse

__all__ = ["api", "bank"]

MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
PATIENT = settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))


# ---------------------------------------------------------------- every route, by its own schema


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: str(mode.value))
async def test_every_route_answers_whatever_comes_as_its_schema_says(api: Api, mode: schemathesis.GenerationMode) -> None:
    """What fits the schema and what does not; over real HTTP, against the real parts."""
    await asyncio.to_thread(_attack_every_route, build_app(api.parts).openapi(), str(api.client.base_url), mode, CHECKS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: str(mode.value))
async def test_the_pages_of_the_chat_answer_whatever_comes(bank: Bank, api: Api, mode: schemathesis.GenerationMode) -> None:
    """Strangers may ask for these."""
    schema = build_app(replace(api.parts, chat=bank.room)).openapi()
    only_chat = {**schema, "paths": {path: told for path, told in schema["paths"].items() if path.startswith("/chat")}}
    assert only_chat["paths"]
    await asyncio.to_thread(_attack_every_route, only_chat, bank.origin, mode, CHECKS[:2])


def _never_wait(schema: dict[str, Any]) -> None:
    """No hand-off comes while we attack, and each wait would last its seconds: `wait` has a test of its own."""
    asked = schema["paths"].get("/api/handoffs/{key}", {}).get("get", {})
    asked["parameters"] = [each for each in asked.get("parameters", ()) if each["name"] != "wait"]


def _attack_every_route(
    schema: dict[str, Any], url: str, mode: schemathesis.GenerationMode, checks: Sequence[schemathesis.CheckFunction]
) -> None:
    _never_wait(schema)
    attacked = 0
    for found in schemathesis.openapi.from_dict(schema).get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @PATIENT
        @given(case=operation.as_strategy(generation_mode=mode))
        def attack(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(base_url=url, headers=AUTH, checks=list(checks))

        with contextlib.suppress(Unsatisfiable):  # where nothing is asked for, nothing can be wrong
            attack()
        attacked += 1
    assert attacked == sum(len(methods) for methods in schema["paths"].values())


# ---------------------------------------------------------------- bodies that are no JSON, or not only one thing

SURGE = {"kind": "surge", "on": True, "who": "anna"}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"kind": "surge", "on": true, "on": false, "who": "anna"}', "'on' is there more than once"),
        (b'{"queue": "cards", "seconds": NaN}', "NaN is no number"),
        (b'{"queue": "cards", "seconds": -Infinity}', "-Infinity is no number"),
        (b'{"queue": "cards", "seconds": 1e999}', "too large"),
        (b'{"queue": "cards", "seconds": 1' + b"0" * 5000 + b"}", "longer than 30 characters"),
        (b'{"queue": "\\ud800", "seconds": 1}', "half of a surrogate pair"),
        (b'{"\\udfff": "cards"}', "half of a surrogate pair"),
        (b'{"queue": [' + b"[" * 900 + b"]" * 900 + b"]}", "nested more than"),
        (b'{"queue": "cards"', "line 1, column 18"),
        (b'{"queue": "\xff"}', "octet 12 is not UTF-8"),
        (b'"text"', "dictionary"),
        (b"[]", "dictionary"),
        (b"null", "body"),
        (b"", "body: Field required"),
    ],
)
async def test_a_body_that_is_no_json_or_ambiguous_is_refused_with_the_place(api: Api, body: bytes, said: str) -> None:
    """Parsers differ on these, so that one system would read what another did not write."""
    for path in ("/api/waits", "/api/switches"):
        answer = await api.client.post(path, content=body, headers=JSON)
        assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text


async def test_a_mistake_is_told_without_repeating_what_was_sent(api: Api) -> None:
    """It may be a number or a name; and a client that sends a megabyte gets none back."""
    secret = "44051401359"
    for body in ({**SURGE, "why": secret * 100}, {**SURGE, secret: 1}, {**SURGE, "on": {secret: secret}}):
        told = await api.client.post("/api/switches", json=body)
        assert told.status_code == 422
        assert len(told.content) < 400
    assert secret not in (await api.client.post("/api/switches", json={**SURGE, "who": [secret]})).text
    many = {f"field{number}": 1 for number in range(1000)}
    assert "and 9" in (await api.post("/api/switches", {**SURGE, **many}, 422))["detail"]


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
@example(b'"\\"["')
@example(b"[" * 50_000)
def test_any_octets_are_a_value_or_a_mistake(body: bytes) -> None:
    """Never another error."""
    try:
        value = parse(body)
    except BadJson:
        return
    json.dumps(value, allow_nan=False).encode()


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(plain, st.booleans())
def test_a_value_that_is_written_as_json_is_read_as_it_was(value: Any, ascii_only: bool) -> None:
    """Strictness loses nothing: brackets and quotes in texts, pairs of surrogates written as escapes."""
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


# ---------------------------------------------------------------- times

EDGES = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59",
    "1969-12-31T23:59:59Z",
    "-1e308",
    "1e308",
    "NaN",
    "2026-11-24T10:00:00",
    "2026-11-31T10:00:00Z",
    "yesterday",
    "9" * 400,
)


@pytest.mark.parametrize("moment", EDGES)
async def test_a_time_at_the_edge_of_the_calendar_is_refused_by_name(api: Api, moment: str) -> None:
    """It cannot be brought to another zone; and it is no reason to say that the database is away."""
    for path, name in (("/api/calls", "before"), ("/api/survey", "since")):
        told = await api.client.get(path, params={name: moment})
        assert (told.status_code, f"query.{name}: " in told.json()["detail"]) == (422, True), told.text
    for path, body in (
        ("/api/switches", {**SURGE, "until": moment}),
        ("/api/callbacks/cards/take", {"on_line": {"since": moment}}),
    ):
        await api.post(path, body, 422)
    assert (await api.get("/api/switches"))["switches"] == []


@PATIENT
@given(st.text())
def test_any_text_as_a_time_is_no_error_of_ours(text: str) -> None:
    """Checked where it is parsed."""
    from pydantic import TypeAdapter, ValidationError

    from voicebot.web.fields import Moment

    adapter: TypeAdapter[datetime] = TypeAdapter(Moment)
    with contextlib.suppress(ValidationError):
        assert adapter.validate_python(text).tzinfo is UTC


async def test_a_page_is_followed_by_pasting_what_was_told(api: Api) -> None:
    """A "+" in an address is a space: `next` has none."""
    for minute in range(3):
        started = NOON + timedelta(minutes=minute)
        api.parts.records.save(CallSummary(f"c{minute}", started, started, "done"), [])
    await api.parts.records.flush()
    following = (await api.get("/api/calls?limit=2"))["next"]
    assert [call["call_id"] for call in (await api.get(f"/api/calls?before={following}"))["calls"]] == ["c0"]


async def test_the_database_is_said_to_be_away_only_when_it_is(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, and what happens meanwhile."""
    await api.get("/api/calls")
    await api.parts.records.close()

    def away(*_: Any, **__: Any) -> Any:
        from sqlalchemy.exc import OperationalError

        raise OperationalError("SELECT", {}, OSError("connection refused"))

    monkeypatch.setattr(api.parts.records._database, "calls", away)
    assert (await api.get("/api/calls", 503))["code"] == "records.failed"


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("path", ["/api/callbacks/crads", "/api/callbacks/crads/take"])
async def test_a_dialler_with_a_misspelt_queue_is_told_the_nearest_one(api: Api, path: str) -> None:
    """It would ask for ever, and the customers of the real queue wait."""
    told = await api.client.request("POST" if path.endswith("take") else "GET", path)
    assert (told.status_code, told.json()["detail"]) == (404, "the bundle has no queue 'crads'; did you mean 'cards'?")


async def test_callbacks_of_a_queue_that_is_gone_from_the_bundle_can_still_be_made(api: Api) -> None:
    """They were promised."""
    promised = Callback("x" * 24, "dissolved", "+48600100200", NOON - timedelta(hours=1))
    await api.parts.callbacks.promise(promised)
    assert [each["ref"] for each in (await api.get("/api/callbacks/dissolved"))["callbacks"]] == [promised.ref]
    taken = await api.client.post("/api/callbacks/dissolved/take")
    assert taken.status_code in (200, 204)


async def test_everything_is_closed_only_by_saying_so_and_emergencies_stay_open(api: Api) -> None:
    """Whoever forgets the queue must not close the bank."""
    from dialogs.engine.gate import Way, look

    order = {"kind": "closure", "on": True, "who": "anna"}
    assert '"queue": ""' in (await api.post("/api/switches", order, 422))["detail"]
    await api.post("/api/switches", {**order, "queue": ""})
    conditions = api.parts.conditions.snapshot.for_dialogue(api.clock())
    ways = {queue: look(BUNDLE, conditions, queue, NOON).way for queue in BUNDLE.queues}
    assert {queue for queue, way in ways.items() if way is Way.OPEN} == {"card_emergency", "fraud", "crisis"}
    await api.post("/api/switches", {**order, "on": False, "queue": ""})
    assert (await api.get("/api/switches"))["switches"] == []


async def test_a_surge_of_an_earlier_bundle_is_taken_back_with_whatever_it_announced(api: Api) -> None:
    """Its prompt is gone; nobody has to know which it was."""
    api.parts.conditions.set_switch(SwitchSetting(SwitchKind.SURGE, True, "anna", NOON, prompt="gone"))
    await api.post("/api/switches", {**SURGE, "on": False, "prompt": "gone"})
    assert (await api.get("/api/switches"))["switches"] == []


# ---------------------------------------------------------------- paths and queries

odd_text = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["..", "%00", "\x00", "٣", "a" * 5000, "＿", "\n"]
)


async def test_any_text_in_a_path_or_a_query_is_answered(api: Api) -> None:
    """Not found, or a mistake that is told."""
    url = str(api.client.base_url)

    def attack() -> None:
        with httpx.Client(base_url=url, headers=AUTH) as client:
            _ask_with_odd_texts(lambda path: client.get(path).status_code)

    await asyncio.to_thread(attack)


def _ask_with_odd_texts(get: Callable[[str], int]) -> None:
    @PATIENT
    @given(odd_text)
    def ask(text: str) -> None:
        odd = quote(text, safe="")
        for path in (f"/api/calls/{odd}", f"/api/handoffs/{odd}", f"/api/callbacks/{odd}", f"/api/{odd}", f"/health/{odd}"):
            assert get(path) in (200, 307, 404, 405, 422)
        for query in (f"/api/calls?limit={odd}", f"/api/calls?before={odd}", f"/api/survey?since={odd}", f"/health?{odd}={odd}"):
            assert get(query) in ((404,) if "\0" in text else (200, 422))

    ask()
