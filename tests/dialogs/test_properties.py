"""What holds for every call, whatever happens in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caller_id.types import Authentication, Caller, NumberTrust, Segment
from dialogs import Dialog, load_bundle, wire
from dialogs.data.flow import Collect, Question
from dialogs.engine.gate import Way, look
from dialogs.events import (
    AuthorisationAsked,
    AuthorisationResult,
    CallStarted,
    CodeResult,
    CodeTyped,
    Conditions,
    ConditionsChanged,
    Decided,
    Failed,
    HandOff,
    HandOffResult,
    HangUp,
    Heard,
    HungUp,
    Interrupted,
    KeyPressed,
    PromptFinished,
    Say,
    Silence,
    Switch,
)
from dialogs.rehearsal.rehearsal import Rehearsal
from dialogs.rehearsal.replay import replay
from nlu.types import Act, Decision, RankedIntent, Understanding
from tests.dialogs.calls import SATURDAY_NIGHT, WARSAW, WEDNESDAY_NOON, means

BUNDLE = load_bundle()  # no fixture: a failing example would print it whole

EMERGENCIES = ("card_block", "fraud_report", "document_block", "access_block")
ORDINARY = ("login_help", "card_issue", "balance", "transfer", "cash_loan", "mortgage", "savings", "branch_atm", "business")
INTENTS = [*EMERGENCIES, *ORDINARY, "agent", "out_of_scope", "no_such_intent"]
WORDS = [
    "",
    "tak",
    "nie",
    "oddzwońcie",
    "wolniej",
    "kurwa",
    "bez nagrywania",
    "menu",
    "jeden",
    "i jeszcze kredyt",
    "x " * 40,
    "żółw",
]

intents = st.sampled_from(INTENTS)
shares = st.floats(0, 1, allow_nan=False)
understandings = st.builds(
    Understanding,
    text=st.sampled_from(WORDS),
    intent=intents,
    confidence=shares,
    decision=st.sampled_from(Decision),
    ranking=st.lists(st.builds(RankedIntent, intents, shares), max_size=4).map(tuple),
    act=st.none() | st.sampled_from(Act),
    choices=st.lists(intents, max_size=3, unique=True).map(tuple),
    second=st.none() | intents,
    language=st.sampled_from([None, None, None, "en", "pl", "uk", "ru", "de"]),
)
heard = st.builds(Heard, text=st.sampled_from(WORDS), understanding=st.none() | understandings)
conditions = st.builds(
    Conditions,
    waits=st.lists(st.tuples(st.sampled_from(["loans", "general", "cards", "accounts"]), st.floats(0, 3600)), max_size=3).map(
        tuple
    ),
    switches=st.lists(
        st.builds(
            Switch,
            name=st.sampled_from(["surge", "closure"]),
            who=st.just("dyżurny"),
            since=st.just("2026-11-18T09:00"),
            queue=st.sampled_from(["", "loans", "general", "card_emergency"]),
            prompt=st.sampled_from(["", "outage", "no_such_prompt"]),
        ),
        max_size=2,
    ).map(tuple),
)
callers = st.builds(
    Caller,
    number=st.sampled_from([None, "+48600100200", "+380671234567", "+447700900123"]),
    trust=st.sampled_from(NumberTrust),
    withheld=st.booleans(),
    authentication=st.sampled_from(Authentication),
    segment=st.sampled_from(Segment),
    language=st.sampled_from([None, "pl", "en", "uk", "de"]),
    tenure_years=st.none() | st.floats(0, 40),
    customer_ref=st.none() | st.just("ref"),
)
starts = st.builds(
    CallStarted,
    caller=callers,
    line=st.sampled_from(["main", "app", "survey", "chat", "no_such_line"]),
    language=st.sampled_from([None, None, "en", "de"]),
    without=st.lists(st.sampled_from(["recogniser", "classifier"]), max_size=1).map(tuple),
    last_queue=st.sampled_from([None, None, "loans", "gone"]),
    preferences=st.lists(st.sampled_from(["slow", "keys", "patient", "?"]), max_size=2).map(tuple),
    recorded=st.booleans(),
    code=st.booleans(),
    conditions=conditions,
)
moments = st.sampled_from([WEDNESDAY_NOON, SATURDAY_NIGHT, datetime(2026, 12, 25, 11, 0, tzinfo=WARSAW)])

caller_moves = st.one_of(
    st.tuples(st.just("say"), heard),
    st.tuples(st.just("interrupt"), heard),
    st.tuples(st.just("key"), st.sampled_from("0123456789*#")),
    st.tuples(st.just("silence"), st.none()),
)
edge_events = st.one_of(
    st.builds(Failed, st.sampled_from(["recogniser", "classifier", "state", "max_length", "voice"])),
    st.builds(ConditionsChanged, conditions),
    st.just(AuthorisationAsked("zielony rower")),
    st.just(AuthorisationResult(True)),
    st.builds(AuthorisationResult, st.just(False), st.sampled_from(["refused", "expired", "no_app", "other_customer", ""])),
    st.builds(CodeTyped, st.booleans()),
    st.builds(CodeResult, st.none() | callers, st.sampled_from(["code", "tries", "unavailable", "replayed"])),
    st.just(PromptFinished("s999")),
    st.just(Interrupted("nonsense", -1.0)),
    st.just(KeyPressed("A")),
    st.just(HandOffResult(False, "loans", "late")),
)
moves = st.one_of(caller_moves, caller_moves, caller_moves, st.tuples(st.just("event"), edge_events))
scripts = st.lists(moves, min_size=1, max_size=14)

REFUSALS = [(), ("loans",), ("general",), ("card_emergency",), ("card_emergency", "fraud", "general")]


def play(call: Rehearsal, script: list[tuple[str, Any]]) -> Rehearsal:
    """The caller's moves in order; when the script is over the caller falls silent for good."""
    for move, what in script:
        if call.over:
            break
        if move == "interrupt":
            call.interrupt()
        if move in ("say", "interrupt"):
            call.say(what.text, what.understanding)
        elif move == "key":
            call.press(what)
        elif move == "silence":
            call.stay_silent()
        else:
            call._happen(what)
    return call


