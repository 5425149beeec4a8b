"""When a queue has people: weekly hours, public holidays, exceptions, in the bank's time zone.

All questions are asked with an aware datetime and answered on the bank's wall clock, so the hour that daylight saving repeats is
open twice and the one it skips is never reached.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import holidays
from pydantic import Field, RootModel, ValidationInfo, field_validator, model_validator

from dialogs.data.source import Day, Spec

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
LOOK_AHEAD_DAYS = 400
HOLIDAY_YEARS = range(2024, 2042)
_RANGE = re.compile(r"^(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$")

Interval = tuple[int, int]
"""Minutes from the midnight that starts the day; the end is past 1440 when the hours run over midnight."""


def parse_intervals(text: Any) -> tuple[Interval, ...]:
    """Hours such as "08:00-20:00", "08:00-12:00, 13:00-20:00", "20:00-02:00" (over midnight), "closed". Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError(f"hours are written as 08:00-20:00 or closed, not {text!r}")
    if text.strip() == "closed":
        return ()
    intervals = tuple(_interval(part.strip()) for part in text.split(","))
    for (_, end), (start, _) in pairwise(sorted(intervals)):
        if start < end:
            raise ValueError(f"{text!r} overlaps itself; write each hour once, such as 08:00-12:00, 13:00-20:00")
    return intervals


def _interval(text: str) -> Interval:
    match = _RANGE.match(text)
    if not match:
        raise ValueError(f"hours are written as 08:00-20:00 or closed, not {text!r}")
    from_h, from_m, to_h, to_m = map(int, match.groups())
    start, end = from_h * 60 + from_m, to_h * 60 + to_m
    if from_m > 59 or to_m > 59 or start >= DAY_MINUTES or end > DAY_MINUTES:
        raise ValueError(f"{text!r} is not a time of day")
    if start == end:
        raise ValueError(f"{text!r} begins when it ends; write closed, or 00:00-24:00 for the whole day")
    return start, end if end > start else end + DAY_MINUTES


class HoursSpec(RootModel[Mapping[str, str]]):
    """Weekly hours by day or range of days ("mon-fri", "sat", "every day"), and "holidays": closed unless said otherwise."""

    @cached_property
    def week(self) -> tuple[tuple[Interval, ...], ...]:
        """Seven days' intervals, Monday first."""
        week: dict[int, tuple[Interval, ...]] = {}
        for days, text in self.root.items():
            if days != "holidays":
                for day in _days(days):
                    if day in week:
                        raise ValueError(f"'{days}' names {DAYS[day]} a second time; give each day its hours once")
                    week[day] = parse_intervals(text)
        return tuple(week.get(day, ()) for day in range(7))

    @cached_property
    def on_holidays(self) -> tuple[Interval, ...] | None:
        """Intervals of a public holiday; None when it is a day like any other."""
        text = self.root.get("holidays", "closed")
        return None if text == "as usual" else parse_intervals(text)

    @cached_property
    def always(self) -> bool:
        """Open every hour of the year."""
        return self.on_holidays is None and all(day == ((0, DAY_MINUTES),) for day in self.week)

    @model_validator(mode="after")
    def _can_be_read(self) -> HoursSpec:
        _ = self.week, self.on_holidays
        return self


def _days(text: str) -> Sequence[int]:
    if text == "every day":
        return range(7)
    first, _, last = (part.strip() for part in text.partition("-"))
    if first not in DAYS or (last and last not in DAYS):
        raise ValueError(f"{text!r} is no day; write {', '.join(DAYS)}, a range such as mon-fri, every day, or holidays")
    start, end = DAYS.index(first), DAYS.index(last or first)
    if end < start:
        raise ValueError(f"{text!r}: the range of days runs backwards")
    return range(start, end + 1)


