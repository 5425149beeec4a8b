"""What a release in the shadow decides otherwise than the one that served, and what the labels say of it. Blocks; raises what
SQLAlchemy raises.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from sqlalchemy import ColumnElement, Engine, and_, func, select
from sqlalchemy.orm import Session

from voicebot.figures.estimates import BY_CHANCE, Estimate, discordant_needed, mcnemar, wilson
from voicebot.records import schema
from voicebot.records.models import ShadowRow, UtteranceRow
from voicebot.review.measures import meant
from voicebot.review.models import LabelRow
from voicebot.review.queues import taken_as
from voicebot.review.store import NOT_UNDERSTANDABLE

_PAIRS = 10


class Verdict(StrEnum):
    """Which of the two is right more often where they differ."""

    BETTER = "better"
    """The shadow."""
    WORSE = "worse"
    UNSAID = "unsaid"
    """It cannot be said yet."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Different words that the two take for different matters, as far as people agree what they were about."""

    words: int
    """In all, reviewed or not."""
    judged: int
    better: int
    """Only the shadow had them right."""
    worse: int
    """Only the release in force had them right."""

    @property
    def chance(self) -> float:
        """The probability that they differ so by chance (McNemar, exact)."""
        return mcnemar(self.better, self.worse)

    @property
    def verdict(self) -> Verdict:
        """By the labels so far."""
        if self.chance >= BY_CHANCE:
            return Verdict.UNSAID
        return Verdict.BETTER if self.better > self.worse else Verdict.WORSE

    @property
    def more(self) -> int | None:
        """How many more are to be reviewed until it can be said, if they go on as so far; None when nothing tells."""
        told = self.better + self.worse
        needed = discordant_needed(self.better, self.worse)
        return max(1, ceil((needed - told) * self.judged / told)) if needed is not None else None


@dataclass(frozen=True, slots=True)
class Pair:
    """Lines that the release in force took for one matter, and the shadow for another."""

    served: str
    shadow: str
    lines: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Both, on the same lines."""

    lines: int
    """That both decided."""
    agree: Estimate
    """The share that both take for the same matter."""
    asked_otherwise: int
    """Lines of the same matter in which only one of them asks back."""
    pairs: tuple[Pair, ...]
    """Where they differ most."""
    reviewed: Reviewed


def compared(engine: Engine, releases: Collection[str]) -> Compared:
    """What these releases decided in the shadow, beside what callers were served by."""
    schema.ready(engine)
    served = taken_as(UtteranceRow.intent, UtteranceRow.decision)
    shadow = taken_as(ShadowRow.intent, ShadowRow.decision)
    own = and_(ShadowRow.call_id == UtteranceRow.call_id, ShadowRow.position == UtteranceRow.position)
    of_these = ShadowRow.release.in_(releases)
    counted = (
        select(served, shadow, UtteranceRow.decision == ShadowRow.decision, func.count())
        .select_from(ShadowRow)
        .join(UtteranceRow, own)
        .where(of_these)
        .group_by(served, shadow, UtteranceRow.decision == ShadowRow.decision)
    )
    lines = agree = asked_otherwise = 0
    pairs: Counter[tuple[str, str]] = Counter()
    with Session(engine) as session:
        for was, now, same_decision, count in session.execute(counted):
            lines += count
            if was != now:
                pairs[(was, now)] += count
                continue
            agree += count
            asked_otherwise += 0 if same_decision else count
        reviewed = _reviewed(session, served, shadow, own, of_these)
    most = sorted((Pair(*pair, count) for pair, count in pairs.items()), key=lambda pair: (-pair.lines, pair.served, pair.shadow))
    return Compared(lines, wilson(agree, lines), asked_otherwise, tuple(most[:_PAIRS]), reviewed)


def _reviewed(
    session: Session,
    served: ColumnElement[str],
    shadow: ColumnElement[str],
    own: ColumnElement[bool],
    of_these: ColumnElement[bool],
) -> Reviewed:
    """The same words are one case, as they were last decided; a label of them counts from whichever queue it came."""
    differ = (
        select(UtteranceRow.folded, UtteranceRow.language, served.label("served"), shadow.label("shadow"))
        .select_from(ShadowRow)
        .join(UtteranceRow, own)
        .where(of_these, served != shadow, UtteranceRow.folded != "")
        .order_by(ShadowRow.at)
    )
    cases = {(row.folded, row.language): (row.served, row.shadow) for row in session.execute(differ)}
    words = differ.order_by(None).subquery()
    said = and_(LabelRow.folded == words.c.folded, LabelRow.language == words.c.language)
    labels: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    chosen = select(LabelRow.folded, LabelRow.language, LabelRow.seq, LabelRow.label).join(words, said).distinct()
    for folded, language, seq, label in session.execute(chosen):
        labels[(folded, language)][seq] = label
    judged = better = worse = 0
    for case, given in labels.items():
        truth = meant(given.values())
        if truth is None or truth == NOT_UNDERSTANDABLE:
            continue
        judged += 1
        was, now = cases[case]
        better += now == truth
        worse += was == truth
    return Reviewed(len(cases), judged, better, worse)
