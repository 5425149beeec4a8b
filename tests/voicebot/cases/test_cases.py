"""Cases: due by opening hours, owned by one person, made of every message and of callbacks that nobody finished, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Engine

from caller_id.types import Caller, NumberTrust
from dialogs.data.bundle import load_bundle
from dialogs.events import HandOff
from voicebot.cases.case import Case, Standing, Status, due
from voicebot.cases.listing import CaseFilter, page
from voicebot.cases.settings import CasesSettings
from voicebot.cases.store import CaseError, Cases
from voicebot.cases.sweep import CaseSweep
from voicebot.handoff.callback_service import CallbackService, Outcome
from voicebot.handoff.callbacks import CallbackStore, callback_for
from voicebot.handoff.record import HandOffRecord, make_record
from voicebot.handoff.store import HandOffStore
from voicebot.records.engine import open_engine
from voicebot.redaction import JsonValue
from voicebot.state.shared import SharedState

BUNDLE = load_bundle()
CALENDAR = BUNDLE.calendar
FRIDAY = datetime(2026, 11, 27, 11, 0, tzinfo=UTC)  # noon in Warsaw
OFFICE = next(queue.hours for queue in BUNDLE.queues.values() if not CALENDAR.is_open(queue.hours, FRIDAY + timedelta(hours=14)))
OFFICE_QUEUE = next(name for name, queue in BUNDLE.queues.items() if queue.hours == OFFICE)


@given(st.integers(0, 60 * 24 * 14), st.floats(0.1, 30))
@example(196, 6.75)  # a minute before closing
def test_a_case_is_due_when_its_queue_has_been_open_for_so_long(minutes: int, hours: float) -> None:
    since = FRIDAY + timedelta(minutes=minutes)
    until = due(CALENDAR, OFFICE, since, hours)
    step, opened = timedelta(minutes=5), timedelta()
    at = since
    while at < until:
        opened += step if CALENDAR.is_open(OFFICE, at) else timedelta()
        at += step
    # the two count on grids that begin at other moments: each opening shifts them by a step at most
    assert abs(opened - timedelta(hours=hours)) <= step * (3 + (until - since).days * 2)
    assert CALENDAR.is_open(OFFICE, until - timedelta(seconds=1))
    assert due(CALENDAR, OFFICE, since, hours + 1) > until


def case(**more: object) -> Case:
    values: dict[str, object] = {
        "ref": "r" * 24, "kind": "message", "queue": "cards", "intent": "card_block", "language": "pl", "priority": 0,
        "words": "proszę o kontakt", "call_id": "c1", "asked_at": FRIDAY, "made_at": FRIDAY,
        "due_at": FRIDAY + timedelta(hours=8),
    }  # fmt: skip
    return Case(**values | more)  # type: ignore[arg-type]


def test_how_its_time_stands() -> None:
    stands = [case().standing(FRIDAY + timedelta(hours=hours)) for hours in (0, 5.9, 6.1, 8)]
    assert stands == [Standing.ON_TIME, Standing.ON_TIME, Standing.SOON, Standing.LATE]
    assert case(status=Status.DONE).standing(FRIDAY + timedelta(days=9)) is Standing.DONE


def test_a_case_has_one_owner_and_a_whole_history(engine: Engine) -> None:
    cases = Cases(engine)
    assert cases.open(case())
    assert not cases.open(case())
    assert cases.take("r" * 24, "anna", FRIDAY, "dzwonię o trzeciej").owner == "anna"
    for forbidden in (cases.take, cases.give_back):
        with pytest.raises(CaseError, match="taken by anna"):
            forbidden("r" * 24, "jan", FRIDAY)
    with pytest.raises(CaseError, match="taken by anna"):
        cases.done("r" * 24, "jan", FRIDAY, "")
    cases.note("r" * 24, "jan", FRIDAY, "PESEL 44051401359")
    cases.done("r" * 24, "anna", FRIDAY, "oddzwoniono")
    assert cases.to_do(["cards"]) == []
    cases.open_again("r" * 24, "jan", FRIDAY, "nie odebrano")
    assert [each.status for each in cases.to_do(["cards", "payments"])] == [Status.OPEN]
    assert cases.to_do(["payments"]) == []
    history = cases.history("r" * 24)
    assert [each.what for each in history] == ["opened", "taken", "noted", "done", "opened_again"]
    assert [each.note for each in history[:2]] == ["", "dzwonię o trzeciej"]
    assert "44051401359" not in history[2].note
    with pytest.raises(CaseError, match="no such case"):
        cases.note("x" * 24, "jan", FRIDAY, "")
    assert [each.ref for each in cases.of_calls(["c1", "c2"])] == ["r" * 24]
    assert cases.erase(["r" * 24, "x" * 24]) == 1
    assert cases.of("r" * 24) is None


def test_done_cases_come_page_by_page_the_latest_first_and_only_of_ones_queues(engine: Engine) -> None:
    """Many of one moment; one that is opened again between two pages moves no other."""
    cases = Cases(engine)
    queues = ["cards", "payments", "of-yesterday"]
    for number in range(9):
        ref = f"ref-{number}".ljust(24, "x")
        cases.open(case(ref=ref, queue=queues[number % 3], due_at=FRIDAY + timedelta(hours=number)))
        cases.take(ref, "anna" if number % 2 else "jan", FRIDAY)
        if number < 7:
            cases.done(ref, "anna" if number % 2 else "jan", FRIDAY + timedelta(hours=number // 3), "")

    def numbers(chosen: CaseFilter, size: int = 2) -> list[int]:
        found: list[int] = []
        after = ""
        while True:
            shown = page(engine, chosen, after=after, size=size)
            found += [int(each.ref[4]) for each in shown.cases]
            after = shown.following
            if not after:
                return found

    assert numbers(CaseFilter(done=True)) == [6, 5, 4, 3, 2, 1, 0]
    assert numbers(CaseFilter(done=True), size=7) == [6, 5, 4, 3, 2, 1, 0]
    assert numbers(CaseFilter(done=False)) == [7, 8]
    mine = CaseFilter(done=True, queues=["cards"], known=["cards", "payments"])
    assert numbers(mine) == [6, 5, 3, 2, 0], "and those of a queue that is no more"
    assert numbers(CaseFilter(done=True, queue="payments", owner="anna")) == [1]
    hour = timedelta(hours=1)
    assert numbers(CaseFilter(done=True, since=FRIDAY + hour, until=FRIDAY + 2 * hour)) == [5, 4, 3]
    first = page(engine, CaseFilter(done=True), size=2)
    cases.open_again(first.cases[1].ref, "jan", FRIDAY, "nie odebrano")
    second = page(engine, CaseFilter(done=True), after=first.following, size=2)
    assert [int(each.ref[4]) for each in second.cases] == [4, 3]
    assert page(engine, CaseFilter(done=True), after="nonsense|x", size=1).cases[0].ref == first.cases[0].ref
    assert [each.what for each in cases.histories([first.cases[1].ref])[first.cases[1].ref]][-1] == "opened_again"


class Desk:
    """The hand-offs of a bank, a clock that is moved by hand, and what the bank was told."""

    def __init__(self, shared: SharedState, engine: Engine) -> None:
        self.now = FRIDAY
        self.told: list[tuple[str, str]] = []
        self.handoffs = HandOffStore(shared, clock=lambda: self.now)
        self.callbacks = CallbackService(CallbackStore(shared), BUNDLE, clock=lambda: self.now)
        self.cases = Cases(engine)
        self.sweep = CaseSweep(self.cases, self.handoffs, self.callbacks, CasesSettings(), clock=lambda: self.now, webhook=self)

    def fire(self, event: str, delivery_id: str, data: dict[str, JsonValue]) -> None:
        self.told.append((event, str(data["ref"])))

    async def asked(self, kind: str) -> HandOffRecord:
        action = HandOff(
            OFFICE_QUEUE,
            kind="message" if kind == "message" else "transfer",
            call_back="+48600100200" if kind == "callback" else None,
            words="proszę o kontakt",
        )
        caller = Caller("+48600100200", NumberTrust.TRUNK)
        record = make_record(action, caller=caller, call_id="c1", call_ref="sip-1", now=self.now, keep_for=timedelta(days=30))
        await self.handoffs.put(record)
        if kind == "callback":
            await self.callbacks.promise(callback_for(record))
        return record


@pytest.fixture
def desk(shared: SharedState, tmp_path: Path) -> Iterator[Desk]:
    engine = open_engine(f"sqlite:///{tmp_path / 'calls.db'}")
    yield Desk(shared, engine)
    engine.dispose()


async def test_every_message_is_a_case_once_and_a_transfer_is_none(desk: Desk) -> None:
    await desk.asked("transfer")
    message = await desk.asked("message")
    assert await desk.sweep.look() == 1
    assert await desk.sweep.look() == 0
    assert desk.told == [("case.opened", message.ref)]
    (made,) = desk.cases.to_do([OFFICE_QUEUE])
    assert (made.ref, made.kind, made.words) == (message.ref, "message", "proszę o kontakt")
    assert made.due_at == due(CALENDAR, OFFICE, FRIDAY, 8.0)


async def test_a_callback_that_nobody_made_in_time_is_a_case_and_in_no_line_any_more(desk: Desk) -> None:
    callback = await desk.asked("callback")
    desk.now = due(CALENDAR, OFFICE, FRIDAY, 7.9)
    assert await desk.sweep.look() == 0
    desk.now = due(CALENDAR, OFFICE, FRIDAY, 8.0)
    assert await desk.sweep.look() == 1
    assert await desk.callbacks.line(OFFICE_QUEUE) == []
    (made,) = desk.cases.to_do([OFFICE_QUEUE])
    assert (made.ref, made.kind) == (callback.ref, "callback")
    assert made.due_at > desk.now


async def test_a_callback_that_was_given_up_is_a_case_and_one_that_is_being_made_is_none(desk: Desk) -> None:
    callback = await desk.asked("callback")
    for attempt in range(BUNDLE.routes.callback.attempts):
        taken = await desk.callbacks.take(OFFICE_QUEUE, seconds=3600)
        assert taken is not None, attempt
        assert await desk.sweep.look() == 0
        await desk.callbacks.settle(OFFICE_QUEUE, callback.ref, taken.claim, Outcome.NOT_REACHED)
        desk.now += timedelta(minutes=BUNDLE.routes.callback.minutes_between)
    assert await desk.sweep.look() == 1
    assert desk.told == [("case.opened", callback.ref)]


async def test_a_callback_that_an_agent_takes_in_that_moment_is_no_case(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two people would ring the customer."""
    callback = await desk.asked("callback")
    desk.now = due(CALENDAR, OFFICE, FRIDAY, 8.0) + timedelta(hours=13)  # when callbacks may be made again
    held, line = desk.callbacks.hold, await desk.callbacks.line()
    monkeypatch.setattr(desk.callbacks, "line", AsyncMock(return_value=line))  # as it was before they took it
    taken = await desk.callbacks.take(OFFICE_QUEUE, seconds=3600)
    assert taken is not None
    assert await desk.sweep.look() == 0
    monkeypatch.undo()
    await desk.callbacks.settle(OFFICE_QUEUE, callback.ref, taken.claim, Outcome.GIVEN_BACK)

    async def looked(queue: str, ref: str, seconds: float) -> bool:
        mine = await held(queue, ref, seconds)
        assert await desk.callbacks.take(OFFICE_QUEUE, seconds=3600) is None
        return mine

    monkeypatch.setattr(desk.callbacks, "hold", looked)
    assert await desk.sweep.look() == 1
    assert await desk.callbacks.line() == []


async def test_what_was_done_long_ago_is_deleted_and_what_is_open_never(desk: Desk) -> None:
    done, left = await desk.asked("message"), await desk.asked("message")
    await desk.sweep.look()
    desk.cases.take(done.ref, "anna", FRIDAY)
    desk.cases.done(done.ref, "anna", FRIDAY, "")
    desk.now = FRIDAY + timedelta(days=90)
    assert await desk.sweep.forget() == 0
    desk.now += timedelta(seconds=1)
    assert await desk.sweep.forget() == 1
    assert desk.cases.history(done.ref) == []
    assert [each.ref for each in desk.cases.to_do([OFFICE_QUEUE])] == [left.ref]


async def test_what_was_dealt_with_is_no_case(desk: Desk) -> None:
    callback = await desk.asked("callback")
    message = await desk.asked("message")
    desk.handoffs.dealt_with(callback.ref)
    await desk.callbacks.withdraw(OFFICE_QUEUE, callback.ref)
    await desk.handoffs.forget(message.ref)
    desk.now += timedelta(days=20)
    assert await desk.sweep.look() == 0
    assert desk.cases.to_do([OFFICE_QUEUE]) == []
