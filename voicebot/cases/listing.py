"""Cases by conditions, page by page: what is to do by when it is due, what is done by when that was, the latest first. Blocks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, and_, not_, or_, select
from sqlalchemy.orm import Session

from voicebot.cases.case import Case, Status
from voicebot.cases.models import CaseRow
from voicebot.cases.store import case_of
from voicebot.records import schema
from voicebot.records.paging import place_behind, place_in


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Conditions that a case must meet, all of them; None asks nothing."""

    done: bool
    """Or to do."""
    queues: Collection[str] | None = None
    """One of these, or one that the bank has no more (`known`)."""
    known: Collection[str] = ()
    queue: str | None = None
    owner: str | None = None
    since: datetime | None = None
    """Done, or due, then or later."""
    until: datetime | None = None
    """Done, or due, before."""


@dataclass(frozen=True, slots=True)
class CasePage:
    """Some cases, and where the next ones begin: "" behind the last page."""

    cases: Sequence[Case]
    following: str = ""


def page(engine: Engine, chosen: CaseFilter, *, after: str = "", size: int = 50) -> CasePage:
    """Cases behind `after` (a page's `following`; one that is none counts as the beginning). Raises what SQLAlchemy raises."""
    schema.ready(engine)
    at = CaseRow.closed_at if chosen.done else CaseRow.due_at
    query = select(CaseRow).where(*_conditions(chosen))
    place = place_in(after)
    if place is not None:  # the first condition can use the index
        moment, ref = place
        far = at <= moment if chosen.done else at >= moment
        near = CaseRow.ref >= ref if chosen.done else CaseRow.ref <= ref
        query = query.where(far, not_(and_(at == moment, near)))
    order = (at.desc(), CaseRow.ref.desc()) if chosen.done else (at, CaseRow.ref)
    with Session(engine) as session:
        found = [case_of(row) for row in session.scalars(query.order_by(*order).limit(size + 1))]
    if len(found) <= size:
        return CasePage(found)
    last = found[size - 1]
    moment = last.closed_at if chosen.done and last.closed_at is not None else last.due_at
    return CasePage(found[:size], place_behind(moment, last.ref))


def _conditions(chosen: CaseFilter) -> list[ColumnElement[bool]]:
    at = CaseRow.closed_at if chosen.done else CaseRow.due_at
    status = [Status.DONE] if chosen.done else [Status.OPEN, Status.TAKEN]
    found: list[ColumnElement[bool]] = [CaseRow.status.in_([each.value for each in status])]
    if chosen.queues is not None:
        found.append(or_(CaseRow.queue.in_(list(chosen.queues)), CaseRow.queue.not_in(list(chosen.known))))
    if chosen.queue is not None:
        found.append(CaseRow.queue == chosen.queue)
    if chosen.owner is not None:
        found.append(CaseRow.owner == chosen.owner)
    if chosen.since is not None:
        found.append(at >= chosen.since)
    if chosen.until is not None:
        found.append(at < chosen.until)
    return found
