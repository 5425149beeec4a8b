"""Which lines wait for whom, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    SelectBase,
    String,
    Subquery,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import aliased

from nlu.types import OUT_OF_SCOPE
from voicebot.records.among import among
from voicebot.records.models import CallRow, ShadowRow, UtcTime, UtteranceRow
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


NEWEST = 300
"""The queues that mend look at so many of the newest lines (or calls, or transfers) of their kind, however many there are; of
what a study found, at the surest.
"""
_LINE = (LabelRow.call_id == UtteranceRow.call_id, LabelRow.position == UtteranceRow.position)
_SAMPLE = (SampleRow.call_id == UtteranceRow.call_id, SampleRow.position == UtteranceRow.position)
_LOOKED_AT = ("call_id", "position", "text", "folded", "language", "confidence")
"""What is read of a line of the queues that mend, and `came` (see `_read`)."""
_WHO, _NOW = bindparam("who", type_=String()), bindparam("now", type_=UtcTime())
_HELD: BindParameter[Any] = bindparam("held", expanding=True)
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


@cache
def waiting(queue: Queue) -> Select[Any]:
    """Where the lines of a queue stand, in its order, for the person `who` at the time `now`. Parameters of the statement, also
    `held`, the places of the lines that others have before them (see `held_by_others`), and of `PASSED_ON` `refs`, the hand-offs
    that may have gone wrong.

    Rows of `call_id`, `position`, `hits`, `sampled`, `was` and `found` (see `ReviewLine`), one for each line, but of the queues
    that mend only one for the same words; and in each `waiting`, how many they are. What others have before them is left out.
    What was said is not read: of hundreds that wait one is shown (`what_was_said`).
    """
    some = _looked_at(queue)
    rows = _lines(queue) if some is None else _grouped(some.subquery(), least_sure_first=queue is Queue.DOUBTFUL)
    return rows.add_columns(func.count().over().label("waiting"))


@cache
def count(queue: Queue) -> Select[int]:
    """How many lines `waiting` has, with the same parameters; in half the time."""
    some = _looked_at(queue)
    if some is None:
        return select(func.count()).select_from(_lines(queue).order_by(None).subquery())
    lines = some.subquery()
    words = (
        select(lines.c.folded).where(_open(lines)).group_by(*_same_words(lines)).having(func.max(_before_others(lines.c)) == 0)
    )
    return select(func.count()).select_from(words.subquery())


def _looked_at(queue: Queue) -> SelectBase | None:
    """Of a queue that mends, the lines that are looked at (`_LOOKED_AT`); None of the others."""
    match queue:
        case Queue.PASSED_ON:
            return _in_calls(among(CallRow.handoff_ref, "refs"))
        case Queue.DOUBTFUL:
            return union_all(_decided("confirm"), _decided("choose"))
        case Queue.HUMAN:
            return _in_calls(CallRow.asked_human == "before")
        case Queue.NOTHING_FITTED:
            return _decided("reject")
        case Queue.SHADOW:
            return _shadow()
        case _:
            return None


def _lines(queue: Queue) -> Select[Any]:
    """Of the other queues: each line."""
    match queue:
        case Queue.SAMPLE:
            return _sample()
        case Queue.DISAGREE:
            return _disagree()
        case _:
            return _found(queue)


def people_wanted(queue: Queue, *, twice: bool, labels: int) -> int:
    """How many people may have a line before them at once."""
    return 2 - labels if queue is Queue.SAMPLE and twice else 1


def waits(*, beside: ColumnElement[int] | None = None) -> ColumnElement[bool]:
    """Whether somebody is still to label a line of the sample; `beside`: so many people have it before them."""
    label = aliased(LabelRow)
    own = (label.call_id == SampleRow.call_id, label.position == SampleRow.position)
    labelled = select(func.count()).select_from(label).where(*own).correlate(SampleRow).scalar_subquery()
    taken = labelled if beside is None else labelled + beside
    return or_(taken < 1, and_(SampleRow.twice.is_(True), taken < 2))


def what_was_said(call_id: str, position: int) -> Select[Any]:
    """The line that stands there: what `ReviewLine` tells of it and of its call."""
    own = (UtteranceRow.call_id == call_id, UtteranceRow.position == position)
    return select(*_WORDS_COLUMNS).join(CallRow, CallRow.call_id == UtteranceRow.call_id).where(*own)


def _places(of: Any, *, hits: Any = 1, sampled: Any = False, was: Any = "", found: Any = "") -> Select[Any]:
    """The columns of `waiting` out of a table, or subquery, with the ids and positions of lines."""
    told = {"hits": hits, "sampled": sampled, "was": was, "found": found}
    more = [(literal(each) if isinstance(each, int | str) else each).label(name) for name, each in told.items()]
    return select(of.call_id, of.position, *more)


def held_by_others(who: str, now: datetime) -> Select[Any, Any]:
    """The places of the lines that others have before them: few, as many as there are people at work."""
    return select(LeaseRow.call_id, LeaseRow.position).where(LeaseRow.who != who, LeaseRow.until > now)


def _before_others(line: Any) -> ColumnElement[int]:
    """1 for a line that somebody else has before them. Of hundreds of lines: so it is not looked up for each."""
    return case((tuple_(line.call_id, line.position).in_(_HELD), 1), else_=0)


def _settled(line: Any, *more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a line needs no look: its words have a label (with these conditions), or it is of the sample. One condition with
    "or", so that PostgreSQL looks each line up: it would join the tables, whose size it guesses by far too small.
    """
    own = (LabelRow.call_id == line.call_id, LabelRow.position == line.position)
    words = (LabelRow.folded == line.folded, LabelRow.language == line.language, LabelRow.folded != "")
    drawn = (SampleRow.call_id == line.call_id, SampleRow.position == line.position)
    return or_(exists().where(*own, *more), exists().where(*words, *more), exists().where(*drawn))


