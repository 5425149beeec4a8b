"""Roll-ups: each day's calls counted once, and again when something of them changed. Resumable: a day is written whole.

A day is due when the number of its calls is another one, when events of its hand-offs came since, when it is so young that
callers may still call again (seven days), or when the rule for misroutes is a newer one. A young day waits the longer the older
it is (ten minutes for today, eighty for that of a week ago), and one of many calls some minutes between two counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, delete, func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from dialogs.data.routes import Routes
from voicebot.figures.counting import counts_of
from voicebot.figures.days import bounds
from voicebot.figures.models import CallDayRow, DayRow
from voicebot.outcomes.events import Outcome
from voicebot.outcomes.misroute import VERSION
from voicebot.outcomes.models import HandOffEventRow
from voicebot.outcomes.store import Outcomes
from voicebot.records import schema
from voicebot.records.database_time import DatabaseTime
from voicebot.records.listing import COLUMNS, summary_of
from voicebot.records.models import CallRow

_YOUNG = timedelta(days=8)
_EVENTS_COME = timedelta(days=30)
"""Events come seven days late at most: of an older day none are looked for, however many there were."""
_ANEW_AFTER = timedelta(minutes=10)
_REPEATS = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}
_A_MINUTE = 5000
"""A day of so many calls is counted again once a minute at most, one of four times as many every four."""
_ON_THEIR_WAY = timedelta(minutes=10)
"""Events may be written so long after they were received. Those of a young day that waits are counted when its turn comes."""
_LOOKED: WeakKeyDictionary[Engine, datetime] = WeakKeyDictionary()
_AT_ONCE = 2000
"""Calls that are counted at a time."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RollUp:
    """Counts days. Blocks: for a thread. Methods raise what SQLAlchemy raises."""

    engine: Engine
    routes: Routes
    zone: tzinfo
    """Days are the bank's."""

    def refresh(
        self, now: datetime, progress: Progress = lambda done, of: None, *, within: tuple[date, date] | None = None
    ) -> int:
        """Count the days that are due, newest first; how many they were. `within`: of the days from one to another only."""
        schema.ready(self.engine)
        now = DatabaseTime(self.engine).at(now)  # events that came since a count are stamped by it, too
        due = list(self._due(now, within or (date.min, date.max)))
        for done, day in enumerate(due):
            progress(done, len(due))
            self._count(day, now)
        progress(len(due), len(due))
        if within is None:
            _LOOKED[self.engine] = now - _ON_THEIR_WAY
        return len(due)

    def forget(self, connection: Connection, times: Collection[datetime]) -> None:
        """What began at these times was changed: the days are due again."""
        connection.execute(delete(DayRow).where(DayRow.day.in_({self._day(at) for at in times})))

    def _due(self, now: datetime, within: tuple[date, date]) -> Iterator[date]:
        with Session(self.engine) as session:
            # two questions: for both at once SQLite reads the whole index
            first, last = (session.scalar(select(each(CallRow.started))) for each in (func.min, func.max))
            counted = {row.day: row for row in session.scalars(select(DayRow).where(DayRow.day.between(*within)))}
            touched = self._touched(session, counted, now)
        if first is None or last is None:
            return
        day, end = max(self._day(first), within[0]), min(self._day(last), within[1])
        while end >= day:
            row = counted.get(end)
            if row is None or self._is_due(row, now, touched):
                yield end
            end -= timedelta(days=1)

    def _is_due(self, row: DayRow, now: datetime, touched: set[date]) -> bool:
        """The older a day, and the more calls it has, the longer it may wait: to count 20,000 calls takes seconds."""
        if row.at > now + _ANEW_AFTER:
            return True  # of a clock that was wrong
        age = (self._day(now) - row.day).days
        if row.day >= self._day(now - _YOUNG):
            if now - row.at > _ANEW_AFTER * (1 + age):
                return True
            if now - row.at < timedelta(minutes=row.calls // _A_MINUTE):
                return False
        return row.rule != VERSION or row.day in touched or row.calls != self._calls(row.day)

    def _touched(self, session: Session, counted: dict[date, DayRow], now: datetime) -> set[date]:
        """Days whose hand-offs had events since they were counted. Looked for from the oldest count on at first, then since this
        process looked last: these days were counted then.
        """
        first = self._day(now - _EVENTS_COME)
        since = [row.at for day, row in counted.items() if day >= first]
        if not since:
            return set()
        oldest = max(min(since), _LOOKED.get(self.engine, datetime.min.replace(tzinfo=UTC)))
        # not grouped by call: SQLite would go through all calls in their order for that
        chosen = (
            select(CallRow.started, HandOffEventRow.received_at)
            .join(HandOffEventRow, HandOffEventRow.ref == CallRow.handoff_ref)
            .where(HandOffEventRow.received_at >= oldest)
        )
        found = set()
        for started, received in session.execute(chosen.execution_options(yield_per=_AT_ONCE)):
            day = self._day(started)
            if day >= first and day in counted and received >= counted[day].at:
                found.add(day)
        return found

    def _calls(self, day: date) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(CallRow).where(*self._within(day))) or 0

    def _count(self, day: date, now: datetime) -> None:
        counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        calls = 0
        for rows, told in self._parts(day):
            calls += len(rows)
            for row in rows:
                call = summary_of(row)
                again = {name: _again(row.again_at, row.number_hash, call.started, within) for name, within in _REPEATS.items()}
                if call.intent is not None:
                    again["same_24h"] = again["24h"] and row.again_intent == call.intent
                key = (call.line, call.language, call.segment, call.channel, call.release, call.intent or "")
                outcome = told.get(call.handoff_ref or "")
                counts[key].update(counts_of(call, outcome=outcome, repeats=again, routes=self.routes))
        names = ("line", "language", "segment", "channel", "release", "matter")
        written = [{"day": day, **dict(zip(names, key, strict=True)), "counts": dict(each)} for key, each in counts.items()]
        with self.engine.begin() as connection:
            connection.execute(delete(CallDayRow).where(CallDayRow.day == day))
            connection.execute(delete(DayRow).where(DayRow.day == day))
            if written:
                connection.execute(insert(CallDayRow), written)
            connection.execute(insert(DayRow), {"day": day, "at": now, "calls": calls, "rule": VERSION})

    def _parts(self, day: date) -> Iterator[tuple[Sequence[Row[Any]], dict[str, Outcome]]]:
        """The day's calls, some at a time, with the caller's next call as `again_at` and its matter as `again_intent`, and what
        became of hand-offs: a day of many calls needs no more memory, and no reader keeps a writer waiting.
        """
        later = aliased(CallRow)
        following = (later.number_hash == CallRow.number_hash, later.started > CallRow.started)
        again_at = select(func.min(later.started)).where(*following).scalar_subquery()
        again_intent = select(later.intent).where(*following).order_by(later.started).limit(1).scalar_subquery()
        again = (again_at.label("again_at"), again_intent.label("again_intent"))
        chosen: Select[Any] = select(*COLUMNS, CallRow.number_hash, *again)
        chosen = chosen.where(*self._within(day)).order_by(CallRow.started, CallRow.call_id).limit(_AT_ONCE)
        outcomes, last = Outcomes(self.engine), None
        while True:
            beyond = (
                () if last is None else (CallRow.started >= last[0], or_(CallRow.started > last[0], CallRow.call_id > last[1]))
            )
            with self.engine.connect() as connection:
                rows = connection.execute(chosen.where(*beyond)).all()
            yield rows, outcomes.of([row.handoff_ref for row in rows if row.handoff_ref])
            if len(rows) < _AT_ONCE:
                return
            last = (rows[-1].started, rows[-1].call_id)

    def _within(self, day: date) -> tuple[ColumnElement[bool], ...]:
        begin, end = self._bounds(day)
        return CallRow.started >= begin, CallRow.started < end

    def _bounds(self, day: date) -> tuple[datetime, datetime]:
        return bounds(day, day, self.zone)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()


def _again(next_call: datetime | None, caller: str | None, started: datetime, within: timedelta) -> bool | None:
    if caller is None:
        return None
    return next_call is not None and next_call - started <= within
