"""Hints: what is said in too many ways for set phrases. An entry is beginnings of words that must all be heard, in any order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_PLAIN = str.maketrans("ąćęłńóśźżø", "acelnoszzo")


def fold(text: str) -> str:
    """Small letters without their marks: recognisers and people who type leave them out."""
    quick = text.casefold().translate(_PLAIN)
    if quick.isascii():
        return quick
    decomposed = unicodedata.normalize("NFKD", quick).casefold()
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", plain)


def words_of(text: str) -> list[str]:
    """The folded words of an utterance."""
    return _WORD.findall(fold(text))


@lru_cache(maxsize=512)
def folded(phrases: tuple[str, ...]) -> tuple[str, ...]:
    """A bundle's phrases, folded."""
    return tuple(fold(phrase) for phrase in phrases)


@lru_cache(maxsize=512)
def _compiled(entries: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
    """Of each entry a stem that must be heard, the others, and what must not be heard ("!"). "_" joins words that follow one
    another.
    """
    compiled = []
    for written in entries:
        stems = [(stem.startswith("!"), f" {fold(stem.removeprefix('!')).replace('_', ' ')}") for stem in written.split()]
        first, *rest = [stem for never, stem in stems if not never]
        compiled.append((first, tuple(rest), tuple(stem for never, stem in stems if never)))
    return tuple(compiled)


def heard_in(entries: tuple[str, ...], words: Sequence[str]) -> bool:
    """One of the entries is heard in these folded words."""
    spoken = f" {' '.join(words)} "
    for first, rest, never in _compiled(entries):
        if first in spoken and all(stem in spoken for stem in rest) and not any(stem in spoken for stem in never):
            return True
    return False


def in_any_language(hints: Mapping[str, tuple[str, ...]], words: Sequence[str]) -> bool:
    """The hint is heard in whatever language: people in need fall back on their own."""
    return any(heard_in(entries, words) for entries in hints.values())
