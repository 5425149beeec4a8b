"""Which lines wait for whom, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, case, exists, func, literal, or_, select, union_all
from sqlalchemy.orm import aliased

from nlu.types import OUT_OF_SCOPE
from voicebot.outcomes.models import HandOffEventRow
from voicebot.records.models import CallRow, ShadowRow, UtteranceRow
from voicebot.review.models import FindingRow, LabelRow, LeaseRow, SampleRow


class Queue(StrEnum):
    """Why a line is to be looked at. Only the sample measures; the others are for mending."""

    SAMPLE = "sample"
    PASSED_ON = "passed_on"
    DOUBTFUL = "doubtful"
    HUMAN = "human"
    NOTHING_FITTED = "nothing_fitted"
    DISAGREE = "disagree"
    NEW_MODEL = "new_model"
    """What the model of the draft decides otherwise."""
    SHADOW = "shadow"
    """What the release that was in the shadow last takes for another matter."""
    DOUBTED = "doubted"
    """Labels that the model in force contradicts."""


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """One line, with what is known of it."""

    call_id: str
    position: int
    text: str
    language: str
    started: datetime
    intent: str | None
    confidence: float | None
    decision: str | None
    recogniser_confidence: float
    handoff_ref: str | None
    queue: str | None
    """The queue that the call went to."""
    hits: int = 1
    """How many lines of this queue are the same words."""
    recording: str | None = None
    """The file of the call's sound, if there is one."""
    was: str = ""
    """In the queues of a study: what is decided today, or the label that is doubted."""
    found: str = ""
    """What the model makes of it."""
    t: float = 0.0
    """When it was said, in seconds since the call began."""
    sampled: bool = False
    """Of the sample: it cannot be taught."""
    blind: bool = False
    """What was made of it is hidden: a line that measures, as those of the sample and of the shadow do."""
    understanding: Mapping[str, Any] = field(default_factory=dict)
    """All that the journal says of what was understood."""

    @property
    def ranking(self) -> tuple[tuple[str, float], ...]:
        """The model's best matters."""
        return tuple((each["intent"], each["confidence"]) for each in (self.understanding.get("ranking") or ())[:5])


NEWEST = 500
"""The queues that mend look at so many of the newest lines (or calls, or transfers) of their kind, however many there are."""
_LINE = (LabelRow.call_id == UtteranceRow.call_id, LabelRow.position == UtteranceRow.position)
_SAMPLE = (SampleRow.call_id == UtteranceRow.call_id, SampleRow.position == UtteranceRow.position)
_SAME_WORDS = (UtteranceRow.folded, UtteranceRow.language)
_NEWEST = (CallRow.started.desc(), UtteranceRow.call_id, UtteranceRow.position)
_COLUMNS: tuple[Any, ...] = (
    UtteranceRow.call_id,
    UtteranceRow.position,
    UtteranceRow.text,
    UtteranceRow.language,
    UtteranceRow.intent,
    UtteranceRow.confidence,
    UtteranceRow.decision,
    UtteranceRow.recogniser_confidence,
    CallRow.started,
    CallRow.handoff_ref,
    CallRow.queue,
    CallRow.recording,
)


def waiting(queue: Queue, who: str, now: datetime) -> Select[Any]:
    """The lines of a queue for this person, in its order: a row for each, but of the queues that mend only one for the same
    words, with `hits`. A line that others have before them is left out.
    """
    match queue:
        case Queue.SAMPLE:
            return _sample(who, now)
        case Queue.PASSED_ON:
            refs = select(HandOffEventRow.ref).where(HandOffEventRow.what == "passed_on").order_by(HandOffEventRow.at.desc())
            calls = select(CallRow.call_id).where(CallRow.handoff_ref.in_(refs.limit(NEWEST)))
            return _grouped(_of_calls(calls), who, now)
        case Queue.DOUBTFUL:
            return _grouped(union_all(_decided("confirm"), _decided("choose")), who, now, least_sure_first=True)
        case Queue.HUMAN:
            calls = select(CallRow.call_id).where(CallRow.asked_human == "before")
            return _grouped(_of_calls(calls.order_by(CallRow.started.desc()).limit(NEWEST)), who, now)
        case Queue.NOTHING_FITTED:
            return _grouped(_decided("reject"), who, now)
        case Queue.DISAGREE:
            return _disagree(who, now)
        case Queue.SHADOW:
            return _shadow(who, now)
        case Queue.NEW_MODEL | Queue.DOUBTED:
            return _found(queue, who, now)


def people_wanted(queue: Queue, *, twice: bool, labels: int) -> int:
    """How many people may have a line before them at once."""
    return 2 - labels if queue is Queue.SAMPLE and twice else 1


def _said(*more: Any) -> Select[Any]:
    return select(*_COLUMNS, *more).join(CallRow, CallRow.call_id == UtteranceRow.call_id)


def _mine(who: str) -> ColumnElement[bool]:
    return exists().where(*_LINE, LabelRow.who == who)


def _leased(call_id: Any, position: Any, who: str, now: datetime) -> ColumnElement[int]:
    """How many others have it before them."""
    held = (LeaseRow.call_id == call_id, LeaseRow.position == position, LeaseRow.who != who, LeaseRow.until > now)
    return select(func.count()).select_from(LeaseRow).where(*held).scalar_subquery()


