"""The daily random sample: strata by decision, shares of the sample by Neyman, the probability of each line kept with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from random import Random

from sqlalchemy import Engine, Select, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from voicebot.figures.days import bounds
from voicebot.figures.estimates import neyman
from voicebot.records import schema
from voicebot.records.models import CallRow, UtteranceRow
from voicebot.review.models import SampleRow

LINES_A_DAY = 60
_DRAW_LOCK = 7_604_113_229  # any number that nothing else in the database locks
TWICE = 0.1
EXPECTED_WRONG = {"accept": 0.05, "confirm": 0.15, "choose": 0.3, "reject": 0.5}
"""How often each decision is expected to be wrong: only how the sample is shared out goes by it, never a figure."""
_BACK_DAYS = 30
_OVER = timedelta(hours=1)
"""Calls of a day that is over may last, and are written when they end."""


def stratum_of(decision: str | None) -> str:
    """Which part of the traffic a line belongs to."""
    return decision if decision in EXPECTED_WRONG else "other"


@dataclass(frozen=True, slots=True)
class Sampler:
    """Draws each day that is over. Blocks: for a thread. Several processes may draw at once: a day is drawn once."""

    engine: Engine
    zone: tzinfo
    """Days are the bank's."""
    taught: Callable[[], Collection[str]]
    """The words that the model learns from, folded: what it has learnt by heart measures nothing. Asked only before a draw."""
    keep_days: int | None = None
    """How long calls are kept: older days have no lines."""

    def draw_missing(self, now: datetime) -> int:
        """Draw the days of the last 30 that are not drawn yet; how many lines. Raises what SQLAlchemy and `taught` raise."""
        days = list(self._missing(now))
        taught = self.taught() if days else ()
        return sum(draw(self.engine, day, *bounds(day, day, self.zone), taught=taught) for day in days)

    def _missing(self, now: datetime) -> list[date]:
        """Days with lines and without a sample."""
        schema.ready(self.engine)
        last = (now - _OVER).astimezone(self.zone).date() - timedelta(days=1)
        first = last - timedelta(days=min(_BACK_DAYS, self.keep_days or _BACK_DAYS) - 1)
        with Session(self.engine) as session:
            drawn = set(session.scalars(select(SampleRow.day).where(SampleRow.day >= first).distinct()))
            days = {first + timedelta(days=each) for each in range((last - first).days + 1)}
            return [day for day in sorted(days - drawn) if session.scalar(select(_said(bounds(day, day, self.zone)).exists()))]


def draw(
    engine: Engine, day: date, begin: datetime, end: datetime, *, taught: Collection[str] = (), lines: int = LINES_A_DAY
) -> int:
    """Draw the sample of a day that is over, once; how many lines it has. The same day gives the same lines. Lines of these
    folded words are left out. Blocks; raises what SQLAlchemy raises.
    """
    schema.ready(engine)
    try:
        with Session(engine) as session, session.begin():
            _wait_for_others(session)
            return _drawn(session, day) or _draw(session, day, (begin, end), taught, lines)
    except IntegrityError:  # another process drew it at the same time
        with Session(engine) as session:
            return _drawn(session, day)


def _wait_for_others(session: Session) -> None:
    """One draw at a time: two that insert the same lines in another order would wait for each other. SQLite has one writer
    anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_DRAW_LOCK)))


def _said(within: tuple[datetime, datetime]) -> Select[str, int, str | None, str]:
    """What was said in calls that began then."""
    return (
        select(UtteranceRow.call_id, UtteranceRow.position, UtteranceRow.decision, UtteranceRow.folded)
        .join(CallRow, CallRow.call_id == UtteranceRow.call_id)
        .where(CallRow.started >= within[0], CallRow.started < within[1], UtteranceRow.text != "")
        .order_by(UtteranceRow.call_id, UtteranceRow.position)
    )


def _drawn(session: Session, day: date) -> int:
    return session.scalar(select(func.count()).select_from(SampleRow).where(SampleRow.day == day)) or 0


def _draw(session: Session, day: date, within: tuple[datetime, datetime], taught: Collection[str], lines: int) -> int:
    strata: dict[str, list[tuple[str, int, str]]] = defaultdict(list)
    for call_id, position, decision, words in session.execute(_said(within)):
        if words not in taught:
            strata[stratum_of(decision)].append((call_id, position, words))
    rng = Random(f"sample {day.isoformat()}")  # noqa: S311 - to be drawn again, not to be secret
    sizes = neyman({name: (len(found), EXPECTED_WRONG.get(name, 0.2)) for name, found in strata.items()}, lines)
    shares = {name: size / len(strata[name]) for name, size in sizes.items()}
    drawn = [(line, name) for name in sorted(sizes) for line in rng.sample(strata[name], sizes[name])]
    rng.shuffle(drawn)
    rows = [
        {
            "call_id": call_id,
            "position": position,
            "folded": words,
            "day": day,
            "place": place,
            "stratum": name,
            "probability": shares[name],
            "twice": rng.random() < TWICE,
        }
        for place, ((call_id, position, words), name) in enumerate(drawn)
    ]
    if rows:
        session.execute(insert(SampleRow), rows)
    return len(rows)