def _read(of: Any, came: Any) -> list[Any]:
    """The columns of `_LOOKED_AT`; `came` is what tells which of two lines is newer."""
    return [*(getattr(of, name) for name in _LOOKED_AT), came.label("came")]


def _decided(decision: str) -> Select[Any]:
    """The newest lines that were so decided: ids of calls begin with their time, so an index has them in order."""
    lines = select(*_read(UtteranceRow, UtteranceRow.call_id)).where(UtteranceRow.decision == decision)
    return select(lines.order_by(UtteranceRow.call_id.desc(), UtteranceRow.position.desc()).limit(NEWEST).subquery())


def _in_calls(chosen: ColumnElement[bool]) -> Select[Any]:
    """All lines of the newest calls that are so."""
    calls = select(CallRow.call_id, CallRow.started).where(chosen)
    newest = calls.order_by(CallRow.started.desc()).limit(NEWEST).subquery()
    return select(*_read(UtteranceRow, newest.c.started)).join(newest, newest.c.call_id == UtteranceRow.call_id)


def _sample() -> Select[Any]:
    """One person for each line, two for those that are labelled twice. Lines of calls that were deleted are none any more."""
    mine = exists().where(LabelRow.call_id == SampleRow.call_id, LabelRow.position == SampleRow.position, LabelRow.who == _WHO)
    place = (LeaseRow.call_id, LeaseRow.position)
    others = select(*place, func.count().label("people")).where(LeaseRow.who != _WHO, LeaseRow.until > _NOW)
    before = others.group_by(*place).subquery()  # once for all lines: how many others have one before them
    there = _places(SampleRow, sampled=True).join(UtteranceRow, and_(*_SAMPLE))
    there = there.outerjoin(before, and_(before.c.call_id == SampleRow.call_id, before.c.position == SampleRow.position))
    return there.where(waits(beside=func.coalesce(before.c.people, 0)), ~mine).order_by(SampleRow.day, SampleRow.place)