class ExceptionSpec(Spec):
    """Days unlike others: from `date` to `until` (the same day when left out). `only` names the hours meant; else all that are
    not around the clock.
    """

    date: Day
    until: Day | None = None
    hours: str
    name: str = Field(min_length=1)
    only: tuple[str, ...] = ()

    @field_validator("hours")
    @classmethod
    def _can_be_read(cls, hours: str) -> str:
        parse_intervals(hours)
        return hours

    @field_validator("until")
    @classmethod
    def _ends_after_it_begins(cls, until: Day | None, info: ValidationInfo) -> Day | None:
        begins = info.data.get("date")
        if until is not None and begins is not None and until < begins:
            raise ValueError(f"{until} is before {begins}, the first day; write the last day of the exception")
        return until

    def covers(self, day: Day) -> bool:
        """The exception holds on this day."""
        return self.date <= day <= (self.until or self.date)


@dataclass(frozen=True, slots=True)
class Opening:
    """A time from which (or until which) a queue is open, on the bank's wall clock."""

    at: datetime
    days_ahead: int


class Calendar:
    """Answers whether hours are open now, and when they open next."""

    def __init__(
        self, hours: Mapping[str, HoursSpec], exceptions: Sequence[ExceptionSpec], timezone: str, country: str | None
    ) -> None:
        self.zone = ZoneInfo(timezone)
        self._hours = hours
        self._exceptions = exceptions
        # computed once at load: working out a year of movable feasts takes longer than a whole step of a call
        self._holidays = frozenset(holidays.country_holidays(country, years=HOLIDAY_YEARS)) if country else frozenset()

    def local(self, now: datetime) -> datetime:
        """`now` (aware) on the bank's wall clock. Raises ValueError for a naive time."""
        if now.tzinfo is None:
            raise ValueError("the time of an event must be aware (have a time zone)")
        return now.astimezone(self.zone)

    def is_holiday(self, day: date) -> bool:
        """A public holiday of the bank's country."""
        return day in self._holidays

    def intervals(self, name: str, day: date) -> tuple[Interval, ...]:
        """Opening intervals that start on this day; exceptions come before holidays, holidays before the week."""
        spec = self._hours[name]
        for exception in self._exceptions:
            if exception.covers(day) and (name in exception.only or not (exception.only or spec.always)):
                return parse_intervals(exception.hours)
        if spec.on_holidays is not None and self.is_holiday(day):
            return spec.on_holidays
        return spec.week[day.weekday()]

    def is_open(self, name: str, now: datetime) -> bool:
        """The hours called `name` are open at this moment."""
        if self._hours[name].always and not any(name in exception.only for exception in self._exceptions):
            return True
        local = self.local(now)
        minute = local.hour * 60 + local.minute
        today, yesterday = local.date(), local.date() - timedelta(days=1)
        return any(start <= minute < end for start, end in self.intervals(name, today)) or any(
            minute < end - DAY_MINUTES for _, end in self.intervals(name, yesterday)
        )

    def next_opening(self, name: str, now: datetime) -> Opening | None:
        """The next moment after `now` at which the hours open; None when they do not within the coming year."""
        today = self.local(now).date()
        for ahead, start in self._starts(name, today):
            opens = self._wall_clock(today + timedelta(days=ahead), start)
            if opens.astimezone(UTC) > now.astimezone(UTC):
                return Opening(opens, (opens.date() - today).days)
        return None

    def _starts(self, name: str, today: date) -> Iterator[tuple[int, int]]:
        for ahead in range(LOOK_AHEAD_DAYS):
            for start, _ in sorted(self.intervals(name, today + timedelta(days=ahead))):
                yield ahead, start

    def _wall_clock(self, day: date, minute: int) -> datetime:
        """A minute of the day on the wall clock; when daylight saving skips it, the first moment after the gap."""
        wanted = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self.zone)
        moment = wanted.replace(fold=1).astimezone(UTC)  # within a gap: too early
        while moment.astimezone(self.zone).replace(tzinfo=None) < wanted.replace(tzinfo=None):
            moment += timedelta(minutes=1)
        return min(moment, wanted.astimezone(UTC)).astimezone(self.zone)