def run(start: CallStarted, script: list[tuple[str, Any]], at: datetime, refuse: tuple[str, ...] = ()) -> Rehearsal:
    call = Rehearsal(BUNDLE, None, at=at, refuse=refuse)
    call.start(start)
    return play(call, script)


def fall_silent(call: Rehearsal) -> None:
    """Nothing more comes from the caller; the call must still come to an end."""
    for _ in range(40):
        if call.over:
            return
        call.stay_silent()
    pytest.fail(f"the call goes on for ever at {call.dialog.state.summary()}")


calls = settings(max_examples=250, deadline=None)


@calls
@given(starts, scripts, moments, st.sampled_from(REFUSALS))
def test_every_call_ends_at_a_queue_a_message_or_a_goodbye(
    start: CallStarted, script: list[tuple[str, Any]], at: datetime, refuse: tuple[str, ...]
) -> None:
    call = run(start, script, at, refuse)
    fall_silent(call)
    last = call.actions[-1]
    assert isinstance(last, HangUp)
    assert last.reason in ("handed_over", "done", "goodbye", "apology")
    if last.reason == "handed_over":
        assert call.hand_off is not None
    assert call.dialog.handle(KeyPressed("1"), at) == [], "after the end nothing is done"


@calls
@given(starts, scripts, moments, st.sampled_from(REFUSALS))
def test_the_engine_makes_no_mistake_of_its_own(
    start: CallStarted, script: list[tuple[str, Any]], at: datetime, refuse: tuple[str, ...]
) -> None:
    call = run(start, script, at, refuse)
    fall_silent(call)
    assert [action for action in call.actions if isinstance(action, Decided) and action.kind == "error"] == []


@calls
@given(starts, scripts, moments)
def test_no_question_is_asked_more_than_three_times(start: CallStarted, script: list[tuple[str, Any]], at: datetime) -> None:
    call = run(start, script, at)
    fall_silent(call)
    questions = {
        prompt: name
        for name, step in BUNDLE.flow.steps.items()
        if isinstance(step, Question | Collect)
        for prompt in (*step.ask, *getattr(step, "silent", ()))
    }
    spoken = [action.prompts for action in call.actions if isinstance(action, Say)]
    after_codes = [prompts for prompts in spoken if prompts[0].id.startswith("code_")]  # a code was typed in between: no try
    said = Counter(
        questions[base]
        for prompts in spoken
        if prompts not in after_codes
        for prompt in prompts
        if (base := prompt.id if prompt.id in questions else prompt.id.rsplit(".", 1)[0]) in questions
    )
    assert all(times <= 3 for times in said.values()), said
    assert len(after_codes) <= 3, after_codes


sure_emergency = st.builds(
    lambda u, intent: Heard(
        f"{u.text} ukradli mi to",
        understanding=replace(u, text=f"{u.text} ukradli mi to", intent=intent, decision=Decision.ACCEPT, act=None),
    ),
    understandings.filter(lambda u: u.text not in ("nie", "no")),  # "nie ukradli mi to" is none
    st.sampled_from(EMERGENCIES),
)


