"""The web API over real HTTP, with a real state server and database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from caller_id.types import Caller, NumberTrust
from dialogs.events import HandOff
from tests.voicebot.state.servers import StateServer
from tests.voicebot.web.serving import BUNDLE, NOON, STARTED, TOKEN, Api, api
from voicebot.calls.bridging import headers_for
from voicebot.endpoints.leg import TransferTarget
from voicebot.errors import ConfigError
from voicebot.handoff.callback_service import RangAgain
from voicebot.handoff.callbacks import callback_for
from voicebot.handoff.record import HandOffRecord, make_record, new_ref
from voicebot.http.server import listen
from voicebot.records import CallSummary
from voicebot.state.conditions import SwitchKind, SwitchSetting
from voicebot.state.live_calls import LiveCall
from voicebot.state.shared import SharedState
from voicebot.web import handoffs

__all__ = ["api"]


def record(**action: Any) -> HandOffRecord:
    return make_record(
        HandOff("cards", priority=10, words="zgubiłem kartę", **action),
        caller=Caller("+48600100200", NumberTrust.TRUNK),
        call_id="c1",
        call_ref="sip-1",
        now=datetime.now(UTC),
        keep_for=timedelta(hours=1),
    )


# ---------------------------------------------------------------- who may ask


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/metrics"),
        ("GET", f"/api/handoffs/{'x' * 32}"),
        ("GET", "/api/callbacks"),
        ("GET", "/api/callbacks/cards"),
        ("POST", "/api/callbacks/cards/take"),
        ("POST", f"/api/callbacks/cards/{'x' * 32}/outcome"),
        ("DELETE", f"/api/callbacks/cards/{'x' * 32}"),
        ("GET", "/api/calls"),
        ("GET", "/api/calls/c1"),
        ("GET", "/api/live"),
        ("GET", "/api/survey"),
        ("GET", "/api/switches"),
        ("POST", "/api/switches"),
        ("POST", "/api/waits"),
    ],
)
async def test_without_the_token_nothing_is_told(api: Api, method: str, path: str) -> None:
    """Neither data nor whether there are any."""
    wrong = (None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer \xe9")
    for given in wrong:
        headers = {b"Authorization": given.encode("latin-1")} if given else {}
        response = await api.stranger.request(method, path, headers=headers, json={} if method == "POST" else None)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/"])
async def test_there_is_no_page_of_documentation(api: Api, path: str) -> None:
    """An API for machines of the bank needs no map for strangers."""
    assert (await api.stranger.get(path)).status_code == 404


async def test_the_document_of_all_routes_is_for_who_has_the_token(api: Api) -> None:
    assert (await api.stranger.get("/api/openapi.json")).status_code == 401
    document = await api.get("/api/openapi.json")
    assert {"/api/calls", "/api/switches", "/api/handoffs/{key}", "/metrics"} <= set(document["paths"])


@pytest.mark.parametrize("path", ["/health", "/api/calls", "/nothing"])
async def test_every_answer_carries_the_security_headers(api: Api, path: str) -> None:
    """Also refusals; and nothing says what server this is."""
    headers = (await api.stranger.get(path)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "server" not in headers


# ---------------------------------------------------------------- health


async def test_health_says_what_works_without_a_token(api: Api) -> None:
    """200 while calls are taken, else 503 with what is missing."""
    ready = await api.stranger.get("/health")
    works = {"ok": True, "needed": False, "why": ""}
    assert (ready.status_code, ready.json()) == (
        200,
        {"live": True, "ready": True, "status": "ready", "parts": {"sip": works | {"needed": True}, "state": works}},
    )
    api.working["sip"] = False
    not_ready = await api.stranger.get("/health")
    assert (not_ready.status_code, not_ready.json()["parts"]["sip"]["why"]) == (503, "cannot take calls")
    assert (await api.stranger.get("/health/live")).json() == {"live": True}


async def test_a_part_that_calls_can_do_without_is_degraded_and_still_ready(api: Api) -> None:
    """Whoever balances load keeps it; whoever watches is told."""
    api.working["state"] = False
    told = await api.stranger.get("/health/ready")
    assert (told.status_code, told.json()["status"], told.json()["parts"]["state"]["why"]) == (200, "degraded", "away")


async def test_a_check_that_raises_is_a_part_that_does_not_work(api: Api) -> None:
    """The page itself goes on answering."""
    del api.working["sip"]
    assert (await api.stranger.get("/health")).json()["parts"]["sip"]["ok"] is False


# ---------------------------------------------------------------- the agent's screen


async def test_the_agent_gets_the_context_by_its_reference(api: Api) -> None:
    """Queue, words, and three separate facts about the caller."""
    kept = record(intent="card_block", confidence=0.97, tried=("open",))
    await api.parts.handoffs.put(kept)
    shown = await api.get(f"/api/handoffs/{kept.ref}")
    assert (shown["queue"], shown["priority"], shown["intent"], shown["words"]) == ("cards", 10, "card_block", "zgubiłem kartę")
    assert (shown["number"], shown["number_trust"], shown["authentication"]) == ("+48600100200", "trunk", "none")


@pytest.mark.parametrize(
    ("ref", "status"),
    [("u" * 32, 404), ("short", 404), ("x" * 257, 422), ("a%20b", 422), ("a%1Bb", 422), ("..%2F..%2Fetc%2Fpasswd", 404)],
)
async def test_an_unknown_or_odd_reference_is_refused(api: Api, ref: str, status: int) -> None:
    """What can be nobody's is refused before anything is looked up."""
    await api.get(f"/api/handoffs/{ref}", status)


