"""What the labels say of each matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from dialogs.data.bundle import load_bundle
from tests.voicebot.records.databases import heard, summary
from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.figures.estimates import wilson
from voicebot.figures.hearing import hearing
from voicebot.figures.reading import Period
from voicebot.outcomes.events import Event, What
from voicebot.outcomes.store import Outcomes
from voicebot.records.database import Database
from voicebot.records.summary import CallRecord
from voicebot.review.decisions import decisions
from voicebot.review.lines import words_of
from voicebot.review.matters import confused, origins, right_shares
from voicebot.review.queues import Queue
from voicebot.review.sampling import draw
from voicebot.review.store import Review

__all__ = ["database_url", "engine", "postgres"]

DAY = date(2026, 11, 23)
BEGIN = datetime(2026, 11, 23, tzinfo=UTC)


def write(engine: Engine, lines: list[tuple[str, str, str]]) -> Database:
    database = Database(engine.url.render_as_string(hide_password=False))
    for number, (words, decision, intent) in enumerate(lines):
        line = heard(words, intent=intent)
        understanding = line["understanding"] | {"decision": decision}
        call = summary(f"c{number:03}", started=BEGIN + timedelta(hours=9, seconds=number))
        database.write(CallRecord(call, [line | {"understanding": understanding}]))
    return database


def test_a_matter_is_right_by_the_traffic_that_its_lines_stand_for(engine: Engine) -> None:
    """Of card_block 80 lines are accepted and right; of 20 refused ones all were card_block. Half of each stratum is drawn."""
    lines = [(f"karta {number}", "accept", "card_block") for number in range(80)]
    lines += [(f"inna karta {number}", "reject", "out_of_scope") for number in range(20)]
    database, review = write(engine, lines), Review(engine)
    draw(engine, DAY, BEGIN, BEGIN + timedelta(days=1), lines=50)
    while found := review.waiting(Queue.SAMPLE, "anna"):
        review.label((found[0].call_id, 0), "card_block", who="anna", queue=Queue.SAMPLE)
    (estimate,) = right_shares(engine, DAY, DAY).values()
    assert estimate.value == pytest.approx(0.8)
    assert estimate.low < 0.8 < estimate.high
    assert 40 <= estimate.n <= 60
    database.close()


def test_confused_pairs_with_their_sentences_and_none_that_is_still_to_be_labelled(engine: Engine) -> None:
    lines = [("zgubiłem przelew", "accept", "card_block"), ("przelew na kartę", "confirm", "card_block")]
    lines += [("coś innego", "reject", "out_of_scope"), ("karta", "accept", "card_block")]
    database, review = write(engine, lines), Review(engine)
    for call_id, label in (("c000", "transfer"), ("c001", "transfer"), ("c002", "out_of_scope"), ("c003", "card_block")):
        review.label((call_id, 0), label, who="anna", queue=Queue.PASSED_ON)
    (pair,) = confused(engine, BEGIN)
    assert (pair.meant, pair.taken, pair.count) == ("transfer", "card_block", 2)
    assert pair.sentences == (("przelew na kartę", "pl"), ("zgubiłem przelew", "pl"))
    assert confused(engine, BEGIN, "card_block") == [pair]
    assert confused(engine, BEGIN, "complaint") == []
    review.forget_words(["c000"])
    (pair,) = confused(engine, BEGIN)
    assert (pair.count, len(pair.sentences)) == (2, 1), "it counts without its words"
    database.close()


def test_where_an_example_came_from(engine: Engine) -> None:
    database, review = write(engine, [("Zgubiłem portfel z kartą", "confirm", "transfer")]), Review(engine)
    label = review.label(("c000", 0), "card_block", who="anna", queue=Queue.DOUBTFUL)
    assert label is not None
    review.taught(label)
    ((words, origin),) = origins(engine, "card_block").items()
    assert (words, origin.who, origin.call_id) == ("zgubilem portfel z karta", "anna", "c000")
    assert words_of(engine, [("c000", 0), ("elsewhere", 1)]) == {("c000", 0): "Zgubiłem portfel z kartą"}
    database.delete(["c000"])
    assert words_of(engine, [("c000", 0)]) == {("c000", 0): "Zgubiłem portfel z kartą"}, "the label still has them"
    review.forget_words(["c000"])
    assert words_of(engine, [("c000", 0)]) == {}
    assert origins(engine, "card_block") == {}
    database.close()


def test_what_labels_say_of_decisions_and_of_queues(engine: Engine) -> None:
    """Of 100 calls that were all drawn: each kind of decision, which queues were right, how far transfers tell."""
    routes = load_bundle().routes
    said = [("accept", "card_block", "card_block")] * 40 + [("accept", "card_block", "transfer")] * 20
    said += [("confirm", "transfer", "transfer")] * 10 + [("choose", "transfer", "out_of_scope")] * 5
    said += [("reject", "transfer", "card_block")] * 10 + [("reject", "out_of_scope", "out_of_scope")] * 15
    database, review, outcomes = Database(engine.url.render_as_string(hide_password=False)), Review(engine), Outcomes(engine)
    events = []
    for number, (decision, intent, label) in enumerate(said):
        line = heard(f"zdanie {number}", intent=intent)
        line["understanding"] |= {"decision": decision}
        call = summary(f"c{number:03}", started=BEGIN + timedelta(hours=9, seconds=number), segment="mass", reasks=number % 2)
        call = replace(call, handoff_ref=f"r{number}", intent=intent, queue=routes.human_queue("card_block"))
        database.write(CallRecord(call, [line, line | {"text": "nie"}]))
        answered = call.ended + timedelta(seconds=20)
        events.append(Event(call.handoff_ref or "", What.ANSWERED, answered))
        if label == "transfer" and number % 2:
            events.append(Event(call.handoff_ref or "", What.PASSED_ON, answered + timedelta(seconds=30), to_queue="loans"))
        review.label((call.call_id, 0), label, who="anna", queue=Queue.SAMPLE)
    outcomes.add(events, BEGIN)
    draw(engine, DAY, BEGIN, BEGIN + timedelta(days=1), lines=1000)
    found = decisions(engine, DAY, DAY, routes, wilson(10, 100))
    of_labelled = {name: round(100 * estimate.k) / 100 for name, estimate in found.kinds.items()}
    assert of_labelled == {
        "accepted_right": 40,
        "accepted_wrong": 20,
        "accepted_outside": 0,
        "asked_right": 10,
        "asked_wrong": 5,
        "rejected_wrong": 10,
        "rejected_right": 15,
    }
    assert found.outside.value == pytest.approx(0.2, abs=0.01)
    assert found.outside_by_model.value == pytest.approx(0.25, abs=0.01)
    assert (found.right_queue.n, found.right_queue.k) == (80, 50), "70 of transfers and cards in the queue of cards"
    assert found.noticed.value == pytest.approx(0.5)
    assert found.spared.value == pytest.approx(1)
    assert found.misrouted.value == pytest.approx(0.2)
    heard_so = hearing(engine, Period(DAY, DAY), UTC)
    assert (heard_so.asked_again.value, heard_so.asked_again.n) == (0.5, 100)
    assert [(each.n, each.median) for each in heard_so.sureness] == [(200, 0.8)]
    database.close()
