"""Days as people say them, without a clock: "pierwszego marca" is `--03-01`, "trzy dni temu" is `D-3`, "last friday" is `friday-1`.

Values: `YYYY-MM-DD`; `--MM-DD` when no year was said (ISO 8601 truncated form); `D-3`, `D+14` days from today; `friday`, `friday-1`,
`friday+1` for this, last and next week's weekday; `--MM` for a month.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nlu.languages import languages
from nlu.languages.language import DateWords, fold
from nlu.text.number_words import SpokenNumber, find_numbers

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_YEARS = range(1950, 2100)


@dataclass(frozen=True, slots=True)
class Day:
    """Words `start` to `end` (exclusive) name the day `value`."""

    start: int
    end: int
    value: str


def _places(names: str) -> dict[str, int]:
    """Word → place of its group."""
    return {word: place for place, words in enumerate(names.split("|")) for word in words.split()}


@dataclass(frozen=True, slots=True)
class _Calendar:
    """A language's date words, ready to look up."""

    words: DateWords
    month_of: dict[str, int]
    weekday_of: dict[str, int]


@lru_cache(maxsize=16)
def _calendar_of(lang: str) -> _Calendar | None:
    known = languages().get(lang)
    if known is None:
        return None
    return _Calendar(known.dates, _places(known.dates.months), _places(known.dates.weekdays))


def find_days(words: Sequence[str], lang: str) -> list[Day]:
    """Days named in these words, left to right. Never raises."""
    calendar = _calendar_of(lang)
    if calendar is None:
        return []
    folded = [fold(word) for word in words]
    numbers = find_numbers(words, lang)
    taken: set[int] = set()
    found: list[Day] = []
    for day in (*_dated(folded, numbers, calendar), *_relative(folded, numbers, calendar.words), *_named(folded, calendar)):
        span = set(range(day.start, day.end))
        if not span & taken:
            taken |= span
            found.append(day)
    return sorted(found, key=lambda day: day.start)


def _dated(folded: Sequence[str], numbers: Sequence[SpokenNumber], calendar: _Calendar) -> Iterator[Day]:
    """A month with the day before it (or after it, in some languages) and perhaps a year."""
    for at, word in enumerate(folded):
        month = calendar.month_of.get(word)
        if month is None:
            continue
        before = next(
            (n for n in numbers if n.end == at or (n.end == at - 1 and folded[at - 1] == (calendar.words.of or None))), None
        )
        after = next((n for n in numbers if n.start == at + 1), None)
        start, end = at, at + 1
        day = before if before is not None and 1 <= before.value <= 31 else None
        if day is not None:
            start = day.start
        elif calendar.words.month_first and after is not None and 1 <= after.value <= 31:
            day, end = after, after.end
            after = next((n for n in numbers if n.start == after.end), None) if after else None
        elif word in calendar.words.doubtful_months:
            continue  # "may I", "on the march": too common without a day
        year = ""
        if after is not None and int(after.value) in _YEARS and after.start >= end:
            year, end = str(int(after.value)), after.end
        yield Day(start, end, f"{year or '-'}-{month + 1:02}" + (f"-{int(day.value):02}" if day else ""))


def _relative(folded: Sequence[str], numbers: Sequence[SpokenNumber], dates: DateWords) -> Iterator[Day]:
    """ "trzy dni temu", "za dwa tygodnie", "a week ago"."""
    for at, word in enumerate(folded):
        days = dates.units.get(word)
        if days is None:
            continue
        number = next((n for n in numbers if n.end == at), None)
        start = number.start if number else at
        count = int(number.value) if number else 1
        if start > 0 and folded[start - 1] == "a":
            start -= 1
        if at + 1 < len(folded) and folded[at + 1] == dates.ago:
            yield Day(start, at + 2, f"D-{count * days}")
        elif start > 0 and folded[start - 1] == dates.ahead:
            yield Day(start - 1, at + 1, f"D+{count * days}")


def _named(folded: Sequence[str], calendar: _Calendar) -> Iterator[Day]:
    """Yesterday and its neighbours, and weekdays."""
    for at, word in enumerate(folded):
        if word in calendar.words.near:
            yield Day(at, at + 1, f"D{calendar.words.near[word]:+d}")
        elif word in calendar.weekday_of:
            before = folded[at - 1] if at else ""
            shift = "-1" if before in calendar.words.last else "+1" if before in calendar.words.next else ""
            yield Day(at - bool(shift), at + 1, _DAYS[calendar.weekday_of[word]] + shift)
