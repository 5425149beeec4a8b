"""Roll-ups: each day's calls counted once, and again when something of them changed. Resumable: a day is written whole.

A day is due when the number of its calls is another one, when events of its hand-offs came since, when it is so young that
callers may still call again (seven days), or when the rule for misroutes is a newer one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, delete, func, insert, select
from sqlalchemy.orm import Session

from dialogs.data.routes import Routes
from voicebot.figures.counting import counts_of
from voicebot.figures.days import bounds
from voicebot.figures.models import CallDayRow, DayRow
from voicebot.outcomes.misroute import VERSION
from voicebot.outcomes.models import HandOffEventRow
from voicebot.outcomes.store import Outcomes
from voicebot.records import schema
from voicebot.records.listing import COLUMNS, summary_of
from voicebot.records.models import CallRow

_YOUNG = timedelta(days=8)
_EVENTS_COME = timedelta(days=30)
"""Events come seven days late at most: of an older day none are looked for, however many there were."""
_ANEW_AFTER = timedelta(minutes=10)
_REPEATS = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RollUp:
    """Counts days. Blocks: for a thread. Methods raise what SQLAlchemy raises."""

    engine: Engine
    routes: Routes
    zone: tzinfo
    """Days are the bank's."""

    def refresh(self, now: datetime, progress: Progress = lambda done, of: None) -> int:
        """Count the days that are due, newest first; how many they were."""
        schema.ready(self.engine)
        due = list(self._due(now))
        for done, day in enumerate(due):
            progress(done, len(due))
            self._count(day, now)
        progress(len(due), len(due))
        return len(due)

    def forget(self, connection: Connection, times: Collection[datetime]) -> None:
        """What began at these times was changed: the days are due again."""
        connection.execute(delete(DayRow).where(DayRow.day.in_({self._day(at) for at in times})))

    def _due(self, now: datetime) -> Iterator[date]:
        with Session(self.engine) as session:
            first, last = session.execute(select(func.min(CallRow.started), func.max(CallRow.started))).one()
            counted = {row.day: row for row in session.scalars(select(DayRow))}
            touched = self._touched(session, counted, self._day(now - _EVENTS_COME))
        if first is None or last is None:
            return
        day, end = self._day(first), self._day(last)
        while end >= day:
            row = counted.get(end)
            young = end >= self._day(now - _YOUNG) and (row is None or now - row.at > _ANEW_AFTER)
            if row is None or young or row.rule != VERSION or end in touched or row.calls != self._calls(end):
                yield end
            end -= timedelta(days=1)

    def _touched(self, session: Session, counted: dict[date, DayRow], first: date) -> set[date]:
        """Days from the first on whose hand-offs had events since they were counted."""
        since = [row.at for day, row in counted.items() if day >= first]
        if not since:
            return set()
        oldest = min(since)
        chosen = (
            select(CallRow.started, func.max(HandOffEventRow.received_at))
            .join(HandOffEventRow, HandOffEventRow.ref == CallRow.handoff_ref)
            .where(HandOffEventRow.received_at >= oldest)
            .group_by(CallRow.started)
        )
        found = set()
        for started, received in session.execute(chosen):
            day = self._day(started)
            if day >= first and day in counted and received >= counted[day].at:
                found.add(day)
        return found

    def _calls(self, day: date) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(CallRow).where(*self._within(day))) or 0

    def _count(self, day: date, now: datetime) -> None:
        outcomes, later = Outcomes(self.engine), self._later_calls(day)
        counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        chosen: Select[Any] = select(*COLUMNS, CallRow.number_hash).where(*self._within(day))
        with self.engine.connect() as connection:
            rows: Sequence[Row[Any]] = connection.execute(chosen).all()
        told = outcomes.of([row.handoff_ref for row in rows if row.handoff_ref])
        for row in rows:
            call = summary_of(row)
            again = {name: _again(later.get(row.number_hash), call.started, within) for name, within in _REPEATS.items()}
            key = (call.line, call.language, call.segment, call.channel, call.release, call.intent or "")
            outcome = told.get(call.handoff_ref or "")
            counts[key] += counts_of(call, outcome=outcome, repeats=again, routes=self.routes)
        names = ("line", "language", "segment", "channel", "release", "matter")
        written = [{"day": day, **dict(zip(names, key, strict=True)), "counts": dict(each)} for key, each in counts.items()]
        with self.engine.begin() as connection:
            connection.execute(delete(CallDayRow).where(CallDayRow.day == day))
            connection.execute(delete(DayRow).where(DayRow.day == day))
            if written:
                connection.execute(insert(CallDayRow), written)
            connection.execute(insert(DayRow), {"day": day, "at": now, "calls": len(rows), "rule": VERSION})

    def _later_calls(self, day: date) -> dict[str | None, list[datetime]]:
        """When each known caller called on this day and within the seven days behind it."""
        begin, _ = self._bounds(day)
        chosen = select(CallRow.number_hash, CallRow.started).where(
            CallRow.started >= begin, CallRow.started < begin + timedelta(days=9), CallRow.number_hash.is_not(None)
        )
        found: dict[str | None, list[datetime]] = defaultdict(list)
        with self.engine.connect() as connection:
            for number_hash, started in connection.execute(chosen.order_by(CallRow.started)):
                found[number_hash].append(started)
        return found

    def _within(self, day: date) -> tuple[ColumnElement[bool], ...]:
        begin, end = self._bounds(day)
        return CallRow.started >= begin, CallRow.started < end

    def _bounds(self, day: date) -> tuple[datetime, datetime]:
        return bounds(day, day, self.zone)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()


def _again(times: list[datetime] | None, started: datetime, within: timedelta) -> bool | None:
    if times is None:
        return None
    following = bisect_right(times, started)
    return following < len(times) and times[following] - started <= within
