"""Lines to look at, by queue, and the labels that people give. Blocks: for a thread. Methods raise what SQLAlchemy raises."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, Select, delete, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from voicebot.records import schema
from voicebot.records.among import among
from voicebot.records.database_time import DatabaseTime
from voicebot.records.folding import folded
from voicebot.records.models import LineRow, UtteranceRow
from voicebot.review import queues
from voicebot.review.models import LabelRow, LeaseRow, SampleRow, StudyRow, TaughtRow
from voicebot.review.queues import Queue, ReviewLine
from voicebot.review.studies import CLUSTERS

OUT_OF_SCOPE, NOT_UNDERSTANDABLE = "out_of_scope", "not_understandable"
UNDO_LAST = 10
LEASE = timedelta(minutes=5)
_TRIED = 5
"""So many lines are tried when others take them at the same moment."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label that was given."""

    seq: int
    call_id: str
    position: int
    text: str
    language: str
    label: str
    who: str
    queue: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SampleProgress:
    """How far the newest day's sample is."""

    day: date | None
    """None: nothing was ever drawn."""
    labelled: int
    """Lines with a label at least."""
    lines: int


@dataclass(frozen=True, slots=True)
class Card:
    """What a person has before them."""

    line: ReviewLine | None
    """None: nothing waits."""
    at: int
    """Its number in the queue, from 0."""
    waiting: int
    """Lines in the queue, as `Review.counts` has them."""


