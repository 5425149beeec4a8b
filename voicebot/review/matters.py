"""What the labels say of each matter: how often it was taken for what it was, and what it is confused with; where its examples
came from. Blocks; raises what SQLAlchemy raises.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine, and_, exists, or_, select
from sqlalchemy.orm import Session

from voicebot.figures.estimates import Estimate
from voicebot.records import schema
from voicebot.review.measures import JUDGED, Judged, domain, meant, taken_right
from voicebot.review.models import LabelRow, SampleRow, TaughtRow
from voicebot.review.queues import taken_as, waits
from voicebot.review.store import NOT_UNDERSTANDABLE

_SENTENCES = 5


@dataclass(frozen=True, slots=True)
class Confused:
    """Lines of one matter that the model took for another (None: for nothing)."""

    meant: str
    taken: str | None
    count: int
    sentences: tuple[tuple[str, str], ...]
    """Some of them with their languages, newest first; fewer where the words were deleted."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who taught an example, out of which call."""

    call_id: str
    who: str
    at: datetime


def right_shares(engine: Engine, first: date, last: date) -> dict[str, Estimate]:
    """Of the labelled sample of these days, by the matter that was meant: the share that the model took for it, by traffic."""
    schema.ready(engine)
    own = and_(SampleRow.call_id == LabelRow.call_id, SampleRow.position == LabelRow.position)
    chosen = select(*JUDGED, SampleRow.probability).join(SampleRow, own).where(SampleRow.day >= first, SampleRow.day <= last)
    by_line: dict[tuple[str, int], list[Judged]] = defaultdict(list)
    weights: dict[tuple[str, int], float] = {}
    with engine.connect() as connection:
        for *told, probability in connection.execute(chosen):
            label = Judged(*told)
            by_line[(label.call_id, label.position)].append(label)
            weights[(label.call_id, label.position)] = 1 / probability
    observed: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    for line, labels in by_line.items():
        truth = meant(label.label for label in labels)
        if truth is not None:
            agreed = next(label for label in labels if label.label == truth)
            observed[truth].append((taken_right(agreed), weights[line]))
    return {matter: domain(lines) for matter, lines in observed.items()}


def confused(engine: Engine, since: datetime, matter: str | None = None) -> list[Confused]:
    """Pairs that labels show, most frequent first; of one matter, or of all. Counts are of labelled lines of every queue: they
    show where to look, and measure nothing.
    """
    schema.ready(engine)
    taken = taken_as(LabelRow.decided, LabelRow.decision)
    sampled = (SampleRow.call_id == LabelRow.call_id, SampleRow.position == LabelRow.position)
    chosen = (
        select(LabelRow.label, LabelRow.decided, LabelRow.decision, LabelRow.text, LabelRow.language)
        .where(LabelRow.at >= since, LabelRow.label != NOT_UNDERSTANDABLE, taken != LabelRow.label)
        .where(~exists().where(*sampled, waits()))
        .order_by(LabelRow.seq.desc())
    )
    if matter is not None:
        chosen = chosen.where(or_(LabelRow.label == matter, taken == matter))
    counts: Counter[tuple[str, str | None]] = Counter()
    sentences: dict[tuple[str, str | None], dict[tuple[str, str], None]] = defaultdict(dict)
    with Session(engine) as session:
        for row in session.execute(chosen):
            pair = (row.label, row.decided if row.decision != "reject" else None)
            counts[pair] += 1
            if row.text and len(sentences[pair]) < _SENTENCES:
                sentences[pair][(row.text, row.language)] = None
    return [Confused(*pair, count, tuple(sentences[pair])) for pair, count in counts.most_common()]


def origins(engine: Engine, matter: str) -> Mapping[str, Origin]:
    """By folded words: the examples of a matter that were taught in the review."""
    schema.ready(engine)
    chosen = select(TaughtRow).where(TaughtRow.matter == matter, TaughtRow.folded != "").order_by(TaughtRow.seq)
    with Session(engine) as session:
        return {row.folded: Origin(row.call_id, row.who, row.at) for row in session.scalars(chosen)}
