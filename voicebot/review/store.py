"""Lines to look at, by queue, and the labels that people give. Blocks: for a thread. Methods raise what SQLAlchemy raises."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, Select, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from voicebot.figures.days import bounds
from voicebot.figures.estimates import Estimate, Stratum, kappa, stratified
from voicebot.outcomes.models import HandOffEventRow
from voicebot.records import schema
from voicebot.records.models import CallRow, LineRow, UtteranceRow
from voicebot.review.models import LabelRow, SampleRow
from voicebot.review.sampling import stratum_of

OUT_OF_SCOPE, NOT_UNDERSTANDABLE = "out_of_scope", "not_understandable"
UNDO_LAST = 10


class Queue(StrEnum):
    """Why a line is to be looked at. Only the sample measures; the others are for mending."""

    SAMPLE = "sample"
    PASSED_ON = "passed_on"
    DOUBTFUL = "doubtful"
    HUMAN = "human"
    NOTHING_FITTED = "nothing_fitted"
    DISAGREE = "disagree"


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
    ranking: tuple[tuple[str, float], ...] = ()
    """The model's best matters; hidden in the sample."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label that was given."""

    seq: int
    call_id: str
    position: int
    text: str
    label: str
    queue: str
    at: datetime


class Review:
    """The queues and the labels."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------------ lines

    def waiting(self, queue: Queue, who: str, *, skipped: Sequence[tuple[str, int]] = (), limit: int = 1) -> list[ReviewLine]:
        """The next lines of a queue for this person, in its fixed order; what they put off comes last."""
        schema.ready(self._engine)
        put_off = set(skipped)
        with Session(self._engine) as session:
            rows = session.execute(self._query(queue, who).limit(limit + len(put_off))).all()
            ahead = [row for row in rows if (row.call_id, row.position) not in put_off]
            later = [row for row in rows if (row.call_id, row.position) in put_off]
            return [self._line(session, row, hidden=queue is Queue.SAMPLE) for row in [*ahead, *later][:limit]]

    def counts(self, who: str) -> dict[Queue, int]:
        """How many lines wait in each queue for this person."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            return {
                queue: session.scalar(select(func.count()).select_from(self._query(queue, who).order_by(None).subquery())) or 0
                for queue in Queue
            }

    def _query(self, queue: Queue, who: str) -> Select[Any]:
        said: Select[Any] = select(  # type: ignore[assignment]
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
        ).join(CallRow, CallRow.call_id == UtteranceRow.call_id)
        labelled = exists().where(LabelRow.call_id == UtteranceRow.call_id, LabelRow.position == UtteranceRow.position)
        mine = exists().where(
            LabelRow.call_id == UtteranceRow.call_id, LabelRow.position == UtteranceRow.position, LabelRow.who == who
        )
        sampled = exists().where(SampleRow.call_id == UtteranceRow.call_id, SampleRow.position == UtteranceRow.position)
        newest = (CallRow.started.desc(), UtteranceRow.call_id, UtteranceRow.position)
        spoken = UtteranceRow.text != ""
        match queue:
            case Queue.SAMPLE:
                own = and_(SampleRow.call_id == UtteranceRow.call_id, SampleRow.position == UtteranceRow.position)
                open_ = SampleRow.twice.is_(True) | ~labelled
                return said.join(SampleRow, own).where(~mine, open_).order_by(SampleRow.day, SampleRow.place)
            case Queue.PASSED_ON:
                passed = exists().where(HandOffEventRow.ref == CallRow.handoff_ref, HandOffEventRow.what == "passed_on")
                return said.where(passed, spoken, ~labelled, ~sampled).order_by(*newest)
            case Queue.DOUBTFUL:
                unsure = UtteranceRow.decision.in_(("confirm", "choose"))
                return said.where(unsure, spoken, ~labelled, ~sampled).order_by(UtteranceRow.confidence, *newest)
            case Queue.HUMAN:
                asked = CallRow.asked_human == "before"
                return said.where(asked, spoken, ~labelled, ~sampled).order_by(*newest)
            case Queue.NOTHING_FITTED:
                nothing = UtteranceRow.decision == "reject"
                return said.where(nothing, spoken, ~labelled, ~sampled).order_by(*newest)
            case Queue.DISAGREE:
                one, other = aliased(LabelRow), aliased(LabelRow)
                differ = exists().where(
                    *(each.call_id == UtteranceRow.call_id for each in (one, other)),
                    *(each.position == UtteranceRow.position for each in (one, other)),
                    one.label != other.label,
                    one.who != who,
                    other.who != who,
                )
                return said.where(differ, ~mine).order_by(*newest)

    def _line(self, session: Session, row: Any, *, hidden: bool) -> ReviewLine:
        ranking: tuple[tuple[str, float], ...] = ()
        if not hidden:
            line = session.get(LineRow, (row.call_id, row.position))
            understanding = (line.data.get("understanding") or {}) if line is not None else {}
            ranking = tuple((each["intent"], each["confidence"]) for each in (understanding.get("ranking") or [])[:5])
        return ReviewLine(
            row.call_id,
            row.position,
            row.text,
            row.language,
            row.started,
            None if hidden else row.intent,
            None if hidden else row.confidence,
            None if hidden else row.decision,
            row.recogniser_confidence,
            row.handoff_ref,
            row.queue,
            ranking,
        )

    # ------------------------------------------------------------------ labels

    def label(self, line: tuple[str, int], label: str, *, who: str, queue: Queue, at: datetime) -> Label | None:
        """Keep a label; None for a line that is gone. A person who labels a line again replaces their own."""
        with Session(self._engine) as session, session.begin():
            said = session.get(UtteranceRow, line)
            if said is None:
                return None
            sampled = session.get(SampleRow, line)
            for before in session.scalars(self._own(line, who)):
                session.delete(before)
            row = LabelRow(
                call_id=line[0],
                position=line[1],
                text=said.text,
                language=said.language,
                decided=said.intent,
                decision=said.decision,
                label=label,
                who=who,
                at=at,
                queue=queue.value,
                stratum=sampled.stratum if sampled is not None else "",
                probability=sampled.probability if sampled is not None else 0.0,
            )
            session.add(row)
            session.flush()
            return _label(row)

    def _own(self, line: tuple[str, int], who: str) -> Select[LabelRow]:
        return select(LabelRow).where(LabelRow.call_id == line[0], LabelRow.position == line[1], LabelRow.who == who)

    def latest(self, who: str) -> list[Label]:
        """A person's last labels, newest first: those that can be taken back."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            rows = session.scalars(select(LabelRow).where(LabelRow.who == who).order_by(LabelRow.seq.desc()).limit(UNDO_LAST))
            return [_label(row) for row in rows]

    def undo(self, who: str, seq: int) -> Label | None:
        """Take back one of a person's last labels; None when it is none of these."""
        with Session(self._engine) as session, session.begin():
            last = session.scalars(select(LabelRow).where(LabelRow.who == who).order_by(LabelRow.seq.desc()).limit(UNDO_LAST))
            row = next((each for each in last if each.seq == seq), None)
            if row is None:
                return None
            told = _label(row)
            session.delete(row)
            return told

    def may_teach(self, line: tuple[str, int]) -> bool:
        """Whether a line may become an example: one of the sample never, for it measures."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            return session.get(SampleRow, line) is None

    # ------------------------------------------------------------------ what the labels say

    def agreement(self, since: datetime) -> Estimate:
        """Cohen's kappa of lines that two people labelled."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            rows = session.execute(
                select(LabelRow.call_id, LabelRow.position, LabelRow.label).where(LabelRow.at >= since).order_by(LabelRow.seq)
            )
            by_line: dict[tuple[str, int], list[str]] = defaultdict(list)
            for call_id, position, label in rows:
                by_line[(call_id, position)].append(label)
        return kappa([(found[0], found[1]) for found in by_line.values() if len(found) > 1])

    def accuracy(self, first: date, last: date, zone: tzinfo) -> Estimate:
        """The share of lines that the model decided rightly, out of the labelled sample of these days of the bank's calendar,
        weighted by traffic.
        """
        begin, end = bounds(first, last, zone)
        schema.ready(self._engine)
        traffic: Counter[str] = Counter()
        judged: dict[str, list[bool]] = defaultdict(list)
        with Session(self._engine) as session:
            said = (
                select(UtteranceRow.decision, func.count())
                .join(CallRow, CallRow.call_id == UtteranceRow.call_id)
                .where(CallRow.started >= begin, CallRow.started < end, UtteranceRow.text != "")
                .group_by(UtteranceRow.decision)
            )
            for decision, count in session.execute(said):
                traffic[stratum_of(decision)] += count
            own = and_(SampleRow.call_id == LabelRow.call_id, SampleRow.position == LabelRow.position)
            sample = select(LabelRow).join(SampleRow, own).where(SampleRow.day >= first, SampleRow.day <= last)
            for row in session.scalars(sample.where(LabelRow.label != NOT_UNDERSTANDABLE)):
                judged[row.stratum].append(_right(row))
        return stratified([Stratum(count, len(judged[name]), sum(judged[name])) for name, count in traffic.items()])


def _right(row: LabelRow) -> bool:
    """Taken as what it was; or rightly taken as nothing."""
    if row.label == OUT_OF_SCOPE:
        return row.decision == "reject" or row.decided == OUT_OF_SCOPE
    return row.decision != "reject" and row.decided == row.label


def _label(row: LabelRow) -> Label:
    return Label(row.seq, row.call_id, row.position, row.text, row.label, row.queue, row.at)
