"""The queue of what agents passed on holds what the rule for misroutes takes for one, and what an agent said went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from dialogs.data.bundle import load_bundle
from tests.voicebot.records.databases import heard, summary
from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.outcomes.events import Event, What
from voicebot.outcomes.store import Outcomes, Verdict
from voicebot.records.database import Database
from voicebot.records.summary import CallRecord
from voicebot.review.misrouted import Misrouted, misrouted
from voicebot.review.queues import Queue
from voicebot.review.store import Review

__all__ = ["database_url", "engine", "postgres"]

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def passed_on(engine: Engine, calls: Sequence[tuple[str, str | None, float, str]]) -> None:
    """Calls about cards: name, matter, seconds that the agent kept them, and whereto they went."""
    database, outcomes = Database(engine.url.render_as_string(hide_password=False)), Outcomes(engine)
    queue = load_bundle().routes.human_queue("card_block")
    for number, (name, intent, kept_s, to_queue) in enumerate(calls):
        call = summary(name, started=NOON + timedelta(minutes=number))
        call = replace(call, handoff_ref=f"r-{name}", intent=intent, queue=queue)
        database.write(CallRecord(call, [heard(f"sprawa {name}")]))
        answered = call.ended + timedelta(seconds=5)
        events = [Event(f"r-{name}", What.ANSWERED, answered)]
        if to_queue:
            events.append(Event(f"r-{name}", What.PASSED_ON, answered + timedelta(seconds=kept_s), to_queue=to_queue))
        outcomes.add(events, NOON)
    database.close()


def test_candidates_of_the_rule_and_verdicts_wait_and_nothing_else(engine: Engine) -> None:
    routes = load_bundle().routes
    other = next(queue for queue in routes.queues if queue not in (routes.human_queue("card_block"),) and "loan" in queue)
    overflow = routes.queues[routes.human_queue("card_block")].overflow
    calls = [
        ("soon", "card_block", 48, other),
        ("late", "card_block", 600, other),
        ("outside", "card_block", 48, "somebody-elses"),
        ("nomatter", None, 48, other),
        ("kept", "card_block", 0, ""),
        ("said", "card_block", 0, ""),
        *([("overflow", "card_block", 48, overflow)] if overflow else []),
    ]
    passed_on(engine, calls)
    Outcomes(engine).judge(Verdict("r-said", "a1", NOON, False, "transfer"))
    Outcomes(engine).judge(Verdict("r-kept", "a1", NOON, True, None))
    assert set(misrouted(engine, routes)) == {"r-soon", "r-said"}
    review = Review(engine, misrouted=Misrouted(engine, lambda: routes))
    assert [line.call_id for line in review.waiting(Queue.PASSED_ON, "anna", limit=9)] == ["said", "soon"]
    assert review.counts("anna", (Queue.PASSED_ON,)) == {Queue.PASSED_ON: 2}
    assert Review(engine).counts("anna", (Queue.PASSED_ON,)) == {Queue.PASSED_ON: 0}


def test_they_are_found_anew_after_half_a_minute(engine: Engine) -> None:
    routes, now = load_bundle().routes, [0.0]
    other = next(queue for queue in routes.queues if "loan" in queue)
    found = Misrouted(engine, lambda: routes, clock=lambda: now[0])
    assert list(found()) == []
    passed_on(engine, [("soon", "card_block", 48, other)])
    now[0] = 29.0
    assert list(found()) == []
    now[0] = 31.0
    assert list(found()) == ["r-soon"]
