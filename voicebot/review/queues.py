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
_WORDS_COLUMNS: tuple[Any, ...] = (
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
    """Where the lines of a queue for this person stand, in its order: rows of `call_id`, `position`, `hits`, `sampled`, `was` and
    `found` (see `ReviewLine`), one for each line, but of the queues that mend only one for the same words. A line that others
    have before them is left out. What was said is not read: of hundreds that wait one is shown (`what_was_said`).
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


def what_was_said(call_id: str, position: int) -> Select[Any]:
    """The line that stands there: what `ReviewLine` tells of it and of its call."""
    own = (UtteranceRow.call_id == call_id, UtteranceRow.position == position)
    return select(*_WORDS_COLUMNS).join(CallRow, CallRow.call_id == UtteranceRow.call_id).where(*own)


def _places(of: Any, *, hits: Any = 1, sampled: Any = False, was: Any = "", found: Any = "") -> Select[Any]:
    """The columns of `waiting` out of a table, or subquery, with the ids and positions of lines."""
    told = {"hits": hits, "sampled": sampled, "was": was, "found": found}
    more = [(literal(each) if isinstance(each, int | str) else each).label(name) for name, each in told.items()]
    return select(of.call_id, of.position, *more)


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
    """One person for each line, two for those that are labelled twice. Lines of calls that were deleted are none any more."""
    line = (LabelRow.call_id == SampleRow.call_id, LabelRow.position == SampleRow.position)
    labelled = select(func.count()).select_from(LabelRow).where(*line).correlate(SampleRow).scalar_subquery()
    busy = labelled + _leased(SampleRow.call_id, SampleRow.position, who, now)
    open_ = or_(busy < 1, and_(SampleRow.twice.is_(True), busy < 2))
    mine = exists().where(*line, LabelRow.who == who)
    there = _places(SampleRow, sampled=True).join(UtteranceRow, and_(*_SAMPLE))
    return there.where(~mine, open_).order_by(SampleRow.day, SampleRow.place)


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
    there = _places(UtteranceRow, sampled=exists().where(*_SAMPLE)).join(differ, own)
    there = there.join(CallRow, CallRow.call_id == UtteranceRow.call_id)
    return there.where(~_mine(who), free).order_by(*_NEWEST)


def _found(queue: Queue, who: str, now: datetime) -> Select[Any]:
    """What a study found; a label that comes after it settles it. The sample is in none: to look again only where the model
    differs would make it look better than it is.
    """
    own = (FindingRow.call_id == UtteranceRow.call_id, FindingRow.position == UtteranceRow.position)
    words = and_(LabelRow.folded == UtteranceRow.folded, LabelRow.language == UtteranceRow.language, LabelRow.folded != "")
    settled = exists().where(or_(and_(*_LINE), words), LabelRow.at >= FindingRow.at)
    free = _leased(UtteranceRow.call_id, UtteranceRow.position, who, now) < 1
    there = _places(UtteranceRow, hits=FindingRow.hits, was=FindingRow.was, found=FindingRow.found).join(FindingRow, and_(*own))
    return there.where(FindingRow.kind == queue.value, ~settled, ~exists().where(*_SAMPLE), free).order_by(
        FindingRow.sure.desc(), UtteranceRow.call_id, UtteranceRow.position
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
    each = select(
        UtteranceRow.call_id,
        UtteranceRow.position,
        UtteranceRow.confidence,
        CallRow.started,
        func.count().over(partition_by=_SAME_WORDS).label("hits"),
        func.row_number().over(partition_by=_SAME_WORDS, order_by=within).label("nth"),
    )
    each = each.join(looked_at, own).join(CallRow, CallRow.call_id == UtteranceRow.call_id)
    all_ = each.where(UtteranceRow.text != "", ~labelled, ~exists().where(*_SAMPLE)).subquery().c
    first = _places(all_, hits=all_.hits).where(all_.nth == 1, _leased(all_.call_id, all_.position, who, now) < 1)
    newest = (all_.started.desc(), all_.call_id, all_.position)
    return first.order_by(all_.confidence, *newest) if least_sure_first else first.order_by(*newest)
