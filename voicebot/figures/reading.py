"""Figures of a period out of the roll-ups. Blocks: for a thread. Raises what SQLAlchemy raises."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy import Engine, select

from voicebot.figures.definitions import Figure, figures_of
from voicebot.figures.models import CallDayRow, DayRow
from voicebot.records import schema

SPLITS = ("line", "language", "segment", "channel", "release")
"""What figures may be narrowed to."""
_AT_ONCE = 30
"""Days that are read by one statement."""


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


class _Names:
    """The names of counts, in the order in which they came; only ever more."""

    def __init__(self) -> None:
        self._all: list[str] = []
        self._at: dict[str, int] = {}

    def row(self, counts: Mapping[str, int]) -> np.ndarray:
        """Counts in a row."""
        for name in counts:
            if name not in self._at:
                self._at[name] = len(self._all)
                self._all.append(name)
        row = np.zeros(len(self._all), dtype=np.int64)
        row[[self._at[name] for name in counts]] = list(counts.values())
        return row

    def counter(self, row: np.ndarray) -> Counter[str]:
        """The counts of a row."""
        return Counter({name: int(count) for name, count in zip(self._all, row, strict=False) if count})


@dataclass(frozen=True, slots=True)
class _Day:
    """A day as it was counted then."""

    at: datetime
    keys: list[tuple[str, ...]]
    """`SPLITS` and the matter of each row."""
    rows: list[np.ndarray]


class _Kept:
    """Days that were read, for as long as they are not counted again: to take their counts out of JSON takes most of the time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._one = Lock()
        self._days: dict[date, _Day] = {}
        self.names = _Names()

    def days(self, first: date, last: date) -> list[tuple[date, _Day]]:
        """Those of a period that are counted, in order."""
        within = (DayRow.day >= first, DayRow.day <= last)
        with self._one, self._engine.connect() as connection:
            counted = {row.day: row.at for row in connection.execute(select(DayRow.day, DayRow.at).where(*within))}
            new = [day for day, at in counted.items() if day not in self._days or self._days[day].at != at]
            read_now = {day: _Day(counted[day], [], []) for day in new}
            for start in range(0, len(new), _AT_ONCE):
                chosen = select(CallDayRow.day, *(getattr(CallDayRow, name) for name in (*SPLITS, "matter")), CallDayRow.counts)
                for row in connection.execute(chosen.where(CallDayRow.day.in_(new[start : start + _AT_ONCE]))):
                    read_now[row.day].keys.append(tuple(row[1:-1]))
                    read_now[row.day].rows.append(self.names.row(row.counts))
            self._days.update(read_now)
            return [(day, self._days[day]) for day in sorted(counted)]


_KEPT: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()


def read(engine: Engine, period: Period) -> Read:
    """The figures of a period."""
    schema.ready(engine)
    kept = _KEPT.setdefault(engine, _Kept(engine))
    values: dict[str, set[str]] = {each: set() for each in SPLITS}
    rows: dict[str, list[np.ndarray]] = defaultdict(list)
    by_day: list[tuple[date, Counter[str]]] = []
    days = kept.days(period.first, period.last)
    narrowed = [(SPLITS.index(name), value) for name, value in period.narrowed]
    for day, counted in days:
        of_day: list[np.ndarray] = []
        for key, row in zip(counted.keys, counted.rows, strict=True):
            for name, value in zip(SPLITS, key, strict=False):
                values[name].add(value)
            if all(key[at] == value for at, value in narrowed):
                of_day.append(row)
                rows[key[-1]].append(row)
        if of_day:
            by_day.append((day, kept.names.counter(_sum(of_day))))
    by_matter = {matter: kept.names.counter(_sum(found)) for matter, found in rows.items()}
    total: Counter[str] = Counter()
    for counts in by_matter.values():
        total.update(counts)
    return Read(
        total,
        figures_of(total),
        sorted(by_matter.items(), key=lambda item: (-item[1]["calls"], item[0])),
        by_day,
        {name: sorted(found) for name, found in values.items()},
        len(days),
    )


def _sum(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Of rows of which later ones may be longer: more names were known."""
    total = np.zeros(max(map(len, rows)), dtype=np.int64)
    for row in rows:
        total[: len(row)] += row
    return total
