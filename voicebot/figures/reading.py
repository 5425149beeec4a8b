"""Figures of a period out of the roll-ups. Blocks: for a thread. Raises what SQLAlchemy raises."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, select

from voicebot.figures.definitions import Figure, figures_of
from voicebot.figures.models import CallDayRow, DayRow
from voicebot.records import schema

SPLITS = ("line", "language", "segment", "channel", "release")
"""What figures may be narrowed to."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the bank's calendar, both counted, and what they are narrowed to."""

    first: date
    last: date
    narrowed: tuple[tuple[str, str], ...] = ()
    """Names of `SPLITS` with a value each."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a page of figures shows."""

    counts: Counter[str]
    figures: list[Figure]
    by_matter: list[tuple[str, Counter[str]]]
    """Those with most calls first; "" is no matter."""
    by_day: list[tuple[date, Counter[str]]]
    values: dict[str, list[str]]
    """What each split can be narrowed to."""
    rolled_up: int
    """Days of the period that are counted."""


def read(engine: Engine, period: Period) -> Read:
    """The figures of a period."""
    schema.ready(engine)
    within = (CallDayRow.day >= period.first, CallDayRow.day <= period.last)
    splits = [getattr(CallDayRow, each) for each in SPLITS]
    chosen = select(CallDayRow.day, CallDayRow.matter, *splits, CallDayRow.counts).where(*within)
    matters: dict[str, Counter[str]] = defaultdict(Counter)
    days: dict[date, Counter[str]] = defaultdict(Counter)
    values: dict[str, set[str]] = {each: set() for each in SPLITS}
    narrowed = dict(period.narrowed)
    with engine.connect() as connection:
        for row in connection.execute(chosen):
            for each in SPLITS:
                values[each].add(getattr(row, each))
            if all(getattr(row, name) == value for name, value in narrowed.items()):
                matters[row.matter].update(row.counts)
                days[row.day].update(row.counts)
        counted = connection.scalars(select(DayRow.day).where(DayRow.day >= period.first, DayRow.day <= period.last)).all()
    total: Counter[str] = Counter()
    for counts in matters.values():
        total.update(counts)
    return Read(
        total,
        figures_of(total),
        sorted(matters.items(), key=lambda item: -item[1]["calls"]),
        sorted(days.items()),
        {name: sorted(found) for name, found in values.items()},
        len(counted),
    )
