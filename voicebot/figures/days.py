"""Days of the bank's calendar as moments."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo


def bounds(first: date, last: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """When the first day begins, and when the last one is over: the first moment that is not of it any more."""
    return datetime.combine(first, time(), zone), datetime.combine(last + timedelta(days=1), time(), zone)
