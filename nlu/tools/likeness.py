"""Lines that say nearly the same: alike but for a word, or but for a few letters. No pair is compared that shares no rare word.

Word-level pairs are found by signatures (a text without each of its words in turn), in linear time. Letter-level pairs are looked
for among texts that share one of their rarest words, and measured by the ratio of matching letters (Indel distance).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz.fuzz import ratio

from nlu.languages.language import fold

LEAST_WORDS = 5
"""Shorter texts differ by a word when they mean different things: "zgubiona karta", "złamana karta"."""
LIKE = 90.0
"""Share of matching letters, 0..100, from which texts are alike."""
_RARE_WORDS = 3
_CROWD = 60
"""A word shared by more texts than this tells too little to compare them for it."""


class Kind(StrEnum):
    """How two texts are alike."""

    SAME = "the same"
    WORD = "the same but for a word"
    LETTERS = "the same but for a few letters"


@dataclass(frozen=True, slots=True)
class Pair:
    """Texts number `first` and `second` (first < second), and how they are alike."""

    first: int
    second: int
    kind: Kind


def near_pairs(texts: Sequence[str]) -> list[Pair]:
    """Pairs of normalised texts that are alike, each pair once, strongest kind first, in the texts' order."""
    folded = [tuple(fold(text).split()) for text in texts]
    found: dict[tuple[int, int], Kind] = {}
    for first, second, kind in (*_same(folded), *_but_for_a_word(folded), *_but_for_letters(folded)):
        found.setdefault((first, second), kind)
    return [Pair(first, second, kind) for (first, second), kind in sorted(found.items())]


Words = tuple[str, ...]


def _same(texts: Sequence[Words]) -> Iterator[tuple[int, int, Kind]]:
    """Each text with the first that has the same words, in whatever order."""
    first: dict[Words, int] = {}
    for number, words in enumerate(texts):
        other = first.setdefault(tuple(sorted(words)), number)
        if other != number:
            yield other, number, Kind.SAME


def _but_for_a_word(texts: Sequence[Words]) -> Iterator[tuple[int, int, Kind]]:
    """Texts with one word more, less or other in one place."""
    seen: dict[tuple[Words, int], int] = {}
    whole: dict[Words, int] = {}
    for number, words in enumerate(texts):
        if len(words) >= LEAST_WORDS:
            whole.setdefault(words, number)
    for number, words in enumerate(texts):
        if len(words) < LEAST_WORDS:
            continue
        for place in range(len(words)):
            without = words[:place] + words[place + 1 :]
            for other in (seen.setdefault((without, place), number), whole.get(without, number)):
                if other != number:
                    yield min(number, other), max(number, other), Kind.WORD


def _but_for_letters(texts: Sequence[Words]) -> Iterator[tuple[int, int, Kind]]:
    counts = Counter(word for words in texts for word in set(words))
    sharing: dict[str, list[int]] = {}
    joined = [" ".join(words) for words in texts]
    for number, words in enumerate(texts):
        rarest = sorted(set(words), key=lambda word: (counts[word], word))[:_RARE_WORDS]
        others = {other for word in rarest if counts[word] <= _CROWD for other in sharing.get(word, ())}
        for other in sorted(others):
            if ratio(joined[other], joined[number], score_cutoff=LIKE):
                yield other, number, Kind.LETTERS
        for word in set(words):
            if counts[word] <= _CROWD:
                sharing.setdefault(word, []).append(number)