IDS = {"call_ref": "3c26-7@10.1.2.3:5060/x", "x_call_ref": "ast-1764236400.17", "user_to_user": "04AbCdEf"}


@pytest.mark.parametrize(
    "key",
    ["c1", *IDS.values(), "04ABCDEF;encoding=hex", "04abcdef"],
)
async def test_the_agents_screen_finds_the_call_by_any_of_its_ids(api: Api, key: str) -> None:
    """Each PBX gives its agents another one."""
    kept = replace(record(), call_ref=IDS["call_ref"], x_call_ref=IDS["x_call_ref"], user_to_user=IDS["user_to_user"])
    await api.parts.handoffs.put(kept)
    assert (await api.get(f"/api/handoffs/{quote(key, safe='')}"))["ref"] == kept.ref


async def test_the_agents_screen_finds_the_call_by_what_our_bridge_sends(api: Api) -> None:
    kept = record()
    await api.parts.handoffs.put(kept)
    sent = headers_for(TransferTarget("cards", ref=kept.ref))["User-to-User"]
    assert (await api.get(f"/api/handoffs/{quote(sent, safe='')}"))["ref"] == kept.ref


async def test_a_screen_that_asks_before_the_hand_off_gets_it_when_it_comes(api: Api) -> None:
    """The call may ring before the record is there."""
    kept = record()
    asked = asyncio.create_task(api.get("/api/handoffs/sip-1?wait=10"))
    await api.get("/api/handoffs/sip-1", 404)
    await api.parts.handoffs.put(kept)
    assert (await asked)["ref"] == kept.ref
    await api.get("/api/handoffs/sip-2?wait=0.2", 404)


@pytest.mark.parametrize("wait", ["-1", "10.5", "nan", "inf", "soon"])
async def test_a_screen_waits_a_bounded_time(api: Api, wait: str) -> None:
    await api.get(f"/api/handoffs/sip-1?wait={wait}", 422)