class Review:
    """The queues and the labels."""

    def __init__(
        self,
        engine: Engine,
        *,
        misrouted: Callable[[], Collection[str]] = tuple,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`misrouted`: references of the hand-offs whose lines are in the queue `PASSED_ON` (`voicebot.review.misrouted`)."""
        self._engine = engine
        self._misrouted = misrouted
        self._clock = clock
        self._time = DatabaseTime(engine)

    # ------------------------------------------------------------------ lines

    def waiting(
        self, queue: Queue, who: str, *, skipped: Sequence[tuple[str, int]] = (), start: int = 0, limit: int = 1
    ) -> list[ReviewLine]:
        """Lines of a queue for this person from number `start` on, in its fixed order; what they put off comes last."""
        places, _ = self._places(queue, who, skipped, start, limit)
        lines = [self._line(place, queue) for place in places]
        return [line for line in lines if line is not None]

    def take(
        self,
        queue: Queue,
        who: str,
        *,
        skipped: Sequence[tuple[str, int]] = (),
        start: int = 0,
        again: tuple[str, int] | None = None,
    ) -> Card:
        """As `waiting`, one line, which is this person's for five minutes: nobody else is shown it, but a second person one that
        is to be labelled twice. `again` is the line that they have before them, wherever it stands now. A `start` behind the
        last line is the last line.
        """
        places, waiting = self._places(queue, who, skipped, start, _TRIED)
        if not places and start:
            waiting = self.counts(who, (queue,))[queue]
            start = max(0, waiting - 1)
            places, waiting = self._places(queue, who, skipped, start, _TRIED)
        if again is not None and (own := self._one(queue, who, again)) is not None:
            places.insert(0, own)
        for place in places:
            if self._lease((place.call_id, place.position), queue, who) and (line := self._line(place, queue)) is not None:
                return Card(line, start, waiting)
        return Card(None, start, waiting)

    def _now(self) -> datetime:
        """What leases go by."""
        return self._time.at(self._clock())

    def _places(
        self, queue: Queue, who: str, skipped: Sequence[tuple[str, int]], start: int, limit: int
    ) -> tuple[list[Row[Any]], int]:
        """The rows of `queues.waiting` from `start` on, what was put off last; and how many there are in all, as far as there
        are any from `start` on.
        """
        schema.ready(self._engine)
        put_off = set(skipped)
        with Session(self._engine) as session:
            chosen = queues.waiting(queue).limit(start + limit + len(put_off))
            rows = session.execute(chosen, self._asked(session, who) | self._refs(queue)).all()
        ahead = [row for row in rows if (row.call_id, row.position) not in put_off]
        later = [row for row in rows if (row.call_id, row.position) in put_off]
        return [*ahead, *later][start : start + limit], rows[0].waiting if rows else 0

    def _one(self, queue: Queue, who: str, place: tuple[str, int]) -> Row[Any] | None:
        all_ = queues.waiting(queue).order_by(None).subquery()
        own = select(all_).where(all_.c.call_id == place[0], all_.c.position == place[1])
        with Session(self._engine) as session:
            return session.execute(own, self._asked(session, who) | self._refs(queue)).first()

    def _asked(self, session: Session, who: str) -> dict[str, Any]:
        """The parameters of the statements of all queues."""
        now = self._now()
        return {"who": who, "now": now, "held": [tuple(place) for place in session.execute(queues.held_by_others(who, now))]}

    def _refs(self, queue: Queue) -> dict[str, Any]:
        """The parameter that one queue has beside them."""
        return {"refs": list(self._misrouted())} if queue is Queue.PASSED_ON else {}

    def _lease(self, place: tuple[str, int], queue: Queue, who: str) -> bool:
        now = self._now()
        held = (LeaseRow.call_id == place[0], LeaseRow.position == place[1])
        try:
            with Session(self._engine) as session, session.begin():
                session.execute(delete(LeaseRow).where((LeaseRow.who == who) | (LeaseRow.until <= now)))
                sampled = session.get(SampleRow, place)
                labels = session.scalar(select(func.count()).select_from(LabelRow).where(*_of(place))) or 0
                wanted = queues.people_wanted(queue, twice=sampled is not None and sampled.twice, labels=labels)
                taken = set(session.scalars(select(LeaseRow.slot).where(*held)))
                free = next((slot for slot in range(wanted) if slot not in taken), None)
                if free is None:
                    return False
                session.add(LeaseRow(who=who, call_id=place[0], position=place[1], slot=free, until=now + LEASE))
            return True
        except IntegrityError:  # another person took it at the same moment
            return False

    def _line(self, place: Row[Any], queue: Queue) -> ReviewLine | None:
        """The line of a row of `queues.waiting`; None when its call was deleted meanwhile. What the model made of a line that
        measures is not told: it would lead the hand.
        """
        with Session(self._engine) as session:
            row = session.execute(queues.what_was_said(place.call_id, place.position)).one_or_none()
            journal = session.get(LineRow, (place.call_id, place.position))
        if row is None:
            return None
        blind = place.sampled or queue is Queue.SHADOW
        shown = not blind
        return ReviewLine(
            place.call_id,
            place.position,
            row.text,
            row.language,
            row.started,
            row.intent if shown else None,
            row.confidence if shown else None,
            row.decision if shown else None,
            row.recogniser_confidence,
            row.handoff_ref,
            row.queue if shown else None,
            hits=place.hits,
            was=place.was,
            found=place.found,
            recording=row.recording,
            t=journal.t if journal is not None else 0.0,
            sampled=place.sampled,
            blind=blind,
            understanding=(journal.data.get("understanding") or {}) if journal is not None and shown else {},
        )

    def counts(self, who: str, of: Collection[Queue] = tuple(Queue)) -> dict[Queue, int]:
        """How many lines wait in each of these queues for this person; the same words count once where they are shown once."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            asked = self._asked(session, who)
            return {queue: session.scalar(queues.count(queue), asked | self._refs(queue)) or 0 for queue in of}

    def sample(self) -> SampleProgress:
        """Of the newest day that was drawn; lines of calls that were deleted meanwhile are none any more."""
        schema.ready(self._engine)
        labelled = exists().where(LabelRow.call_id == SampleRow.call_id, LabelRow.position == SampleRow.position)
        there = exists().where(UtteranceRow.call_id == SampleRow.call_id, UtteranceRow.position == SampleRow.position)
        with Session(self._engine) as session:
            day = session.scalar(select(func.max(SampleRow.day)))
            counted = select(func.count(), func.count().filter(labelled)).where(SampleRow.day == day, there)
            lines, done = session.execute(counted).one()
        return SampleProgress(day, done, lines)

    # ------------------------------------------------------------------ labels

    def label(self, line: tuple[str, int], label: str, *, who: str, queue: Queue) -> Label | None:
        """Keep a label; None for a line that is gone. A person who labels a line again replaces their own."""
        schema.ready(self._engine)
        try:
            return self._label(line, label, who, queue)
        except IntegrityError:  # the same person twice at the same moment: the later one replaces the other
            return self._label(line, label, who, queue)

    def _label(self, line: tuple[str, int], label: str, who: str, queue: Queue) -> Label | None:
        with Session(self._engine) as session, session.begin():
            said = session.get(UtteranceRow, line)
            if said is None:
                return None
            session.execute(delete(LabelRow).where(*_of(line), LabelRow.who == who))
            session.execute(delete(LeaseRow).where(LeaseRow.who == who))
            row = LabelRow(
                call_id=line[0],
                position=line[1],
                text=said.text,
                folded=folded(said.text),
                language=said.language,
                decided=said.intent,
                decision=said.decision,
                label=label,
                who=who,
                at=self._clock(),
                queue=queue.value,
            )
            session.add(row)
            session.flush()
            return _label(row)

    def latest(self, who: str) -> list[Label]:
        """A person's last labels, newest first: those that can be taken back."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            return [_label(row) for row in session.scalars(_latest(who))]

    def undo(self, who: str, seq: int) -> Label | None:
        """Take back one of a person's last labels; None when it is none of these."""
        with Session(self._engine) as session, session.begin():
            row = next((each for each in session.scalars(_latest(who)) if each.seq == seq), None)
            if row is None:
                return None
            told = _label(row)
            session.delete(row)
            return told

    def may_teach(self, text: str) -> bool:
        """Whether these words may become an example: those of a line of the sample never, for they measure."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            return not session.scalar(select(exists().where(SampleRow.folded == folded(text))))

    def taught(self, label: Label) -> None:
        """Keep where an example of the draft came from."""
        with Session(self._engine) as session, session.begin():
            words, now = folded(label.text), self._clock()
            row = TaughtRow(
                call_id=label.call_id, folded=words, language=label.language, matter=label.label, who=label.who, at=now
            )
            session.add(row)

    # ------------------------------------------------------------------ one person's calls

    def of_calls(self, call_ids: Collection[str]) -> int:
        """How many lines of these calls are kept with their words, as labels or in the sample."""
        schema.ready(self._engine)
        found: set[tuple[str, int]] = set()
        with Session(self._engine) as session:
            for table in (LabelRow, SampleRow):
                chosen = select(table.call_id, table.position).where(among(table.call_id, call_ids), table.folded != "")
                found |= {(call_id, position) for call_id, position in session.execute(chosen)}
        return len(found)

    def forget_words(self, call_ids: Collection[str]) -> int:
        """Take the words of these calls out of labels and sample; of how many lines. What was labelled still counts."""
        found = self.of_calls(call_ids)
        with Session(self._engine) as session, session.begin():
            session.execute(update(LabelRow).where(among(LabelRow.call_id, call_ids)).values(text="", folded=""))
            for table in (SampleRow, TaughtRow):
                session.execute(update(table).where(among(table.call_id, call_ids)).values(folded=""))
            if found:  # names of groups of lines are words of callers
                session.execute(update(StudyRow).where(StudyRow.name == CLUSTERS).values(result=None))
        return found


def _of(line: tuple[str, int]) -> tuple[Any, Any]:
    return LabelRow.call_id == line[0], LabelRow.position == line[1]


def _latest(who: str) -> Select[Any]:
    return select(LabelRow).where(LabelRow.who == who).order_by(LabelRow.seq.desc()).limit(UNDO_LAST)


def _label(row: LabelRow) -> Label:
    return Label(row.seq, row.call_id, row.position, row.text, row.language, row.label, row.who, row.queue, row.at)
