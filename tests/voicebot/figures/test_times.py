"""Medians of a period, from calls and what became of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine

from tests.voicebot.records.databases import summary
from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.figures.reading import Period
from voicebot.figures.times import times
from voicebot.outcomes.events import Event, What
from voicebot.outcomes.store import Outcomes
from voicebot.records.database import Database
from voicebot.records.summary import CallRecord

__all__ = ["database_url", "engine", "postgres"]

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = date(2026, 11, 26)


def test_a_caller_who_was_passed_on_or_gave_up_waited_longer(engine: Engine, database_url: str) -> None:
    """30 calls: 20 reach the right agent after 60 s, 5 only the second one after 300 s, 5 give up after 90 s."""
    database, outcomes = Database(database_url), Outcomes(engine)
    for number in range(30):
        ref = f"ref-{number}"
        values = {"handoff_ref": ref, "seconds_to_steer": 12.0, "response_ms": (400, 600), "line": "main"}
        database.write(CallRecord(summary(f"call-{number}", started=NOON, **values), []))

        def event(what: What, seconds: float, of: str = ref) -> Event:
            return Event(
                of, what, NOON + timedelta(seconds=seconds), queue="cards", to_queue="loans" if what is What.PASSED_ON else None
            )

        told = [event(What.QUEUED, 20)]
        if number < 20:
            told += [event(What.ANSWERED, 60)]
        elif number < 25:
            told += [event(What.ANSWERED, 60), event(What.PASSED_ON, 100), event(What.ANSWERED, 300)]
        else:
            told += [event(What.ABANDONED, 90)]
        outcomes.add(told, NOON)
    database.close()
    found = times(engine, Period(DAY, DAY), UTC)
    by_id = {figure.id: figure for figure in found.figures}
    assert (found.calls, found.all) == (30, True)
    right = by_id["right_human"]
    assert (right.n, right.censored) == (30, 5)
    assert {name: time.value for name, time in right.times} == {"median": 60.0, "p90": 300.0}
    assert dict(by_id["waited"].times)["median"].value == 40.0
    assert dict(by_id["steered"].times)["median"].value == 12.0
    assert by_id["response"].n == 60
    assert times(engine, Period(DAY, DAY, (("line", "other"),)), UTC).calls == 0
