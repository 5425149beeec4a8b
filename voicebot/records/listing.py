"""Which calls a list shows, and how they are read: page by page, so that a million need no more memory than a thousand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, String, and_, not_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from voicebot.records.models import CallRow
from voicebot.records.summary import CallSummary

_PAGE, _FIRST = 1000, 100
"""Calls that are read at once; at first fewer, so that whoever waits sees them soon."""

DIGITS = 3
"""That a number which is not kept whole ends with."""
COLUMNS = [getattr(CallRow, field.name) for field in fields(CallSummary)]


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Conditions that a call must meet, all of them; None asks nothing."""

    line: str | None = None
    since: datetime | None = None
    """Started then or later."""
    until: datetime | None = None
    """Started before."""
    queue: str | None = None
    matter: str | None = None
    """The intent."""
    outcome: str | None = None
    language: str | None = None
    segment: str | None = None
    channel: str | None = None
    """voice or chat."""
    decision: str | None = None
    digits: str | None = None
    """The last three of the caller's number."""


def listed(engine: Engine, chosen: CallFilter, *, page: int = _PAGE) -> Iterator[CallSummary]:
    """The calls, latest first. Between pages no transaction is open: a reader who takes an hour keeps nobody waiting.

    Raises what SQLAlchemy raises.
    """
    query = filtered(select(*COLUMNS), chosen).order_by(CallRow.started.desc(), CallRow.call_id.desc())
    last: CallSummary | None = None
    wanted = min(page, _FIRST)
    while True:
        following = query if last is None else query.where(*behind(last.started, last.call_id))
        with engine.connect() as connection:
            rows = connection.execute(following.limit(wanted)).all()
        for row in rows:
            last = summary_of(row)
            yield last
        if len(rows) < wanted:
            return
        wanted = page


def summary_of(row: Row[Any]) -> CallSummary:
    """The call of a row with `COLUMNS`."""
    told = row._mapping
    values = {name: told[name] for name in CallSummary.__dataclass_fields__}
    return CallSummary(**values | {"response_ms": tuple(values["response_ms"])})


def filtered(query: Select[Any], chosen: CallFilter) -> Select[Any]:
    """The query with the conditions."""
    quick, others = conditions(chosen)
    return query.where(*quick, *others)


def conditions(chosen: CallFilter) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]:
    """Conditions that one index answers together with the order of the list, and the others: each call is read for them."""
    times = [CallRow.started >= chosen.since] if chosen.since is not None else []
    times += [CallRow.started < chosen.until] if chosen.until is not None else []
    indexed = [
        condition
        for condition, wanted in (
            (last_digits(CallRow.number) == chosen.digits, chosen.digits is not None and len(chosen.digits) == DIGITS),
            (CallRow.intent == chosen.matter, chosen.matter is not None),
            (CallRow.queue == chosen.queue, chosen.queue is not None),
            (CallRow.outcome == chosen.outcome, chosen.outcome is not None),
        )
        if wanted
    ]
    others = [
        column == wanted
        for column, wanted in (
            (CallRow.line, chosen.line),
            (CallRow.language, chosen.language),
            (CallRow.segment, chosen.segment),
            (CallRow.channel, chosen.channel),
            (CallRow.decision, chosen.decision),
        )
        if wanted is not None
    ]
    if chosen.digits is not None and len(chosen.digits) != DIGITS:
        others.append(CallRow.number.endswith(chosen.digits, autoescape=True))
    return [*times, *indexed[:1]], [*indexed[1:], *others]


class last_digits(GenericFunction[str]):
    """The last three digits of a number, as the index `calls_by_digits` has them."""

    type = String()
    inherit_cache = True


@compiles(last_digits, "sqlite")
def _last_in_sqlite(element: last_digits, compiler: Any, **more: Any) -> str:
    return f"substr({compiler.process(element.clauses, **more)}, -{DIGITS})"


@compiles(last_digits)
def _last(element: last_digits, compiler: Any, **more: Any) -> str:
    return f"right({compiler.process(element.clauses, **more)}, {DIGITS})"


def behind(started: datetime, call_id: str) -> tuple[ColumnElement[bool], ...]:
    """Conditions of the calls that follow this one in the list; the first of them can use the index."""
    return CallRow.started <= started, not_(and_(CallRow.started == started, CallRow.call_id >= call_id))


def down_to(started: datetime, call_id: str) -> tuple[ColumnElement[bool], ...]:
    """Conditions of this call and of those before it in the list; the first of them can use the index."""
    return CallRow.started >= started, not_(and_(CallRow.started == started, CallRow.call_id < call_id))
