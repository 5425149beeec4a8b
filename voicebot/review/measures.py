"""What the labels say: agreement of people, and how often the model is right. Blocks; raises what SQLAlchemy raises."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Engine, and_, func, select
from sqlalchemy.orm import Session

from voicebot.figures.estimates import Estimate, Stratum, kappa, stratified
from voicebot.records import schema
from voicebot.review.models import LabelRow, SampleRow
from voicebot.review.store import NOT_UNDERSTANDABLE, OUT_OF_SCOPE


class Judged(NamedTuple):
    """Of a label what measures go by: of thousands, whole rows would take most of the time."""

    call_id: str
    position: int
    label: str
    decided: str | None
    decision: str | None


JUDGED = [getattr(LabelRow, name) for name in Judged._fields]
"""Its columns."""


def agreement(engine: Engine, since: datetime) -> Estimate:
    """Cohen's kappa of lines that two people labelled."""
    schema.ready(engine)
    by_line: dict[tuple[str, int], list[str]] = defaultdict(list)
    line, lately = (LabelRow.call_id, LabelRow.position), LabelRow.at >= since
    several = select(*line).where(lately).group_by(*line).having(func.count() > 1).subquery()
    own = and_(several.c.call_id == LabelRow.call_id, several.c.position == LabelRow.position)
    chosen = select(*line, LabelRow.label).join(several, own).where(lately).order_by(LabelRow.seq)
    with Session(engine) as session:
        for call_id, position, label in session.execute(chosen):
            by_line[(call_id, position)].append(label)
    return kappa([(found[0], found[1]) for found in by_line.values()])


def accuracy(engine: Engine, first: date, last: date) -> Estimate:
    """The share of lines that the model decided rightly, out of the labelled sample of these days of the bank's calendar.

    A labelled line of the sample is one observation, whoever labelled it, whatever queue it was shown in and whenever. It stands
    for 1/probability lines (Horvitz and Thompson, 1952; Hájek's ratio within a stratum). Lines that nobody understands are a
    domain of their own and left out, with their share of the traffic. Learnt by heart is never drawn, so never counted.
    """
    schema.ready(engine)
    days = (SampleRow.day >= first, SampleRow.day <= last)
    own = and_(SampleRow.call_id == LabelRow.call_id, SampleRow.position == LabelRow.position)
    stood_for = select(SampleRow.stratum, func.sum(1 / SampleRow.probability)).where(*days).group_by(SampleRow.stratum)
    labelled = select(*JUDGED, SampleRow.stratum, SampleRow.probability).join(SampleRow, own).where(*days)
    by_line: dict[tuple[str, int, str, float], list[Judged]] = defaultdict(list)
    with engine.connect() as connection:
        traffic = {name: round(lines) for name, lines in connection.execute(stood_for)}
        for *label, name, probability in connection.execute(labelled):
            judged = Judged(*label)
            by_line[(judged.call_id, judged.position, name, 1 / probability)].append(judged)
        observed: dict[str, list[tuple[float | None, float]]] = defaultdict(list)
        for (_, _, name, weight), labels in by_line.items():
            observed[name].append((rightness(labels), weight))
    return stratified([_stratum(lines, observed[name]) for name, lines in traffic.items()])


def _stratum(traffic: int, observed: Sequence[tuple[float | None, float]]) -> Stratum:
    """Of one stratum: how right each labelled line was (None: not understandable), and how many lines it stands for."""
    judged = [(right, weight) for right, weight in observed if right is not None]
    if not judged:
        return Stratum(traffic if not observed else 0, 0, 0)
    weights = sum(weight for _, weight in judged)
    right = sum(right * weight for right, weight in judged) / weights
    understood = weights / sum(weight for _, weight in observed)
    return Stratum(max(len(judged), round(traffic * understood)), len(judged), right * len(judged))


def rightness(labels: Sequence[Judged]) -> float | None:
    """Of one line, 0..1: by the label that most people gave; where no label has most, each counts its share.

    So a third opinion decides between two, and until then neither is taken for the truth (Snow et al., 2008, on votes; Uma et
    al., 2021, on labels as shares). None when it was not understandable.
    """
    votes = Counter(row.label for row in labels).most_common()
    best = {label for label, count in votes if count == votes[0][1]} - {NOT_UNDERSTANDABLE}
    counted = [row for row in labels if row.label in best]
    return sum(taken_right(row) for row in counted) / len(counted) if counted else None


def taken_right(row: Judged) -> bool:
    """Whether the model took the line as what it was; or rightly as nothing."""
    return taken_as(row.decided, row.decision) == row.label


def taken_as(decided: str | None, decision: str | None) -> str | None:
    """The matter that a line was taken for, or out of scope: rejected, whatever came nearest."""
    return OUT_OF_SCOPE if decision == "reject" else decided


def meant(labels: Iterable[str]) -> str | None:
    """What most people say; None where they do not agree."""
    said = list(labels)
    if len(said) == 1:
        return said[0]
    votes = Counter(said).most_common(2)
    return votes[0][0] if len(votes) == 1 or votes[0][1] > votes[1][1] else None
