"""What the labels say: agreement of people, and how often the model is right. Blocks; raises what SQLAlchemy raises."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Engine, and_, func, select
from sqlalchemy.orm import Session

from voicebot.figures.estimates import FEWEST, Estimate, Stratum, kappa, stratified, wilson
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
    """The share of lines that the model decided rightly, out of the labelled sample of these days of the bank's calendar."""
    return share(sampled(engine, first, last), lambda line: voted(line.deciding, taken_right))


class SampledLine(NamedTuple):
    """A line of the sample that somebody labelled."""

    call_id: str
    position: int
    stratum: str
    weight: float
    """For how many lines it stands."""
    labels: Sequence[Judged]
    deciding: Sequence[Judged]
    """Those of `labels` that count, see `deciding`."""


class Sampled(NamedTuple):
    """The labelled sample of some days."""

    traffic: Mapping[str, int]
    """Lines that were said, by stratum."""
    lines: Sequence[SampledLine]


def sampled(engine: Engine, first: date, last: date) -> Sampled:
    """What the shares of these days of the bank's calendar are reckoned from.

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
    return Sampled(traffic, [SampledLine(*line, labels, deciding(labels)) for line, labels in by_line.items()])


def share(sample: Sampled, so: Callable[[SampledLine], float | None]) -> Estimate:
    """The share of all lines that are so (0..1 of each), out of those of which it can be told (not None)."""
    observed: dict[str, list[tuple[float | None, float]]] = defaultdict(list)
    for line in sample.lines:
        observed[line.stratum].append((so(line), line.weight))
    return stratified([_stratum(lines, observed[name]) for name, lines in sample.traffic.items()])


def domain(lines: Sequence[tuple[bool, float]]) -> Estimate:
    """The share of some lines of a stratified sample, each with how many it stands for: Hájek's ratio; its interval is Wilson's
    at the effective number of lines (Kish, 1965).
    """
    weight = sum(each for _, each in lines)
    if not weight:
        return Estimate(None, 0.0, 1.0, 0)
    effective = weight**2 / sum(each**2 for _, each in lines)
    found = sum(each for right, each in lines if right) / weight
    told = wilson(found * effective, effective)
    return Estimate(found if len(lines) >= FEWEST else None, told.low, told.high, len(lines), sum(right for right, _ in lines))


def _stratum(traffic: int, observed: Sequence[tuple[float | None, float]]) -> Stratum:
    """Of one stratum: what was found of each labelled line (None: nothing can be told), and how many lines it stands for."""
    judged = [(right, weight) for right, weight in observed if right is not None]
    if not judged:
        return Stratum(traffic if not observed else 0, 0, 0)
    weights = sum(weight for _, weight in judged)
    right = sum(right * weight for right, weight in judged) / weights
    understood = weights / sum(weight for _, weight in observed)
    return Stratum(max(len(judged), round(traffic * understood)), len(judged), right * len(judged))


def deciding(labels: Sequence[Judged]) -> Sequence[Judged]:
    """The labels of one line that count: those that most people gave; where no label has most, each counts its share. None of a
    line that was not understandable.

    So a third opinion decides between two, and until then neither is taken for the truth (Snow et al., 2008, on votes; Uma et
    al., 2021, on labels as shares).
    """
    if len(labels) == 1:
        return labels if labels[0].label != NOT_UNDERSTANDABLE else ()
    votes = Counter(row.label for row in labels).most_common()
    best = {label for label, count in votes if count == votes[0][1]} - {NOT_UNDERSTANDABLE}
    return [row for row in labels if row.label in best]


def voted(deciding: Sequence[Judged], so: Callable[[Judged], bool]) -> float | None:
    """Whether one line is so, 0..1, by the labels that count; None where there are none."""
    return sum(map(so, deciding)) / len(deciding) if deciding else None


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