def _decided(decision: str) -> Select[str, int]:
    """The newest lines that were so decided: ids of calls begin with their time, so an index has them in order."""
    lines = select(UtteranceRow.call_id, UtteranceRow.position).where(UtteranceRow.decision == decision)
    newest = lines.order_by(UtteranceRow.call_id.desc(), UtteranceRow.position.desc()).limit(NEWEST).subquery()
    return select(newest.c.call_id, newest.c.position)


def _of_calls(calls: Select[Any]) -> Select[str, int]:
    """All lines of some calls."""
    chosen = calls.subquery()
    return select(UtteranceRow.call_id, UtteranceRow.position).join(chosen, chosen.c.call_id == UtteranceRow.call_id)


def _sample(who: str, now: datetime) -> Select[Any]:
    """One person for each line, two for those that are labelled twice."""
    labelled = select(func.count()).select_from(LabelRow).where(*_LINE).correlate(UtteranceRow).scalar_subquery()
    busy = labelled + _leased(UtteranceRow.call_id, UtteranceRow.position, who, now)
    open_ = or_(busy < 1, and_(SampleRow.twice.is_(True), busy < 2))
    said = _said(literal(1).label("hits"), literal(True).label("sampled"))
    return said.join(SampleRow, and_(*_SAMPLE)).where(~_mine(who), open_).order_by(SampleRow.day, SampleRow.place)


def _disagree(who: str, now: datetime) -> Select[Any]:
    """Two labels that differ: a third decides."""
    differ = (
        select(LabelRow.call_id, LabelRow.position)
        .group_by(LabelRow.call_id, LabelRow.position)
        .having(and_(func.count() == 2, func.min(LabelRow.label) != func.max(LabelRow.label)))
        .subquery()
    )
    own = and_(differ.c.call_id == UtteranceRow.call_id, differ.c.position == UtteranceRow.position)
    free = _leased(UtteranceRow.call_id, UtteranceRow.position, who, now) < 1
    said = _said(literal(1).label("hits"), exists().where(*_SAMPLE).label("sampled"))
    return (
        said.join(differ, own)
        .where(~_mine(who), free)
        .order_by(CallRow.started.desc(), UtteranceRow.call_id, UtteranceRow.position)
    )


def _found(queue: Queue, who: str, now: datetime) -> Select[Any]:
    """What a study found; a label that comes after it settles it. The sample is in none: to look again only where the model
    differs would make it look better than it is.
    """
    own = (FindingRow.call_id == UtteranceRow.call_id, FindingRow.position == UtteranceRow.position)
    words = and_(LabelRow.folded == UtteranceRow.folded, LabelRow.language == UtteranceRow.language, LabelRow.folded != "")
    settled = exists().where(or_(and_(*_LINE), words), LabelRow.at >= FindingRow.at)
    free = _leased(UtteranceRow.call_id, UtteranceRow.position, who, now) < 1
    said = _said(FindingRow.hits, literal(False).label("sampled"), FindingRow.was, FindingRow.found)
    return (
        said.join(FindingRow, and_(*own))
        .where(FindingRow.kind == queue.value, ~settled, ~exists().where(*_SAMPLE), free)
        .order_by(FindingRow.sure.desc(), UtteranceRow.call_id, UtteranceRow.position)
    )


def taken_as(decided: Any, decision: Any) -> ColumnElement[str]:
    """See `voicebot.review.measures.taken_as`."""
    return case((decision == "reject", OUT_OF_SCOPE), else_=func.coalesce(decided, OUT_OF_SCOPE))


def _shadow(who: str, now: datetime) -> Select[Any]:
    """Nobody is told who of the two decided how: the labels judge between them. Found from the shadow's side, which is small."""
    last = select(ShadowRow.release).order_by(ShadowRow.at.desc()).limit(1).scalar_subquery()
    served = aliased(UtteranceRow)
    own = and_(served.call_id == ShadowRow.call_id, served.position == ShadowRow.position)
    otherwise = taken_as(ShadowRow.intent, ShadowRow.decision) != taken_as(served.intent, served.decision)
    differ = select(ShadowRow.call_id, ShadowRow.position).join(served, own).where(ShadowRow.release == last, otherwise)
    return _grouped(differ.order_by(ShadowRow.at.desc()).limit(NEWEST), who, now)


def _grouped(
    lines: Select[str, int] | CompoundSelect[str, int], who: str, now: datetime, *, least_sure_first: bool = False
) -> Select[Any]:
    """Of these lines the same words once, the first of them in the queue's order. One label is enough for all of them."""
    words = (LabelRow.folded == UtteranceRow.folded, LabelRow.language == UtteranceRow.language, LabelRow.folded != "")
    labelled = or_(exists().where(*_LINE), exists().where(*words))
    within = (UtteranceRow.confidence, *_NEWEST) if least_sure_first else _NEWEST
    looked_at = lines.subquery()
    own = and_(looked_at.c.call_id == UtteranceRow.call_id, looked_at.c.position == UtteranceRow.position)
    each = _said(
        func.count().over(partition_by=_SAME_WORDS).label("hits"),
        func.row_number().over(partition_by=_SAME_WORDS, order_by=within).label("nth"),
        literal(False).label("sampled"),
    )
    each = each.join(looked_at, own).where(UtteranceRow.text != "", ~labelled, ~exists().where(*_SAMPLE))
    all_ = each.subquery()
    found = all_.c
    first = select(all_).where(found.nth == 1, _leased(found.call_id, found.position, who, now) < 1)
    newest = (found.started.desc(), found.call_id, found.position)
    return first.order_by(found.confidence, *newest) if least_sure_first else first.order_by(*newest)
