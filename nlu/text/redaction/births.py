"""Dates of birth: a date beside "urodzony", "date of birth". Any other date stays readable."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from nlu.languages import languages
from nlu.text.patterns import folded, whole_words
from nlu.text.redaction.dictation import Token, tokens_of

BIRTH = "<birth>"

_REACH = 7
"""A date is looked for so many words from the word for being born."""
_INSIDE = frozenset("roku rok r of the w in on dnia dzien miesiac miesiaca month day year a i and tysiac".split())
_SPOKEN = 3
"""So many number words are more than an age."""
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class _Words:
    born: re.Pattern[str]
    numbers: frozenset[str]
    """Words that say a day, a month by its number, or a year."""
    ordinals: frozenset[str]
    months: frozenset[str]
    inside: frozenset[str]
    """All words that a date can have."""


@lru_cache(maxsize=1)
def _known() -> _Words:
    known = languages().values()
    entries = [each for language in known for each in language.number_words.items()]
    numbers = frozenset(word for word, entry in entries if entry.alone or entry.ordinal)
    months = frozenset(word for each in known for word in each.dates.months.replace("|", " ").split())
    ordinals = frozenset(word for word, entry in entries if entry.ordinal)
    return _Words(whole_words(lambda each: each.birth), numbers, ordinals, months, numbers | months | _INSIDE)


def names_birth(text: str) -> bool:
    """Whether a birth is spoken of."""
    return _known().born.search(folded(text)) is not None


def birth_dates(text: str, expected: bool = False) -> list[tuple[int, int]]:
    """Where dates of birth stand in the text, as places of characters. `expected`: one was asked for, so any date is one."""
    named = [match.span() for match in _known().born.finditer(folded(text))]
    if not named and not expected:
        return []
    tokens = tokens_of(text)
    starts = [token.start for token in tokens]
    places = [at for start, end in named for at in range(bisect_left(starts, start), bisect_left(starts, end))]
    return [
        (tokens[first].start, tokens[last - 1].end)
        for first, last in _dates(tokens)
        if expected or _is_near(places, first) or _is_near(places, last)
    ]


def _is_near(places: Sequence[int], at: int) -> bool:
    found = bisect_left(places, at - _REACH)
    return found < len(places) and places[found] <= at + _REACH


def _dates(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Runs of tokens that can be a date: two numbers or more, a month with one, or a year."""
    numbers, months, inside = _known().numbers, _known().months, _known().inside
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(tokens):
        if not (tokens[at].digits or tokens[at].word in numbers or tokens[at].word in months):
            at += 1
            continue
        first, last = at, at + 1
        while at < len(tokens) and (tokens[at].digits or tokens[at].word in inside):
            at += 1
            if tokens[at - 1].word not in _INSIDE:
                last = at
        said = [token for token in tokens[first:last] if token.word not in _INSIDE]
        if said and _can_be_date(said):
            found.append((first, last))
    return found


def _can_be_date(said: Sequence[Token]) -> bool:
    """Enough for a day and a month, or for a year; an age is not."""
    known = _known()
    names = any(token.word in known.months or token.word in known.ordinals for token in said)
    figures = sum(bool(token.digits) for token in said)
    year = any(_YEAR.fullmatch(token.digits) or len(token.digits) in (6, 8) for token in said)
    return year or len(said) >= _SPOKEN or (len(said) > 1 and (names or figures > 1))
