"""Words that were said beside words that were heard: what counts as the same, and how many differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from nlu.languages import languages
from nlu.text.normalise import canonical
from nlu.text.number_words import numbers_to_digits


def words_of(text: str, language: str) -> list[str]:
    """Words in lower case without marks; numbers as single digits, however they were written ("dwadzieścia pięć", "25": 2 5)."""
    plain = "".join(letter if letter.isalnum() else "" if letter in "'’" else " " for letter in canonical(text).casefold())
    if language in languages():
        plain = numbers_to_digits(plain, language)
    return [piece for word in plain.split() for piece in (list(word) if word.isdecimal() else [word])]


@dataclass(frozen=True, slots=True)
class Errors:
    """Of one text: how much differs, and of how much."""

    words: int
    of_words: int
    letters: int
    of_letters: int


def errors(said: str, heard: str, language: str) -> Errors:
    """Levenshtein distances, in words and in letters (the gaps between words count as letters)."""
    one, other = words_of(said, language), words_of(heard, language)
    letters = " ".join(one), " ".join(other)
    return Errors(Levenshtein.distance(one, other), len(one), Levenshtein.distance(*letters), len(letters[0]))


@dataclass(frozen=True, slots=True)
class Piece:
    """Words in a row that were heard as they were said, or not."""

    said: str
    heard: str

    @property
    def right(self) -> bool:
        """Whether nothing differs."""
        return self.said == self.heard


def compared(said: str, heard: str, language: str) -> Iterator[Piece]:
    """Both texts in pieces, for a reader to see where they differ."""
    one, other = words_of(said, language), words_of(heard, language)
    for step in Levenshtein.opcodes(one, other):
        yield Piece(_joined(one[step.src_start : step.src_end]), _joined(other[step.dest_start : step.dest_end]))


def _joined(words: Sequence[str]) -> str:
    return " ".join(words)
