"""One row from a journal: what statistics need of a call that the dialogue held."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from caller_id.types import Caller
from dialogs.data.bundle import load_bundle
from dialogs.events import CallStarted
from dialogs.rehearsal.meanings import parse_meaning
from dialogs.rehearsal.rehearsal import Rehearsal
from voicebot.records.journal import Journal
from voicebot.records.summarise import summarise
from voicebot.records.summary import CallSummary

BUNDLE = load_bundle()
NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
WORDS = {
    "affirm": "tak",
    "deny": "nie",
    "reject": "a u nas dziś pada",
    "balance": "ile mam na koncie",
    "card_block": "zgubiłem kartę na dworcu",
}


def held(line: str, *meanings: str) -> CallSummary:
    """The summary of a call on this line whose caller means these things, one after another."""
    call = Rehearsal(BUNDLE, None, at=NOON)
    call.start(CallStarted(Caller(), line=line))
    for meaning in meanings:
        call.say(WORDS[meaning], parse_meaning(meaning, WORDS[meaning]))
    call.finish_speech()
    journal = Journal("c1", started=NOON)
    for exchange in call.exchanges:
        journal.happened(exchange.event)
        for action in exchange.actions:
            journal.did(action)
    journal.close("done")
    return summarise(journal, caller=Caller(), line=line, bundle_version=BUNDLE.version)


@pytest.mark.parametrize(("meaning", "answer"), [("affirm", "helped"), ("deny", "not_helped"), ("reject", None)])
def test_the_survey_after_a_call_with_an_agent_is_one_word_in_the_row(meaning: str, answer: str | None) -> None:
    """Its name in the flow; words that are no answer count as none."""
    assert held("survey", meaning).survey == answer


def test_the_survey_after_self_service_stands_beside_what_the_call_was_about() -> None:
    """A balance by message, nothing else, and it helped."""
    call = held("app", "balance", "deny", "affirm")
    assert (call.intent, call.survey) == ("balance", "helped")
    assert call.decision != "survey"


def test_a_call_that_was_put_through_has_its_matter_and_queue() -> None:
    """And no answer to a question that was not asked."""
    call = held("main", "card_block")
    assert (call.intent, call.queue, call.priority, call.survey) == ("card_block", "card_emergency", 10, None)
