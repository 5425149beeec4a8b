"""Opening hours on the bank's wall clock: week, holidays, exceptions, midnight and daylight saving."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.data.hours import Calendar, ExceptionSpec, HoursSpec, parse_intervals
from tests.dialogs.calls import WARSAW

WEEK = {
    "always": HoursSpec({"every day": "00:00-24:00", "holidays": "as usual"}),
    "office": HoursSpec({"mon-fri": "08:00-20:00", "sat": "09:00-15:00"}),
    "split": HoursSpec({"mon-fri": "08:00-12:00, 13:00-18:00", "holidays": "10:00-12:00"}),
    "night": HoursSpec({"fri-sat": "20:00-02:00"}),
    "dst": HoursSpec({"every day": "02:30-03:30", "holidays": "as usual"}),
}
EXCEPTIONS = [
    ExceptionSpec(date=date(2026, 12, 31), hours="08:00-14:00", name="Sylwester"),
    ExceptionSpec(date=date(2026, 8, 3), until=date(2026, 8, 5), hours="closed", name="przeprowadzka", only=("split",)),
]


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    return Calendar(WEEK, EXCEPTIONS, "Europe/Warsaw", "PL")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WARSAW)


@pytest.mark.parametrize(
    ("hours", "moment", "is_open"),
    [
        ("office", "2026-11-18T08:00", True),
        ("office", "2026-11-18T07:59", False),
        ("office", "2026-11-18T19:59", True),
        ("office", "2026-11-18T20:00", False),
        ("office", "2026-11-21T14:00", True),  # Saturday
        ("office", "2026-11-22T12:00", False),  # Sunday
        ("split", "2026-11-18T12:30", False),
        ("office", "2026-11-11T12:00", False),  # Independence Day
        ("split", "2026-11-11T11:00", True),  # hours of its own on holidays
        ("office", "2026-04-06T12:00", False),  # Easter Monday, a movable feast
        ("office", "2026-06-04T12:00", False),  # Corpus Christi
        ("office", "2026-12-24T12:00", False),  # Christmas Eve, a holiday since 2025
        ("office", "2024-12-24T12:00", True),  # and not before
        ("always", "2026-12-25T03:00", True),
        ("office", "2026-12-31T13:59", True),  # exception
        ("office", "2026-12-31T14:00", False),
        ("always", "2026-12-31T23:00", True),  # never closed by an exception that does not name it
        ("split", "2026-08-04T09:00", False),
        ("office", "2026-08-04T09:00", True),  # the exception is for others
        ("night", "2026-11-20T23:00", True),  # Friday night
        ("night", "2026-11-21T01:59", True),  # after midnight it is still Friday's
        ("night", "2026-11-21T02:00", False),
        ("night", "2026-11-23T01:00", False),
    ],
)
def test_open_or_closed(calendar: Calendar, hours: str, moment: str, is_open: bool) -> None:
    assert calendar.is_open(hours, at(moment)) is is_open


def test_the_time_zone_is_the_banks_whatever_the_clock_speaks(calendar: Calendar) -> None:
    winter, summer = datetime(2026, 1, 14, 7, 0, tzinfo=UTC), datetime(2026, 7, 15, 6, 0, tzinfo=UTC)
    assert calendar.is_open("office", winter)
    assert not calendar.is_open("office", winter - timedelta(minutes=1))
    assert calendar.is_open("office", summer)
    assert not calendar.is_open("office", summer - timedelta(minutes=1))


def test_the_repeated_hour_is_open_twice_and_the_skipped_one_never(calendar: Calendar) -> None:
    first = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # 2:45 summer time
    assert calendar.is_open("dst", first)
    assert calendar.is_open("dst", first + timedelta(hours=1))  # 2:45 winter time
    spring = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    opening = calendar.next_opening("dst", spring)
    assert opening is not None
    assert calendar.is_open("dst", opening.at)
    assert opening.at == datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "half past two does not exist: it opens at three"


@pytest.mark.parametrize(
    ("hours", "moment", "opens", "days"),
    [
        ("office", "2026-11-18T03:10", "2026-11-18T08:00", 0),
        ("office", "2026-11-18T12:00", "2026-11-19T08:00", 1),
        ("office", "2026-11-21T16:00", "2026-11-23T08:00", 2),
        ("office", "2026-12-24T12:00", "2026-12-28T08:00", 4),  # Christmas on a Friday, and a weekend
        ("split", "2026-11-18T12:10", "2026-11-18T13:00", 0),
        ("night", "2026-11-17T12:00", "2026-11-20T20:00", 3),
    ],
)
def test_the_next_opening(calendar: Calendar, hours: str, moment: str, opens: str, days: int) -> None:
    opening = calendar.next_opening(hours, at(moment))
    assert opening is not None
    assert (opening.at, opening.days_ahead) == (at(opens), days)


def test_hours_that_never_open_have_no_next_opening() -> None:
    never = Calendar({"never": HoursSpec({"mon": "closed"})}, [], "Europe/Warsaw", None)
    assert never.next_opening("never", at("2026-11-18T12:00")) is None


@given(st.integers(0, 6 * 365 * 24 * 60), st.sampled_from(["office", "split", "night", "dst"]))
def test_the_next_opening_is_open_and_nothing_opens_before_it(calendar: Calendar, minutes: int, hours: str) -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    opening = calendar.next_opening(hours, now)
    assert opening is not None
    assert opening.at.astimezone(UTC) > now
    assert calendar.is_open(hours, opening.at)
    was_open = calendar.is_open(hours, now)
    step = now
    while step + timedelta(minutes=30) < opening.at and not was_open:
        step += timedelta(minutes=30)
        assert not calendar.is_open(hours, step), "it opened before the next opening"


def test_a_time_without_zone_is_refused(calendar: Calendar) -> None:
    with pytest.raises(ValueError, match="aware"):
        calendar.is_open("office", datetime(2026, 11, 18, 12, 0))  # noqa: DTZ001 - that is the mistake


@pytest.mark.parametrize("text", ["8-20", "08:00", "25:00-26:00", "08:00-20:61", "open", 8, "08:00–20:00"])
def test_hours_that_cannot_be_read_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"hours are written|no time of day|not a time of day"):
        parse_intervals(text)


@pytest.mark.parametrize("days", ["monday", "fri-mon", "mon-xyz", "weekdays"])
def test_days_that_do_not_exist_are_refused(days: str) -> None:
    with pytest.raises(ValueError, match=r"is no day|backwards"):
        HoursSpec({days: "08:00-20:00"})