def _disagree() -> Select[Any]:
    """Two labels that differ: a third decides."""
    line = (LabelRow.call_id, LabelRow.position)
    two = (func.count() == 2, func.min(LabelRow.label) != func.max(LabelRow.label))
    differ = select(*line).group_by(*line).having(and_(*two)).subquery()
    own = and_(differ.c.call_id == UtteranceRow.call_id, differ.c.position == UtteranceRow.position)
    mine = exists().where(*_LINE, LabelRow.who == _WHO)
    there = _places(UtteranceRow, sampled=exists().where(*_SAMPLE)).join(differ, own)
    there = there.join(CallRow, CallRow.call_id == UtteranceRow.call_id).where(~mine, _before_others(UtteranceRow) == 0)
    return there.order_by(CallRow.started.desc(), UtteranceRow.call_id, UtteranceRow.position)


def _found(queue: Queue) -> Select[Any]:
    """What a study found; a label that comes after it settles it. The sample is in none: to look again only where the model
    differs would make it look better than it is.
    """
    own = (FindingRow.call_id == UtteranceRow.call_id, FindingRow.position == UtteranceRow.position)
    there = _places(UtteranceRow, hits=FindingRow.hits, was=FindingRow.was, found=FindingRow.found).join(FindingRow, and_(*own))
    settled = _settled(UtteranceRow, LabelRow.at >= FindingRow.at)
    there = there.where(FindingRow.kind == queue.value, ~settled, _before_others(UtteranceRow) == 0)
    return there.order_by(FindingRow.sure.desc(), UtteranceRow.call_id, UtteranceRow.position)


def taken_as(decided: Any, decision: Any) -> ColumnElement[str]:
    """See `voicebot.review.measures.taken_as`."""
    return case((decision == "reject", OUT_OF_SCOPE), else_=func.coalesce(decided, OUT_OF_SCOPE))


def _shadow() -> Select[Any]:
    """Nobody is told who of the two decided how: the labels judge between them. Found from the shadow's side, which is small."""
    last = select(ShadowRow.release).order_by(ShadowRow.at.desc()).limit(1).scalar_subquery()
    served = aliased(UtteranceRow)
    own = and_(served.call_id == ShadowRow.call_id, served.position == ShadowRow.position)
    otherwise = taken_as(ShadowRow.intent, ShadowRow.decision) != taken_as(served.intent, served.decision)
    differ = select(*_read(served, ShadowRow.at)).join(ShadowRow, own).where(ShadowRow.release == last, otherwise)
    return differ.order_by(ShadowRow.at.desc()).limit(NEWEST)


def _grouped(lines: Subquery, *, least_sure_first: bool) -> Select[Any]:
    """The same words once, the first of them in the queue's order: the newest, or the least sure."""

    def order(of: Any) -> tuple[Any, ...]:
        newest = (of.came.desc(), of.call_id, of.position)
        return (of.confidence, *newest) if least_sure_first else newest

    same = _same_words(lines)
    each = select(
        *(lines.c[name] for name in ("call_id", "position", "confidence", "came")),
        func.count().over(partition_by=same).label("hits"),
        func.max(_before_others(lines.c)).over(partition_by=same).label("held"),
        func.row_number().over(partition_by=same, order_by=order(lines.c)).label("nth"),
    )
    first = each.where(_open(lines)).subquery().c
    return _places(first, hits=first.hits).where(first.nth == 1, first.held == 0).order_by(*order(first))


def _same_words(lines: Subquery) -> tuple[Any, ...]:
    return (lines.c.folded, lines.c.language)


def _open(lines: Subquery) -> ColumnElement[bool]:
    """Whether a line is still to be looked at: one label is enough for all of the same words."""
    return and_(lines.c.text != "", ~_settled(lines.c))
