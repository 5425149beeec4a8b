"""Dates of birth: a date beside "urodzony", "date of birth". Any other date stays readable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from nlu.languages import languages
from nlu.text.dictation import Token, tokens_of
from nlu.text.patterns import folded, whole_words

BIRTH = "<birth>"

_REACH = 7
"""A date is looked for so many words from the word for being born."""
_INSIDE = frozenset("roku rok r of the w in on dnia dzien miesiac miesiaca month day year a i and tysiac".split())
_YEAR = re.compile(r"(?:19|20)\d\d")


@lru_cache(maxsize=1)
def _known() -> tuple[re.Pattern[str], frozenset[str], frozenset[str]]:
    """Words for being born; words that say a day, a month by its number, or a year; names of months."""
    known = languages().values()
    numbers = frozenset(word for each in known for word, entry in each.number_words.items() if entry.alone or entry.ordinal)
    months = frozenset(word for each in known for word in each.dates.months.replace("|", " ").split())
    return whole_words(lambda each: each.birth), numbers, months


def birth_dates(text: str, expected: bool = False) -> list[tuple[int, int]]:
    """Where dates of birth stand in the text, as places of characters. `expected`: one was asked for, so any date is one."""
    named = [match.span() for match in _known()[0].finditer(folded(text))]
    if not named and not expected:
        return []
    tokens = tokens_of(text)
    places = [at for at, token in enumerate(tokens) if any(start <= token.start < end for start, end in named)]
    return [
        (tokens[first].start, tokens[last - 1].end)
        for first, last in _dates(tokens)
        if expected or any(min(abs(first - place), abs(last - place)) <= _REACH for place in places)
    ]


def _dates(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Runs of tokens that can be a date: two numbers or more, a month with one, or a year."""
    _, numbers, months = _known()
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(tokens):
        if not (tokens[at].digits or tokens[at].word in numbers or tokens[at].word in months):
            at += 1
            continue
        first, last = at, at + 1
        while at < len(tokens) and (tokens[at].digits or tokens[at].word in numbers | months | _INSIDE):
            at += 1
            if tokens[at - 1].word not in _INSIDE:
                last = at
        said = [token for token in tokens[first:last] if token.word not in _INSIDE]
        if len(said) > 1 or _YEAR.fullmatch(said[0].digits) or len(said[0].digits) in (6, 8):
            found.append((first, last))
    return found
