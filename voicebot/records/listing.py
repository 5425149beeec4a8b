"""Which calls a list shows, and how they are read: page by page, so that a million need no more memory than a thousand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, Select, and_, not_, select

from voicebot.records.models import CallRow
from voicebot.records.summary import CallSummary

_PAGE = 1000

_COLUMNS = [getattr(CallRow, field.name) for field in fields(CallSummary)]


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


def listed(engine: Engine, chosen: CallFilter, *, page: int = _PAGE) -> Iterator[CallSummary]:
    """The calls, latest first. Between pages no transaction is open: a reader who takes an hour keeps nobody waiting.

    Raises what SQLAlchemy raises.
    """
    query = _query(chosen).limit(page)
    last: CallSummary | None = None
    while True:
        following = query if last is None else query.where(*_behind(last))
        with engine.connect() as connection:
            rows = connection.execute(following).all()
        for row in rows:
            values = dict(row._mapping)
            last = CallSummary(**values | {"response_ms": tuple(values["response_ms"])})
            yield last
        if len(rows) < page:
            return


def _query(chosen: CallFilter) -> Select[tuple[object, ...]]:
    query = select(*_COLUMNS).order_by(CallRow.started.desc(), CallRow.call_id.desc())
    for column, wanted in (
        (CallRow.line, chosen.line),
        (CallRow.queue, chosen.queue),
        (CallRow.intent, chosen.matter),
        (CallRow.outcome, chosen.outcome),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if chosen.since is not None:
        query = query.where(CallRow.started >= chosen.since)
    if chosen.until is not None:
        query = query.where(CallRow.started < chosen.until)
    return query


def _behind(last: CallSummary) -> tuple[ColumnElement[bool], ...]:
    """Conditions of the calls that follow in the list; the first of them can use the index."""
    return (
        CallRow.started <= last.started,
        not_(and_(CallRow.started == last.started, CallRow.call_id >= last.call_id)),
    )
