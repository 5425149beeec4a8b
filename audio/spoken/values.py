"""What the values inside prompts may look like, and the plain values they are read into."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LARGEST = 10**12 - 1
LONGEST_DIGITS = 10

# first two digits of Polish mobile numbers (numbering plan of UKE); all others are area codes of the fixed network
_MOBILE = frozenset("45 50 51 53 57 60 66 69 72 73 78 79 88".split())


@dataclass(frozen=True, slots=True)
class Money:
    """`whole` units and `part` hundredths of the currency (ISO 4217)."""

    whole: int
    part: int
    currency: str
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day, 00:00 to 24:00."""

    hour: int
    minute: int


WHOLE_DAY = Clock(0, 0), Clock(24, 0)


@dataclass(frozen=True, slots=True)
class Phone:
    """Groups of digits as a person would say them; `country` is "" for Poland."""

    country: str
    groups: tuple[str, ...]


def whole(value: str) -> int:
    """A whole number below a billion (10^12) in size."""
    if not re.fullmatch(r"-?[0-9]{1,12}", value):
        raise ValueError(f"{value!r} is no whole number such as 12")
    return int(value)


def decimal(value: str) -> tuple[int, str, bool]:
    """Whole part, digits behind the point ("" for none), and whether it is negative."""
    if not (found := re.fullmatch(r"(-?)([0-9]{1,12})(?:[.,]([0-9]{1,6}))?", value)):
        raise ValueError(f"{value!r} is no number such as 12 or 2.5")
    return int(found[2]), found[3] or "", bool(found[1])


def money(value: str) -> Money:
    """Such as "1200.50", "1200,5 PLN", "20 EUR"; zlotys when no currency is named."""
    if not (found := re.fullmatch(r"(-?)([0-9]{1,12}(?:[.,][0-9]{1,2})?)(?: ?([A-Z]{3}))?", value)):
        raise ValueError(f"{value!r} is no amount such as 1200.50 or 20 EUR")
    hundredths = int(Decimal(found[2].replace(",", ".")) * 100)
    return Money(hundredths // 100, hundredths % 100, found[3] or "PLN", bool(found[1]) and hundredths > 0)


def clock(value: str) -> Clock:
    """Such as "8", "08:00", "16:30"."""
    found = re.fullmatch(r"([0-9]{1,2})(?::([0-9]{2}))?", value)
    hour, minute = (int(found[1]), int(found[2] or 0)) if found else (99, 0)
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise ValueError(f"{value!r} is no time of day such as 08:00")
    return Clock(hour, minute)


def clock_range(value: str) -> tuple[Clock, Clock]:
    """Such as "08:00-16:30"."""
    opens, dash, closes = value.partition("-")
    if not dash:
        raise ValueError(f"{value!r} is no range of hours such as 08:00-16:00")
    return clock(opens.strip()), clock(closes.strip())


def day(value: str) -> date:
    """An ISO date such as "2026-03-05"."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is no date such as 2026-03-05") from None


def weekday(value: str) -> int:
    """0 for Monday: of "mon", or of an ISO date."""
    if value in WEEKDAYS:
        return WEEKDAYS.index(value)
    try:
        return day(value).weekday()
    except ValueError:
        raise ValueError(f"{value!r} is no weekday: write one of {', '.join(WEEKDAYS)}, or a date such as 2026-03-05") from None


def phone(value: str) -> Phone:
    """A Polish number in its usual groups (601 123 456; 22 123 45 67), another one in threes. E.164, or national digits."""
    digits = re.sub(r"[ ().-]", "", value)
    if not re.fullmatch(r"\+?[0-9]{3,15}", digits):
        raise ValueError("a phone number is written as +48601123456")  # the value itself is personal: not in the message
    country = ""
    if digits.startswith("+48") and len(digits) == 12:
        digits = digits[3:]
    elif digits.startswith("+"):
        country, digits = "+", digits[1:]
    if country or len(digits) != 9:
        return Phone(country, tuple(threes(digits)))
    if digits[:2] in _MOBILE:
        return Phone("", (digits[:3], digits[3:6], digits[6:]))
    return Phone("", (digits[:2], digits[2:5], digits[5:7], digits[7:]))


def digit_groups(value: str) -> list[str]:
    """Groups of digits and keys (* #), as spaced in the value, or by threes.

    More than ten may be somebody's PESEL, card or account: those are never read back. Raises ValueError.
    """
    if not re.fullmatch(r"[0-9*# ]*[0-9*#][0-9*# ]*", value):
        raise ValueError("only digits, * and # can be read out one by one")
    if len(value.replace(" ", "")) > LONGEST_DIGITS:
        raise ValueError(f"more than {LONGEST_DIGITS} digits are never read out: it may be a personal number")
    groups = value.split()
    return groups if len(groups) > 1 else threes(groups[0])


def threes(digits: str) -> list[str]:
    """Digits in threes, the last group of two to four: nobody says a single digit by itself at the end."""
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    if len(groups) > 1 and len(groups[-1]) == 1:
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups
