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

    def table(self, rows: Sequence[Mapping[str, int]]) -> np.ndarray:
        """Counts in a row each, with a column for each name that is known by then."""
        for name in dict.fromkeys(name for counts in rows for name in counts):
            if name not in self._at:
                self._at[name] = len(self._all)
                self._all.append(name)
        table = np.zeros((len(rows), len(self._all)), dtype=np.int64)
        for row, counts in zip(table, rows, strict=True):
            row[[self._at[name] for name in counts]] = list(counts.values())
        return table

    def counter(self, row: np.ndarray) -> Counter[str]:
        """The counts of a row."""
        return Counter({name: int(count) for name, count in zip(self._all, row, strict=False) if count})


@dataclass(frozen=True, slots=True)
class _Day:
    """A day as it was counted then; its rows in the order of their matters."""

    at: datetime
    keys: Sequence[tuple[str, ...]]
    """`SPLITS` of each row."""
    values: Sequence[frozenset[str]]
    """What the day has of each of `SPLITS`."""
    matters: Sequence[str]
    begins: np.ndarray
    """The first row of each matter."""
    counts: np.ndarray
    """Rows by names."""

    @classmethod
    def of(cls, at: datetime, rows: Sequence[tuple[tuple[str, ...], Mapping[str, int]]], names: _Names) -> _Day:
        """Of `SPLITS` with the matter, and the counts, of each row."""
        ordered = sorted(rows, key=lambda row: row[0][-1])
        keys = [key[:-1] for key, _ in ordered]
        begins: dict[str, int] = {}
        for place, (key, _) in enumerate(ordered):
            begins.setdefault(key[-1], place)
        values = [frozenset(each) for each in zip(*keys, strict=True)] or [frozenset[str]()] * len(SPLITS)
        counts = names.table([each for _, each in ordered])
        return cls(at, keys, values, list(begins), np.array(list(begins.values()), dtype=np.intp), counts)

    def by_matter(self, narrowed: Sequence[tuple[int, str]]) -> list[tuple[str, np.ndarray]]:
        """The counts of each matter that has any, of the rows with these values of these splits."""
        if not self.keys:
            return []
        counts = self.counts
        if narrowed:
            wanted = [all(key[at] == value for at, value in narrowed) for key in self.keys]
            counts = counts * np.array(wanted)[:, None]
        sums = np.add.reduceat(counts, self.begins)
        return [(matter, row) for matter, row in zip(self.matters, sums, strict=True) if row.any()]


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
            rows: dict[date, list[tuple[tuple[str, ...], Mapping[str, int]]]] = {day: [] for day in new}
            for start in range(0, len(new), _AT_ONCE):
                chosen = select(CallDayRow.day, *(getattr(CallDayRow, name) for name in (*SPLITS, "matter")), CallDayRow.counts)
                for row in connection.execute(chosen.where(CallDayRow.day.in_(new[start : start + _AT_ONCE]))):
                    rows[row.day].append((tuple(row[1:-1]), row.counts))
            self._days |= {day: _Day.of(counted[day], rows[day], self.names) for day in new}
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
        for name, found in zip(SPLITS, counted.values, strict=True):
            values[name] |= found
        of_day = counted.by_matter(narrowed)
        for matter, row in of_day:
            rows[matter].append(row)
        if of_day:
            by_day.append((day, kept.names.counter(_sum([row for _, row in of_day]))))
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
