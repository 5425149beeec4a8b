"""A recorded call can be replayed, and becomes a test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dialogs import Bundle
from dialogs.events import CallStarted, Conditions, HungUp
from dialogs.rehearsal.conversation_test import run_tests
from dialogs.rehearsal.meanings import parse_meaning, write_meaning
from dialogs.rehearsal.record_to_test import to_test
from dialogs.rehearsal.rehearsal import Exchange, Rehearsal
from dialogs.rehearsal.replay import from_lines, replay, to_lines
from dialogs.wire import WireError
from nlu.types import Act, Decision, Understanding
from tests.dialogs.calls import AGENT, NO, NONSENSE, SATURDAY_NIGHT, WEDNESDAY_NOON, YES, Call, means


def calls(bundle: Bundle) -> dict[str, Call]:
    """Calls of every shape."""
    interrupted = Call(bundle)
    interrupted.interrupt()
    return {
        "plain": Call(bundle).hears(means("fees")).waits(),
        "night": Call(bundle, at=SATURDAY_NIGHT, number=None)
        .hears(means("cash_loan"))
        .presses("1")
        .presses("605112233")
        .hears(YES)
        .waits(),
        "corrected": Call(bundle).hears(means("transfer", "confirm"), means("mortgage", act="deny")).waits(),
        "refused": Call(bundle, refuse=("insurance",)).hears(means("insurance")).waits(),
        "silent": Call(bundle).silent(4).waits(),
        "human": Call(bundle, recorded=True).hears(NONSENSE, AGENT).waits(),
        "interrupted": interrupted.hears(means("savings")).waits(),
        "two": Call(bundle, line="app", caller={"tenure_years": 7.0}).hears(means("balance", second="mortgage")).waits(),
        "english": Call(bundle, conditions=Conditions((("loans", 900.0),)))
        .hears(means("cash_loan", language="en", act="language"), NO)
        .waits(),
    }


def test_a_record_comes_back_from_its_lines_and_replays_the_same(bundle: Bundle) -> None:
    for name, call in calls(bundle).items():
        lines = to_lines(call.exchanges)
        assert all(json.loads(line) for line in lines)
        record = from_lines(lines)
        assert record == call.exchanges, name
        report = replay(bundle, record, call_id="rehearsal", bundle_version=bundle.version)
        assert (report.identical, report.bundle_changed, report.events) == (True, False, len(record))


def test_a_difference_is_shown_with_what_was_and_what_is(bundle: Bundle) -> None:
    record = Call(bundle).hears(means("fees")).waits().exchanges
    record[0] = Exchange(record[0].at, record[0].event, record[0].actions[:-1])
    report = replay(bundle, record, call_id="x", bundle_version="an older one")
    assert not report.identical
    assert report.bundle_changed
    assert str(report.differences[0]).startswith("event 1 (CallStarted): recorded [")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (['{"type": "Wait", "seconds": 1.0}'], "line 1: an action before the first event"),
        (['{"type": "HungUp"}'], "line 1: an event without its time"),
        (['{"at": "2026-11-18T12:00:00+01:00", "type": "Nothing"}'], "'type' is 'Nothing'"),
    ],
)
def test_what_is_no_record_is_refused(lines: list[str], complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        from_lines(lines)


def test_a_recorded_call_becomes_a_conversation_test_that_passes(bundle: Bundle, tmp_path: Path) -> None:
    for name, call in calls(bundle).items():
        path = tmp_path / f"{name}.yml"
        path.write_text(to_test(bundle, call.exchanges, f"rozmowa {name}"), encoding="utf-8")
        report = run_tests(bundle, None, [path])
        assert [result.name for result in report.results] == [f"rozmowa {name}"]
        assert not report.failed, (path.read_text(encoding="utf-8"), report.failed[0].failures, report.failed[0].transcript)


def test_no_number_of_a_real_caller_gets_into_the_test(bundle: Bundle) -> None:
    night = calls(bundle)["night"]
    record = [
        replace(e, event=replace(e.event, caller=replace(e.event.caller, number="+48698765432", customer_ref="klient-77")))
        if isinstance(e.event, CallStarted)
        else e
        for e in night.exchanges
    ]
    written = to_test(bundle, record, "rozmowa w nocy")
    assert "605112233" not in written
    assert "698765432" not in written
    assert "klient-77" not in written
    assert "501502503" in written


def test_without_its_start_a_record_is_no_test(bundle: Bundle) -> None:
    with pytest.raises(ValueError, match="start of a call"):
        to_test(bundle, [Exchange(WEDNESDAY_NOON, HungUp(), ())], "koniec")


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("card_block", means("card_block", confidence=0.95, text="x")),
        ("affirm", means(act="affirm", text="x")),
        ("deny cash_loan", means("cash_loan", act="deny", confidence=0.95, text="x")),
        ("balance + mortgage", means("balance", second="mortgage", confidence=0.95, text="x")),
        ("language in uk", means(act="language", language="uk", text="x")),
        ("account_open language in uk", means("account_open", act="language", language="uk", confidence=0.95, text="x")),
        ("agent", means("agent", act="agent", confidence=0.95, text="x")),
    ],
)
def test_a_meaning_is_written_in_a_few_words(written: str, understood: Understanding) -> None:
    parsed = parse_meaning(written, "x")
    for field in ("text", "intent", "decision", "act", "second", "language", "choices"):
        assert getattr(parsed, field) == getattr(understood, field), field


@pytest.mark.parametrize("decision", Decision)
@pytest.mark.parametrize("act", [None, *Act])
@pytest.mark.parametrize("language", [None, "en"])
def test_a_meaning_comes_back_from_its_words(decision: Decision, act: Act | None, language: str | None) -> None:
    choices = ("fees", "blik") if decision is Decision.CHOOSE else ()
    original = Understanding("x", "fees", 0.9, decision, act=act, choices=choices, second="mortgage", language=language)
    back = parse_meaning(write_meaning(original), "x")
    assert (back.decision, back.choices, back.second, back.language) == (decision, choices, "mortgage", language)
    assert back.act is (act if act is not None or language is None else Act.LANGUAGE)
    if decision is not Decision.REJECT:
        assert back.intent == "fees"


def test_in_a_rehearsal_time_passes(bundle: Bundle) -> None:
    call = Rehearsal(bundle, None, at=WEDNESDAY_NOON)
    call.start(CallStarted(Call(bundle).dialog.state.caller))
    call.stay_silent(8)
    assert call.exchanges[-1].at > WEDNESDAY_NOON
    before = len(call.exchanges)
    call.stay_silent(1)
    assert len(call.exchanges) == before, "a second of silence is no silence yet"
