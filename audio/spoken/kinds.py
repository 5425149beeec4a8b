"""From a kind and a value to words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import english, polish, values

Words = Callable[[str], str]


def _signed(text: str, negative: bool) -> str:
    return f"minus {text}" if negative else text


def _number(value: str, cardinal: Callable[[int], str], decimals: Callable[[int, str], str]) -> str:
    whole, fraction, negative = values.decimal(value)
    return _signed(decimals(whole, fraction) if fraction else cardinal(whole), negative)


def _digits(value: str, digit: Callable[[str], str]) -> str:
    return ", ".join(" ".join(map(digit, group)) for group in values.digit_groups(value))


def _count(value: str) -> int:
    number = values.whole(value)
    if number < 0:
        raise ValueError(f"{value!r}: only zero or more can be counted")
    return number


_POLISH: Mapping[str, Words] = {
    "number": lambda value: _number(value, polish.cardinal, polish.decimals),
    "ordinal": lambda value: polish.ordinal(_count(value)),
    "amount": lambda value: polish.amount(values.money(value)),
    "money": lambda value: polish.amount(values.money(value)),
    "hour": lambda value: polish.hour(values.clock(value)),
    "hours_range": lambda value: polish.hours_range(*values.clock_range(value)),
    "date": lambda value: polish.date_words(values.day(value)),
    "weekday": lambda value: polish.WEEKDAYS[values.weekday(value)],
    "phone": lambda value: polish.phone(values.phone(value)),
    "digits": lambda value: _digits(value, polish.digit),
    "minutes": lambda value: polish.minutes(_count(value)),
    "about_minutes": lambda value: f"około {polish.minutes_of(_count(value))}",
    "text": str,
}

_ENGLISH: Mapping[str, Words] = {
    "number": lambda value: _number(value, english.cardinal, english.decimals),
    "ordinal": lambda value: english.ordinal(_count(value)),
    "amount": lambda value: english.amount(values.money(value)),
    "money": lambda value: english.amount(values.money(value)),
    "hour": lambda value: english.hour(values.clock(value)),
    "hours_range": lambda value: english.hours_range(*values.clock_range(value)),
    "date": lambda value: english.date_words(values.day(value)),
    "weekday": lambda value: english.WEEKDAYS[values.weekday(value)],
    "phone": lambda value: english.phone(values.phone(value)),
    "digits": lambda value: _digits(value, english.digit),
    "minutes": lambda value: english.minutes(_count(value)),
    "about_minutes": lambda value: f"about {english.minutes(_count(value))}",
    "text": str,
}

_LANGUAGES: Mapping[str, Mapping[str, Words]] = {"pl": _POLISH, "en": _ENGLISH}
LANGUAGES = frozenset(_LANGUAGES)
KINDS = frozenset(_POLISH)


def speak(kind: str, value: str, language: str) -> str:
    """`value` of `kind` in words of `language` (pl, en).

    | kind | value | pl | en |
    |---|---|---|---|
    | number | 22, 2.5 | dwadzieścia dwa, dwa i pół | twenty-two, two point five |
    | ordinal | 3 | trzeci | third |
    | amount, money | 2.01, 20 EUR | dwa złote i jeden grosz | two zlotys and one grosz |
    | hour | 08:30 | ósmej trzydzieści (after o, od, do) | half past eight in the morning |
    | hours_range | 08:00-16:00 | od ósmej do szesnastej | from eight in the morning to … |
    | date | 2026-03-05 | piątego marca | the fifth of March |
    | weekday | mon, or a date | poniedziałek | Monday |
    | phone | +48601123456 | sześćset jeden, sto… | six zero one, one two… |
    | digits | 1234, 12* | jeden dwa trzy cztery | one two three four |
    | minutes, about_minutes | 3 | trzy minuty, około trzech minut | three minutes, about three… |
    | text | anything | as it is | as it is |

    Raises ValueError with an example of what is right.
    """
    if language not in _LANGUAGES:
        raise ValueError(f"values are spoken in {', '.join(sorted(LANGUAGES))}, not in {language!r}")
    if kind not in KINDS:
        raise ValueError(f"there is no kind of value {kind!r}: known are {', '.join(sorted(KINDS))}")
    return _LANGUAGES[language][kind](value.strip())
