"""What callers call their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

from nlu.text.patterns import folded, whole_words, words


class Name(StrEnum):
    """What a number is called."""

    STRONG = "strong"  # PIN, CVV
    CODE = "code"
    NUMBER = "number"  # of a card, a customer, a telephone
    HARMLESS = "harmless"  # a postal code, a house

    @property
    def secret(self) -> bool:
        """Whether even a short number of this name is a secret."""
        return self in (Name.STRONG, Name.CODE)


@lru_cache(maxsize=1)
def _name_patterns() -> tuple[tuple[Name, re.Pattern[str]], ...]:
    return (
        (Name.HARMLESS, whole_words(lambda each: each.harmless)),
        (Name.STRONG, whole_words(lambda each: each.strong)),
        (Name.CODE, whole_words(lambda each: each.codes)),
        (Name.NUMBER, whole_words(lambda each: each.numbers)),
    )


@lru_cache(maxsize=1)
def links() -> frozenset[str]:
    """Words that link a number and its name ("to", "is")."""
    return words(lambda each: each.links)


def names_in(text: str) -> Iterator[tuple[Name, int, int]]:
    """What numbers are called in this text, and where; of names that overlap the surest counts."""
    plain = folded(text)
    taken = bytearray(len(plain))
    for name, pattern in _name_patterns():
        for match in pattern.finditer(plain):
            start, end = match.span()
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                yield name, start, end