@calls
@given(starts, st.lists(caller_moves, max_size=6), sure_emergency, st.booleans(), moments, st.sampled_from(REFUSALS[:4]))
def test_an_emergency_is_never_lost(
    start: CallStarted,
    before: list[tuple[str, Any]],
    emergency: Heard,
    over_the_bot: bool,
    at: datetime,
    refuse: tuple[str, ...],
) -> None:
    """At whatever point of a call the words come, at any hour, for any segment: while the bot can still act, the call goes to an
    emergency queue at the highest priority (or, when that refuses it, to another one)."""
    call = run(start, before, at, refuse)
    if not call.over and not over_the_bot:
        call.finish_speech()
    if call.over:
        return
    if over_the_bot:
        call.interrupt()
    if call.over:
        return
    call.say(emergency.text, emergency.understanding)
    heard_at = next((i for i, e in enumerate(call.exchanges) if _is(e.event, emergency)), None)
    too_late = heard_at is None or _was_handed_over(call, heard_at)
    fall_silent(call)
    if too_late:
        return
    handed = [action for action in call.actions if isinstance(action, HandOff)]
    assert handed, call.dialog.state.summary()
    assert BUNDLE.queues[handed[-1].queue].emergency
    assert handed[-1].priority == 10


def _is(event: object, emergency: Heard) -> bool:
    return isinstance(event, Heard) and event.understanding == emergency.understanding


def _was_handed_over(call: Rehearsal, index: int) -> bool:
    """The transfer was under way when the words came: the bot listens no more."""
    return any(isinstance(action, HandOff) and action.kind == "transfer" for e in call.exchanges[:index] for action in e.actions)


@calls
@given(starts, scripts, moments, st.sampled_from(REFUSALS))
def test_every_transfer_passes_the_one_gate(
    start: CallStarted, script: list[tuple[str, Any]], at: datetime, refuse: tuple[str, ...]
) -> None:
    """No call is put through to a queue that is closed at that moment, but to the default queue when nothing else is left."""
    call = run(start, script, at, refuse)
    fall_silent(call)
    now = start.conditions
    for exchange in call.exchanges:
        now = exchange.event.conditions if isinstance(exchange.event, ConditionsChanged) else now
        for action in exchange.actions:
            if isinstance(action, HandOff) and action.kind == "transfer" and action.queue != BUNDLE.default_queue:
                assert look(BUNDLE, now, action.queue, exchange.at).way is not Way.CLOSED, action


def key_paths() -> list[tuple[str, str]]:
    """Every matter with the keys that lead to it from the first second."""
    routes = BUNDLE.routes
    paths = [(intent, routes.keys.emergency + key) for key, intent in routes.emergency_keys.items()]
    for first, option in routes.menus["main"].items():
        paths += [(intent, first) for intent in option.intents]
        below = routes.menus[option.menu] if option.menu else {}
        paths += [(intent, first + second) for second, leaf in below.items() for intent in leaf.intents]
    return paths


@calls
@given(starts, moments, st.data())
def test_keys_and_words_lead_to_the_same_places(start: CallStarted, at: datetime, data: st.DataObject) -> None:
    intent, keys = data.draw(st.sampled_from(key_paths()))
    line = start.line if start.line in ("main", "app", "chat") else "main"  # the survey begins with a question of its own
    start = replace(start, without=(), preferences=(), last_queue=None, line=line)
    said, pressed = (Rehearsal(BUNDLE, None, at=at) for _ in range(2))
    said.start(start)
    said.say("(dwa słowa)", means(intent, text="(dwa słowa)"))
    pressed.start(start)
    for key in keys:
        pressed.press(key)
    places = [(call.dialog.state.step, call.dialog.state.target) for call in (said, pressed)]
    assert places[0] == places[1]


@calls
@given(starts, scripts, moments, st.sampled_from(REFUSALS))
def test_a_replay_gives_the_same_actions(
    start: CallStarted, script: list[tuple[str, Any]], at: datetime, refuse: tuple[str, ...]
) -> None:
    call = run(start, script, at, refuse)
    report = replay(BUNDLE, call.exchanges, call_id="rehearsal")
    assert report.identical, report.differences


@settings(max_examples=150, deadline=None)
@given(starts, st.lists(st.one_of(heard, edge_events, st.builds(Silence, shares), st.just(HungUp())), max_size=12), moments)
def test_events_in_any_order_never_raise(start: CallStarted, events: list[Any], at: datetime) -> None:
    """Not even when the driver breaks every promise: results nobody asked for, events before the start."""
    for sequence in ([*events, start], [start, *events], [start, start, *events]):
        dialog = Dialog(BUNDLE, call_id="x")
        for place, event in enumerate(sequence):
            actions = dialog.handle(event, at + timedelta(seconds=place))
            for action in actions:
                assert wire.decode(wire.encode(action)) == action
