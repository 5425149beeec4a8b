"""Values that between them are spoken with every word that any value of their kind is: what a studio must record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from itertools import chain

from .english import KEYS
from .polish import CURRENCIES
from .values import WEEKDAYS

MOST_MINUTES = 999
"""Nobody is told of a longer wait; one that is so long is synthesised."""

_HUNDREDS = range(1000)
_CLOCK = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)] + ["24:00"]


def covering(kind: str) -> Iterator[str]:
    """Values of the kind. Every word stands among them in every position that it can have: inside, before a comma, at the end.
    None for the kind `text`, which may say anything. Raises KeyError for a kind that is unknown.
    """
    return _COVERING[kind]()


def _whole() -> Iterator[str]:
    yield from map(str, _HUNDREDS)
    for power in (1, 2, 3):
        yield from (str(count * 1000**power) for count in range(1, 1000))
        yield from (str(count * 1000**power + 1) for count in (1, 2, 5))  # thousands of each form, not at the end
    yield "-1"


def _number() -> Iterator[str]:
    yield from _whole()
    yield from ("0.5", "1.5")
    yield from (f"1.{fraction:03}" for fraction in _HUNDREDS)
    yield from (f"1.{str(digit) * 4}" for digit in range(10))


def _amount() -> Iterator[str]:
    for currency in CURRENCIES:
        yield from (f"{whole} {currency}" for whole in _whole())
        yield from (f"{whole}.{part:02} {currency}" for whole in (0, 1) for part in range(1, 100))
        yield from (f"{whole}.01 {currency}" for whole in range(1, 6))


def _hours_range() -> Iterator[str]:
    yield "00:00-24:00"
    yield from (f"{opens}-12:30" for opens in _CLOCK)
    yield from (f"08:00-{closes}" for closes in _CLOCK)


def _date() -> Iterator[str]:
    return (str(date(2024, 1, 1) + timedelta(days=day)) for day in range(366))


def _phone() -> Iterator[str]:
    yield from (f"601{group:03}{group:03}" for group in _HUNDREDS)
    yield from (f"+{group:03}{group:03}" for group in _HUNDREDS if group)
    yield from (f"22123{group:02}{group:02}" for group in range(100))
    yield from (f"{group:02}1234567" for group in range(100))
    yield from (f"+491{str(digit) * 4}" for digit in range(10))
    yield from (f"+49{digit}" for digit in range(10))
    yield from (str(digit) * 4 for digit in range(10))


def _digits() -> Iterator[str]:
    return (f"{key * 3} {key * 3}" for key in chain("0123456789", KEYS))


def _minutes() -> Iterator[str]:
    return map(str, range(MOST_MINUTES + 1))


_COVERING: Mapping[str, Callable[[], Iterator[str]]] = {
    "number": _number,
    "ordinal": lambda: map(str, _HUNDREDS),
    "amount": _amount,
    "money": _amount,
    "hour": lambda: iter(_CLOCK),
    "hours_range": _hours_range,
    "date": _date,
    "weekday": lambda: iter(WEEKDAYS),
    "phone": _phone,
    "digits": _digits,
    "minutes": _minutes,
    "about_minutes": _minutes,
    "text": lambda: iter(()),
}
