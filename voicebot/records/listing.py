"""Which calls a list shows, and how they are read: page by page, so that a million need no more memory than a thousand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, and_, not_, select

from voicebot.records.models import CallRow
from voicebot.records.summary import CallSummary

_PAGE = 1000

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
    query = filtered(select(*COLUMNS), chosen).order_by(CallRow.started.desc(), CallRow.call_id.desc()).limit(page)
    last: CallSummary | None = None
    while True:
        following = query if last is None else query.where(*behind(last.started, last.call_id))
        with engine.connect() as connection:
            rows = connection.execute(following).all()
        for row in rows:
            last = summary_of(row)
            yield last
        if len(rows) < page:
            return


def summary_of(row: Row[Any]) -> CallSummary:
    """The call of a row with `COLUMNS`."""
    values = {name: row._mapping[name] for name in CallSummary.__dataclass_fields__}
    return CallSummary(**values | {"response_ms": tuple(values["response_ms"])})


def filtered(query: Select[Any], chosen: CallFilter) -> Select[Any]:
    """The query with the conditions."""
    for column, wanted in (
        (CallRow.line, chosen.line),
        (CallRow.queue, chosen.queue),
        (CallRow.intent, chosen.matter),
        (CallRow.outcome, chosen.outcome),
        (CallRow.language, chosen.language),
        (CallRow.segment, chosen.segment),
        (CallRow.channel, chosen.channel),
        (CallRow.decision, chosen.decision),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if chosen.since is not None:
        query = query.where(CallRow.started >= chosen.since)
    if chosen.until is not None:
        query = query.where(CallRow.started < chosen.until)
    if chosen.digits is not None:
        query = query.where(CallRow.number.endswith(chosen.digits, autoescape=True))
    return query


def behind(started: datetime, call_id: str) -> tuple[ColumnElement[bool], ...]:
    """Conditions of the calls that follow this one in the list; the first of them can use the index."""
    return CallRow.started <= started, not_(and_(CallRow.started == started, CallRow.call_id >= call_id))