async def test_no_more_than_some_screens_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes after them is answered at once: waiting must not cost the others their answers."""
    monkeypatch.setattr(handoffs, "MOST_WAITING", 0)
    app = FastAPI()
    app.include_router(handoffs.routes(api.parts.handoffs))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        async with asyncio.timeout(8):
            assert (await client.get("/handoffs/sip-1?wait=10")).status_code == 404


async def test_while_the_state_server_is_away_own_records_are_shown_and_others_are_a_503(server: StateServer, api: Api) -> None:
    """The screen may try again in a moment."""
    server.kill()
    kept = record()
    await api.parts.handoffs.put(kept)
    assert (await api.get(f"/api/handoffs/{kept.ref}"))["ref"] == kept.ref
    assert (await api.get(f"/api/handoffs/{new_ref()}", 503))["code"] == "state.unavailable"


async def promise(api: Api, number: str = "+48600100200", queue: str = "cards", minute: int = 0) -> str:
    """A callback asked for `minute` minutes past ten; its reference."""
    callback = callback_for(record(call_back=number))
    await api.parts.callbacks.promise(replace(callback, queue=queue, priority=0, since=STARTED + timedelta(minutes=minute)))
    return callback.ref


async def test_callbacks_are_listed_in_the_order_of_their_places_and_withdrawn(api: Api) -> None:
    """One queue or all; who stands before whom."""
    second, first = await promise(api, "+48600100201", minute=2), await promise(api, minute=1)
    other = await promise(api, "+48600100202", "mortgage")
    listed = (await api.get("/api/callbacks/cards"))["callbacks"]
    assert [(each["ref"], each["ahead"], each["may_be_made"], each["taken"]) for each in listed] == [
        (first, 0, True, False),
        (second, 1, True, False),
    ]
    assert [each["ref"] for each in (await api.get("/api/callbacks"))["callbacks"]] == [first, second, other]
    assert (await api.client.delete(f"/api/callbacks/cards/{first}")).status_code == 204
    assert (await api.client.delete(f"/api/callbacks/cards/{first}")).status_code == 404
    assert [each["ref"] for each in (await api.get("/api/callbacks/cards"))["callbacks"]] == [second]


async def test_a_dialler_takes_the_next_callback_and_reports_its_outcome(api: Api) -> None:
    """It is told whom, from which number, and where the context is; a wrong claim settles nothing."""
    ref = await promise(api)
    taken = await api.post("/api/callbacks/cards/take", {})
    assert (taken["ref"], taken["number"], taken["fetch"]) == (ref, "+48600100200", f"/api/handoffs/{ref}")
    assert taken["cli"] == BUNDLE.routes.callback.cli
    assert (await api.client.post("/api/callbacks/cards/take")).status_code == 204
    wrong = {"claim": "x" * 24, "outcome": "done"}
    assert "claim" in (await api.post(f"/api/callbacks/cards/{ref}/outcome", wrong, 409))["detail"]
    report = {"claim": taken["claim"], "outcome": "not_reached"}
    kept = await api.post(f"/api/callbacks/cards/{ref}/outcome", report)
    assert (kept["kept"], kept["callback"]["attempts"], kept["callback"]["tried_at"]) == (True, 1, NOON.isoformat())
    assert (await api.client.post("/api/callbacks/cards/take")).status_code == 204  # too soon after the attempt


async def test_callbacks_that_are_not_needed_any_more_are_shown_with_the_call_that_served_them(
    server: StateServer, api: Api
) -> None:
    """So that nobody wonders where a promise went; while the state server is away nothing is known of them."""
    ref, other = await promise(api), await promise(api, "+48600100201")
    await api.parts.callbacks.rang_again(RangAgain("+48600100200", "cards", "c2", NOON))
    for path in ("/api/callbacks/cards", "/api/callbacks"):
        listed = await api.get(path)
        assert [each["ref"] for each in listed["callbacks"]] == [other]
        (served,) = listed["served"]
        assert served == {"ref": ref, "queue": "cards", "since": STARTED.isoformat(), "at": NOON.isoformat(), "call_id": "c2"}
    assert (await api.get("/api/callbacks/loans"))["served"] == []
    server.kill()
    assert (await api.get("/api/callbacks/cards")) == {"queue": "cards", "callbacks": [], "served": []}


async def test_whoever_holds_the_line_longer_goes_before_a_callback(api: Api) -> None:
    """The place that is kept is neither better nor worse than one on the line."""
    await promise(api, minute=5)
    earlier = {"on_line": {"since": (STARTED + timedelta(minutes=4)).isoformat()}}
    assert (await api.client.post("/api/callbacks/cards/take", json=earlier)).status_code == 204
    later = {"on_line": {"since": (STARTED + timedelta(minutes=6)).isoformat()}}
    assert (await api.post("/api/callbacks/cards/take", later))["number"] == "+48600100200"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("cards/take", {"seconds": 1}),
        ("cards/take", {"on_line": {"since": "2026-11-24T10:00:00"}}),
        ("cards/take", {"for": "ever"}),
        (f"cards/{'x' * 32}/outcome", {"claim": "x" * 24, "outcome": "lost"}),
        (f"cards/{'x' * 32}/outcome", {"outcome": "done"}),
    ],
)
async def test_an_odd_order_is_refused(api: Api, path: str, body: dict[str, Any]) -> None:
    """Before anything is taken."""
    await promise(api)
    await api.post(f"/api/callbacks/{path}", body, 422)
    assert not (await api.get("/api/callbacks/cards"))["callbacks"][0]["taken"]


async def test_no_callback_is_made_twice_while_the_state_server_is_away(server: StateServer, api: Api) -> None:
    """What was promised meanwhile is shown; taking it has to wait."""
    server.kill()
    ref = await promise(api)
    assert [each["ref"] for each in (await api.get("/api/callbacks/cards"))["callbacks"]] == [ref]
    assert (await api.post("/api/callbacks/cards/take", {}, 503))["code"] == "state.unavailable"


async def test_waiting_callbacks_are_a_figure_for_every_queue(api: Api) -> None:
    """Also where none wait."""
    await promise(api)
    api.parts.metrics.read_from("voicebot_callbacks_waiting", lambda: api.parts.callbacks.counted)
    told = (await api.client.get("/metrics")).text.splitlines()
    assert 'voicebot_callbacks_waiting{process="web",queue="cards"} 1.0' in told
    assert 'voicebot_callbacks_waiting{process="web",queue="mortgage"} 0.0' in told


# ---------------------------------------------------------------- calls


async def test_answers_to_the_survey_are_counted(api: Api) -> None:
    """Those of the last 30 days, or since a time."""
    now = datetime.now(UTC)
    for number, days in enumerate((1, 2, 50)):
        started = now - timedelta(days=days)
        api.parts.records.save(CallSummary(f"c{number}", started, started, "done", line="app", survey="helped"), [])
    await api.parts.records.flush()
    assert (await api.get("/api/survey"))["answers"] == [{"line": "app", "intent": None, "answer": "helped", "calls": 2}]
    long_ago = (await api.client.get("/api/survey", params={"since": (now - timedelta(days=60)).isoformat()})).json()
    assert [each["calls"] for each in long_ago["answers"]] == [3]
    await api.get("/api/survey?since=yesterday", 422)


async def test_calls_are_listed_page_by_page_and_shown_with_their_journal(api: Api) -> None:
    """`next` leads to the following page, null at the end."""
    for minute in range(5):
        started = STARTED + timedelta(minutes=minute)
        summary = CallSummary(f"c{minute}", started, started, "handed_over", number="+48600100200")
        api.parts.records.save(summary, [{"t": 0.0, "what": "note", "kind": "closed"}])
    await api.parts.records.flush()
    first = await api.get("/api/calls?limit=3")
    assert [call["call_id"] for call in first["calls"]] == ["c4", "c3", "c2"]
    rest = (await api.client.get("/api/calls", params={"limit": 3, "before": first["next"]})).json()
    assert ([call["call_id"] for call in rest["calls"]], rest["next"]) == (["c1", "c0"], None)
    shown = await api.get("/api/calls/c2")
    assert (shown["call"]["number"], shown["lines"]) == ("+48…200", [{"t": 0.0, "what": "note", "kind": "closed"}])
    await api.get("/api/calls/unknown", 404)


@pytest.mark.parametrize("query", ["limit=0", "limit=100000", "limit=x", "before=yesterday"])
async def test_odd_pages_are_refused(api: Api, query: str) -> None:
    """With what is wrong."""
    assert (await api.get(f"/api/calls?{query}", 422))["detail"]


async def test_calls_under_way_are_shown_without_their_number(api: Api) -> None:
    """Shortened, as everywhere."""
    api.parts.live.began(LiveCall("c1", STARTED, phase="listening", number="+48600100200"))
    (call,) = (await api.get("/api/live"))["calls"]
    assert (call["call_id"], call["phase"], call["number"]) == ("c1", "listening", "+48…200")


# ---------------------------------------------------------------- switches


@pytest.mark.parametrize(
    ("path", "order", "said"),
    [
        ("/api/switches", {"kind": "closure", "on": True, "queue": "lones", "who": "anna"}, "did you mean 'loans'?"),
        ("/api/switches", {"kind": "closure", "on": True, "queue": "zzz", "who": "anna"}, "known are"),
        ("/api/switches", {"kind": "surge", "on": True, "prompt": "greting", "who": "anna"}, "did you mean 'greeting'?"),
        ("/api/switches", {"kind": "closure", "on": True, "queue": "card_emergency", "who": "anna"}, "never closed"),
        ("/api/switches", {"kind": "surge", "on": True, "prompt": "expected_wait", "who": "anna"}, "needs values (wait)"),
        ("/api/waits", {"queue": "card", "seconds": 60}, "did you mean 'cards'?"),
    ],
)
async def test_what_the_bundle_does_not_know_is_refused_with_the_nearest_name(
    api: Api, path: str, order: dict[str, Any], said: str
) -> None:
    """A closure of a queue that does not exist closes nothing, and whoever ordered it must learn that."""
    assert said in (await api.post(path, order, 422))["detail"]
    now = await api.get("/api/switches")
    assert (now["switches"], now["waits"]) == ([], {})


async def test_a_switch_holds_at_once_and_is_kept_with_who_and_when(api: Api, shared: SharedState) -> None:
    """On, off, and in the history."""
    ordered = await api.post("/api/switches", {"kind": "closure", "on": True, "queue": "cards", "who": "anna", "why": "flood"})
    assert (ordered["who"], ordered["queue"]) == ("anna", "cards")
    assert NOON <= datetime.fromisoformat(ordered["when"]) < NOON + timedelta(minutes=1)
    assert [each["queue"] for each in (await api.get("/api/switches"))["switches"]] == ["cards"]
    await shared.flush()
    await api.post("/api/switches", {"kind": "closure", "on": False, "queue": "cards", "who": "jan"})
    assert (await api.get("/api/switches"))["switches"] == []
    await shared.flush()
    history = (await api.get("/api/switches/history"))["history"]
    assert [(each["who"], each["on"]) for each in history] == [("jan", False), ("anna", True)]


async def test_an_announcement_that_may_not_be_said_today_is_refused(api: Api) -> None:
    """Else callers would hear the usual one, and whoever ordered it would not know."""
    order = {"kind": "surge", "on": True, "prompt": "outage", "who": "anna"}
    await api.post("/api/switches", order)
    api.clock.now = datetime(2020, 8, 1, tzinfo=UTC)  # before its first day
    assert "may be said on 2020-08-01" in (await api.post("/api/switches", order, 422))["detail"]


async def test_a_switch_of_an_earlier_bundle_can_be_taken_back(api: Api) -> None:
    """Its queue is gone, but while it holds it is told to every conversation."""
    closed = SwitchSetting(SwitchKind.CLOSURE, True, "anna", NOON, queue="dissolved")
    api.parts.conditions.set_switch(closed)
    await api.post("/api/switches", {"kind": "closure", "on": False, "queue": "dissolved", "who": "jan"})
    assert (await api.get("/api/switches"))["switches"] == []
    await api.post("/api/switches", {"kind": "closure", "on": True, "queue": "dissolved", "who": "jan"}, 422)


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "closure", "on": True},
        {"kind": "closure", "on": True, "who": ""},
        {"kind": "party", "on": True, "who": "anna"},
        {"kind": "surge", "on": True, "who": "anna", "queue": "cards"},
        {"kind": "surge", "on": True, "who": "anna", "until": NOON.isoformat()},
        {"kind": "surge", "on": True, "who": "anna", "until": "2099-01-01T00:00:00"},
        {"kind": "surge", "on": True, "who": "anna", "extra": 1},
        {"kind": "surge", "on": True, "who": " \t"},
        {"kind": "surge", "on": True, "who": "anna\n2026-11-24 all is well"},
        {"kind": "surge", "on": True, "who": "anna", "why": "\x1b[2J"},
        {"kind": "closure", "on": True, "who": "anna"},
        {"kind": "closure", "on": True, "who": "anna", "queue": "a b"},
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_and_changes_nothing(api: Api, order: dict[str, Any]) -> None:
    """Nobody named, a queue in a surge, none in a closure, an end in the past or without a zone, unknown names, no plain text."""
    assert (await api.post("/api/switches", order, 422))["detail"]
    assert (await api.get("/api/switches"))["switches"] == []


async def test_a_queue_reports_its_wait(api: Api) -> None:
    """And the dialogue may announce it."""
    await api.post("/api/waits", {"queue": "cards", "seconds": 240}, 204)
    assert (await api.get("/api/switches"))["waits"] == {"cards": 240.0}
    await api.post("/api/waits", {"queue": "cards", "seconds": -1}, 422)


# ---------------------------------------------------------------- the server


async def test_a_taken_port_is_explained(api: Api) -> None:
    """Before anything is served."""
    port = api.client.base_url.port
    assert port is not None
    with pytest.raises(ConfigError, match=rf"cannot listen on 127\.0\.0\.1:{port}.*web\.port"):
        listen("127.0.0.1", port, setting="web")


async def test_a_large_body_and_odd_json_are_refused(api: Api) -> None:
    """Hostile input is met with a 4xx."""
    for body, status in ((b"{", 422), (b"[" * 60_000, 422), (b"[" * 100_000, 413), (b'"' + b"x" * 1_000_000 + b'"', 413)):
        response = await api.client.post("/api/switches", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code == status
