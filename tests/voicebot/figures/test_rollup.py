"""Days counted once, and again when something of them changed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, delete, insert

from dialogs.data.bundle import load_bundle
from tests.voicebot.records.databases import summary
from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.figures.models import CallDayRow, DayRow
from voicebot.figures.reading import Period, read
from voicebot.figures.rising import rising
from voicebot.figures.rollup import RollUp
from voicebot.outcomes.events import Event, What
from voicebot.outcomes.store import Outcomes
from voicebot.records.database import Database
from voicebot.records.engine import open_engine
from voicebot.records.recount import recount, uncounted
from voicebot.records.schema import upgrade
from voicebot.records.summary import CallRecord, CallSummary

__all__ = ["database_url", "engine", "postgres"]

WARSAW = ZoneInfo("Europe/Warsaw")
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
DAY = date(2026, 11, 10)
NOON = datetime(2026, 11, 10, 11, 0, tzinfo=UTC)
BUNDLE = load_bundle()


def test_calls_from_before_turns_were_counted_are_counted_in_batches_and_their_days_again(engine: Engine) -> None:
    """Interrupted after any batch it goes on; what was counted as it was stored stays; the second time nothing is left."""
    listen = {"t": 1.0, "what": "action", "type": "Listen"}
    silence = {"t": 9.0, "what": "event", "type": "Silence"}
    reject = {"t": 12.0, "what": "event", "type": "Heard", "final": True, "understanding": {"decision": "reject"}}
    again = {"t": 12.1, "what": "note", "type": "Decided", "kind": "reask"}
    lines = (listen, silence, again, listen, reject, again)
    database = Database(engine.url.render_as_string(hide_password=False))
    for number in range(7):
        started = NOON + timedelta(days=number % 2)
        database.write(CallRecord(summary(f"old-{number}", started=started), lines))
    database.write(CallRecord(summary("new", started=NOON, turns=3, reasks=1), lines))
    database.write(CallRecord(summary("mute", started=NOON - timedelta(days=1)), ()))
    assert rollup(engine).refresh(NOW) == 3
    counted = recount(engine, rollup(engine).forget, at_once=3)
    assert [next(counted), next(counted)] == [(3, 2), (3, 3)], "and then it is interrupted; the mute call is the first"

    assert uncounted(engine) == 3
    assert list(recount(engine, rollup(engine).forget, at_once=3)) == [(3, 2)]
    assert list(recount(engine, rollup(engine).forget)) == [(1, 0)]
    calls = {each.call_id: each for each in database.calls(limit=20)}
    old = calls["old-6"]
    assert (old.turns, old.no_input, old.no_match, old.reasks, old.first_decision) == (2, 1, 1, 2, "reject")
    assert (calls["new"].turns, calls["new"].reasks, calls["mute"].turns) == (3, 1, 0)
    assert rollup(engine).refresh(NOW) == 2, "the days of what was counted"
    database.close()


def rollup(engine: Engine) -> RollUp:
    return RollUp(engine, BUNDLE.routes, WARSAW)


def written(engine: Engine, *calls: tuple[CallSummary, str | None]) -> None:
    database = Database(engine.url.render_as_string(hide_password=False))
    for call, hashed in calls:
        database.write(CallRecord(call, (), hashed))
    database.close()


def handed(call_id: str, at: datetime, **more: object) -> CallSummary:
    call = summary(call_id, started=at, intent="transfer", queue="payments")
    return replace(call, handoff_ref=f"ref-{call_id}-{'x' * 12}", **more)  # type: ignore[arg-type]


def test_a_day_is_counted_once_and_again_when_its_calls_are_others(engine: Engine) -> None:
    written(engine, (handed("a", NOON), None), (handed("b", NOON), None))
    assert rollup(engine).refresh(NOW) == 1
    assert rollup(engine).refresh(NOW) == 0
    written(engine, (handed("c", NOON, reasks=2, no_match=1, turns=4), None))
    assert rollup(engine).refresh(NOW) == 1
    counts = read(engine, Period(DAY, DAY)).counts
    assert (counts["calls"], counts["handed_over"], counts["reasked"], counts["turns"]) == (3, 3, 1, 4)


def test_events_that_come_later_count_the_day_anew(engine: Engine) -> None:
    calls = [handed(f"c{number}", NOON + timedelta(seconds=number)) for number in range(30)]
    written(engine, *((call, None) for call in calls))
    rollup(engine).refresh(NOW)
    told = []
    for number, call in enumerate(calls):
        assert call.handoff_ref is not None
        told.append(Event(call.handoff_ref, What.ANSWERED, call.ended))
        if number < 3:
            told.append(Event(call.handoff_ref, What.PASSED_ON, call.ended + timedelta(seconds=60), to_queue="ebanking"))
    Outcomes(engine).add(told, NOW + timedelta(minutes=1))
    assert rollup(engine).refresh(NOW + timedelta(minutes=2)) == 1
    shown = read(engine, Period(DAY, DAY))
    (misrouted,) = (each.estimate for each in shown.figures if each.share.id == "misrouted")
    assert (misrouted.k, misrouted.n) == (3, 30)
    assert misrouted.value == pytest.approx(0.1)
    assert misrouted.low < 0.1 < misrouted.high


def test_who_calls_again_is_known_by_the_hash_of_their_number(engine: Engine) -> None:
    written(
        engine,
        (handed("first", NOON), "h1"),
        (handed("again", NOON + timedelta(hours=3)), "h1"),
        (handed("next week", NOON + timedelta(days=6)), "h1"),
        (handed("another", NOON), "h2"),
        (handed("withheld", NOON), None),
    )
    rollup(engine).refresh(NOW)
    counts = read(engine, Period(DAY, DAY)).counts
    assert (counts["again_24h"], counts["known_24h"], counts["again_7d"]) == (1, 3, 2)


def test_days_are_the_banks_and_figures_can_be_narrowed(engine: Engine) -> None:
    late = datetime(2026, 11, 10, 23, 30, tzinfo=UTC)  # half past midnight in Warsaw
    written(engine, (handed("late", late, line="english", language="en"), None), (handed("noon", NOON), None))
    assert rollup(engine).refresh(NOW, within=(DAY, DAY)) == 1, "a report needs no other day"
    assert rollup(engine).refresh(NOW) == 1
    shown = read(engine, Period(DAY, DAY + timedelta(days=1)))
    assert [day for day, _ in shown.by_day] == [DAY, DAY + timedelta(days=1)]
    assert shown.values["language"] == ["en", "pl"]
    assert read(engine, Period(DAY, DAY + timedelta(days=1), (("language", "en"),))).counts["calls"] == 1


def test_a_roll_up_that_is_cut_off_goes_on_where_it_was(engine: Engine) -> None:
    written(engine, *((handed(f"d{day}", NOON - timedelta(days=day)), None) for day in range(5)))

    def stop(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rollup(engine).refresh(NOW, stop)
    assert rollup(engine).refresh(NOW) == 3


def test_a_roll_up_that_was_killed_goes_on_and_comes_to_the_same(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle of a day that it counts call by call: that day is counted anew, those before it are not."""
    monkeypatch.setattr("voicebot.figures.rollup._AT_ONCE", 2)
    hashes = ("h1", "h2", None)
    for day in range(5):
        at = NOON - timedelta(days=20 - day)
        written(engine, *((handed(f"c{day}{n}", at + timedelta(hours=n // 2)), hashes[(day + n) % 3]) for n in range(7)))
    killed = os.fork()
    if not killed:
        counting, parts = rollup(open_engine(database_url)), RollUp._parts

        def part(self: RollUp, day: date) -> Iterator[Any]:
            for number, rows in enumerate(parts(self, day)):
                if day == DAY - timedelta(days=18) and number == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield rows

        RollUp._parts = part  # type: ignore[method-assign]
        counting.refresh(NOW)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(killed, 0)[1]) == signal.SIGKILL
    assert rollup(engine).refresh(NOW) == 3, "the two newest days are counted already"
    period = Period(DAY - timedelta(days=30), DAY)
    resumed = read(engine, period)
    with engine.begin() as connection:
        connection.execute(delete(DayRow))
    assert rollup(engine).refresh(NOW + timedelta(seconds=1)) == 5
    assert resumed == read(engine, period)
    assert (resumed.counts["calls"], resumed.counts["known_24h"]) == (35, 24)
    engine.dispose()


def test_misroutes_that_rise_are_told_and_chance_is_not(tmp_path: Path) -> None:
    """5 % in the four weeks before, of 1,000 calls; then of 100 calls 8 %, and 20 %."""
    engine = open_engine(f"sqlite:///{tmp_path}/calls.db")
    upgrade(engine)
    key = {"line": "main", "language": "pl", "segment": "mass", "channel": "voice", "release": "", "matter": "transfer"}

    def counted(day: date, judged: int, wrong: int, at: datetime = NOW) -> None:
        counts = {"calls": judged, "answered_with_matter": judged, "candidates": wrong}
        with engine.begin() as connection:
            for table in (CallDayRow, DayRow):
                connection.execute(delete(table).where(table.day == day))
            connection.execute(insert(CallDayRow), {"day": day, **key, "counts": counts})
            connection.execute(insert(DayRow), {"day": day, "at": at, "calls": judged, "rule": 1})

    counted(DAY - timedelta(days=40), 1000, 900)
    counted(DAY - timedelta(days=2), 1000, 50)
    assert rising(engine, DAY) is None, "of today nothing is known"
    counted(DAY, 100, 8)
    assert rising(engine, DAY) is None
    counted(DAY, 100, 20, NOW + timedelta(minutes=10))
    found = rising(engine, DAY)
    assert found is not None
    assert (found.now.value, found.before.value) == (0.2, 0.05)
    engine.dispose()
