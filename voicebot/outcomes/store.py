"""Events and verdicts in SQL. Blocks: for a thread. Methods raise what SQLAlchemy raises."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, insert, select, tuple_
from sqlalchemy.orm import Session

from voicebot.outcomes.events import Event, How, Outcome, What, outcome_of
from voicebot.outcomes.models import HandOffEventRow, VerdictRow
from voicebot.records import schema
from voicebot.records.among import among
from voicebot.records.database_time import DatabaseTime

_AT_ONCE = 500
_WHATS = {what.value: what for what in What}
_HOWS: dict[str | None, How | None] = {None: None} | {how.value: how for how in How}
_COLUMNS = [getattr(HandOffEventRow, field.name) for field in fields(Event)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """An agent's word."""

    ref: str
    agent: str
    at: datetime
    right: bool
    intent: str | None
    """What it was about, where it was not right."""


class Outcomes:
    """What became of hand-offs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._time = DatabaseTime(engine)

    def add(self, events: Sequence[Event], received_at: datetime) -> int:
        """Keep events; those that are kept already change nothing. How many were new."""
        schema.ready(self._engine)
        received_at = self._time.at(received_at)
        new = {(each.ref, each.what.value, each.at): each for each in events}
        added = 0
        keys = list(new)
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            with self._engine.begin() as connection:
                key = (HandOffEventRow.ref, HandOffEventRow.what, HandOffEventRow.at)
                there = {tuple(row) for row in connection.execute(select(*key).where(tuple_(*key).in_(some)))}
                rows = [_row(new[each], received_at) for each in some if each not in there]
                if rows:
                    connection.execute(insert(HandOffEventRow), rows)
                added += len(rows)
        return added

    def of(self, refs: Collection[str]) -> dict[str, Outcome]:
        """The outcomes of these hand-offs, as far as anything is known of them."""
        schema.ready(self._engine)
        told: dict[str, list[Event]] = defaultdict(list)
        chosen = select(*_COLUMNS).where(among(HandOffEventRow.ref, refs))
        with self._engine.connect() as connection:  # no objects: a day has tens of thousands
            for row in connection.execute(chosen):
                told[row.ref].append(_event(*row))
        return {ref: outcome_of(ref, events) for ref, events in told.items()}

    def events(self, ref: str) -> list[Event]:
        """All events of one hand-off, in order."""
        schema.ready(self._engine)
        chosen = select(*_COLUMNS).where(HandOffEventRow.ref == ref).order_by(HandOffEventRow.at)
        with self._engine.connect() as connection:
            return [_event(*row) for row in connection.execute(chosen)]

    def judge(self, verdict: Verdict) -> None:
        """Keep an agent's word, in place of an earlier one of theirs."""
        schema.ready(self._engine)
        whose = (VerdictRow.ref == verdict.ref, VerdictRow.agent == verdict.agent)
        row = {
            "ref": verdict.ref,
            "agent": verdict.agent,
            "at": verdict.at,
            "right": verdict.right,
            "intent": verdict.intent,
        }
        with self._engine.begin() as connection:
            connection.execute(delete(VerdictRow).where(*whose))
            connection.execute(insert(VerdictRow), row)

    def verdicts(self, ref: str) -> list[Verdict]:
        """Of one hand-off, oldest first."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            rows = session.scalars(select(VerdictRow).where(VerdictRow.ref == ref).order_by(VerdictRow.at))
            return [Verdict(row.ref, row.agent, row.at, row.right, row.intent) for row in rows]


def _row(event: Event, received_at: datetime) -> dict[str, object]:
    return {
        "ref": event.ref,
        "what": event.what.value,
        "at": event.at,
        "queue": event.queue,
        "to_queue": event.to_queue,
        "how": event.how.value if event.how is not None else None,
        "talk_s": event.talk_s,
        "wrap_up": event.wrap_up,
        "agent": event.agent,
        "received_at": received_at,
    }


def _event(ref: str, what: str, at: datetime, queue: str | None, to_queue: str | None, how: str | None, *rest: Any) -> Event:
    """Of a row with `_COLUMNS`."""
    return Event(ref, _WHATS[what], at, queue, to_queue, _HOWS[how], *rest)
