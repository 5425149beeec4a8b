"""Days as people say them, without a clock: "pierwszego marca" is `--03-01`, "trzy dni temu" is `D-3`, "last friday" is `friday-1`.

Values: `YYYY-MM-DD`; `--MM-DD` when no year was said (ISO 8601 truncated form); `D-3`, `D+14` days from today; `friday`, `friday-1`,
`friday+1` for this, last and next week's weekday; `--MM` for a month.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nlu.text.numbers import Number, find_numbers, fold

_MONTHS = {
    "pl": """stycznia styczniu styczen|lutego lutym luty|marca marcu marzec|kwietnia kwietniu kwiecien|maja maju maj|czerwca czerwcu czerwiec|
        lipca lipcu lipiec|sierpnia sierpniu sierpien|wrzesnia wrzesniu wrzesien|pazdziernika pazdzierniku pazdziernik|
        listopada listopadzie listopad|grudnia grudniu grudzien""",
    "en": "january|february|march|april|may|june|july|august|september|october|november|december",
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAYS = {
    "pl": """poniedzialek poniedzialku|wtorek wtorku|sroda srode sroda srody|czwartek czwartku|piatek piatku|sobota sobote soboty|
        niedziela niedziele niedzieli""",
    "en": "|".join(_DAYS),
}
_NEAR = {
    "pl": {"dzisiaj": 0, "dzis": 0, "wczoraj": -1, "przedwczoraj": -2, "jutro": 1, "pojutrze": 2, "jutra": 1},
    "en": {"today": 0, "yesterday": -1, "tomorrow": 1},
}
_LAST = {
    "pl": frozenset("zeszly zeszla zeszlym zeszlego ubiegly ubiegla ubieglym ostatni ostatnia ostatnim".split()),
    "en": frozenset({"last", "past"}),
}
_NEXT = {"pl": frozenset("przyszly przyszla przyszlym nastepny nastepna nastepnym".split()), "en": frozenset({"next"})}
_UNITS = {
    "pl": {
        "dzien": 1,
        "dni": 1,
        "dnia": 1,
        "tydzien": 7,
        "tygodnie": 7,
        "tygodni": 7,
        "tygodnia": 7,
        "miesiac": 30,
        "miesiace": 30,
        "miesiecy": 30,
    },
    "en": {"day": 1, "days": 1, "week": 7, "weeks": 7, "month": 30, "months": 30, "fortnight": 14},
}
_AGO = {"pl": "temu", "en": "ago"}
_AHEAD = {"pl": "za", "en": "in"}
_YEARS = range(1950, 2100)


@dataclass(frozen=True, slots=True)
class Day:
    """Words `start` to `end` (exclusive) name the day `value`."""

    start: int
    end: int
    value: str


def _table(text: dict[str, str]) -> dict[str, dict[str, int]]:
    return {
        lang: {word: place for place, words in enumerate(names.split("|")) for word in words.split()}
        for lang, names in text.items()
    }


_MONTH_OF, _WEEKDAY_OF = _table(_MONTHS), _table(_WEEKDAYS)


def find_days(words: Sequence[str], lang: str) -> list[Day]:
    """Days named in these words, left to right. Never raises."""
    if lang not in _MONTHS:
        return []
    folded = [fold(word) for word in words]
    numbers = find_numbers(words, lang)
    taken: set[int] = set()
    found: list[Day] = []
    for day in (*_calendar(folded, numbers, lang), *_relative(folded, numbers, lang), *_named(folded, lang)):
        span = set(range(day.start, day.end))
        if not span & taken:
            taken |= span
            found.append(day)
    return sorted(found, key=lambda day: day.start)


def _calendar(folded: Sequence[str], numbers: Sequence[Number], lang: str) -> Iterator[Day]:
    """A month with the day before it (or after it, in English) and perhaps a year."""
    for at, word in enumerate(folded):
        month = _MONTH_OF[lang].get(word)
        if month is None:
            continue
        before = next((n for n in numbers if n.end == at or (n.end == at - 1 and folded[at - 1] == "of")), None)
        after = next((n for n in numbers if n.start == at + 1), None)
        start, end = at, at + 1
        day = before if before is not None and 1 <= before.value <= 31 else None
        if day is not None:
            start = day.start
        elif lang == "en" and after is not None and 1 <= after.value <= 31:
            day, end = after, after.end
            after = next((n for n in numbers if n.start == after.end), None) if after else None
        elif word in {"may", "march", "maj", "maja", "maju"}:
            continue  # "may I", "on the march": too common without a day
        year = ""
        if after is not None and int(after.value) in _YEARS and after.start >= end:
            year, end = str(int(after.value)), after.end
        yield Day(start, end, f"{year or '-'}-{month + 1:02}" + (f"-{int(day.value):02}" if day else ""))


def _relative(folded: Sequence[str], numbers: Sequence[Number], lang: str) -> Iterator[Day]:
    """ "trzy dni temu", "za dwa tygodnie", "a week ago"."""
    for at, word in enumerate(folded):
        days = _UNITS[lang].get(word)
        if days is None:
            continue
        number = next((n for n in numbers if n.end == at), None)
        start = number.start if number else at
        count = int(number.value) if number else 1
        if start > 0 and folded[start - 1] == "a":
            start -= 1
        if at + 1 < len(folded) and folded[at + 1] == _AGO[lang]:
            yield Day(start, at + 2, f"D-{count * days}")
        elif start > 0 and folded[start - 1] == _AHEAD[lang]:
            yield Day(start - 1, at + 1, f"D+{count * days}")


def _named(folded: Sequence[str], lang: str) -> Iterator[Day]:
    """Yesterday and its neighbours, and weekdays."""
    for at, word in enumerate(folded):
        if word in _NEAR[lang]:
            yield Day(at, at + 1, f"D{_NEAR[lang][word]:+d}")
        elif word in _WEEKDAY_OF[lang]:
            before = folded[at - 1] if at else ""
            shift = "-1" if before in _LAST[lang] else "+1" if before in _NEXT[lang] else ""
            yield Day(at - bool(shift), at + 1, _DAYS[_WEEKDAY_OF[lang][word]] + shift)
