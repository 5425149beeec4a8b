"""Answers to closed questions: what a recogniser without a grammar wrote, brought to the nearest phrase that was expected.

Whisper gets single words nearly right ("Ziesięć", "Jeden astie"). A reading that sounds like an expected phrase becomes it, its
confidence lowered by how far it was; one that does not stays as it is, since callers answer a yes-or-no question with
a new matter too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from audio.types import Reading

from .grammar import Grammar

# share of the letters from which on a phrase counts as meant: a long one has more that can be alike by chance
_ALIKE, _ALIKE_LONG, _LONG = 0.6, 0.7, 9
_SURE = 0.99

_SOUNDS = (
    ("dzi", "zi"), ("dź", "z"), ("dż", "z"), ("rz", "z"), ("ch", "h"), ("sz", "s"), ("cz", "c"), ("sh", "s"), ("ph", "f"),
    ("ck", "k"), ("wr", "r"), ("ght", "t"), ("ą", "o"), ("ó", "u"), ("v", "w"), ("y", "i"), ("j", "i"), ("q", "k"), ("x", "ks"),
)  # fmt: skip
_ROMAN = {"V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9, "X": 10, "XI": 11, "XII": 12, "XV": 15, "XIX": 19, "XX": 20}


def expected(readings: Iterable[Reading], allowed: Grammar) -> tuple[Reading, ...]:
    """The readings, best first, each brought to the expected phrase it sounds like, if it does."""
    meant: dict[str, float] = {}
    other: list[Reading] = []
    for reading in readings:
        text, likeness = _nearest(reading.text, allowed)
        if likeness:
            meant[text] = max(meant.get(text, 0.0), round(reading.confidence * likeness, 4))
        else:
            other.append(reading)
    found = [Reading(text, confidence) for text, confidence in sorted(meant.items(), key=lambda pair: -pair[1])]
    if other and len(other[0].text.split()) > 2:
        return (*other, *found)  # a sentence: a new matter rather than an answer
    return (*found, *other)


def chosen(writings: Iterable[tuple[str, float]], allowed: Grammar) -> Reading | None:
    """The answer whose writings ("Four.", "4") are the likeliest together, and how likely; None when none of them is one."""
    likely: dict[str, float] = {}
    texts: dict[str, str] = {}
    for text, probability in writings:
        plain = " ".join(re.findall(r"[\w']+", text.casefold()))
        words = tuple(allowed.figures.get(word, word) for word in plain.split())
        if plain and _answers(plain, words, allowed):
            meaning = " ".join(words)
            likely[meaning] = likely.get(meaning, 0.0) + probability
            texts.setdefault(meaning, plain)
    if not likely:
        return None
    best = max(likely, key=lambda meaning: likely[meaning])
    return Reading(texts[best], round(min(1.0, likely[best]), 4))


def _answers(plain: str, words: tuple[str, ...], allowed: Grammar) -> bool:
    if not allowed.repeated:
        return plain in allowed.phrases
    known = {*allowed.phrases, *allowed.figures.values()}
    return all(word in known or word.isdecimal() for word in words) and plain not in allowed.in_rows_only


def _nearest(text: str, allowed: Grammar) -> tuple[str, float]:
    """The phrase (or row of phrases) that `text` sounds like and how much; likeness 0 when nothing is near."""
    words = _figures(text)
    if allowed.repeated and words and all(word.isdigit() for word in words):
        return " ".join(words), 1.0
    whole = _closest("".join(words), allowed.phrases)
    if whole[1] >= _SURE or not allowed.repeated or len(words) < 2:
        return whole
    parts = [(word, 1.0) if word.isdigit() else _closest(word, allowed.phrases) for word in words]
    if all(likeness for _, likeness in parts):
        return " ".join(part for part, _ in parts), sum(likeness for _, likeness in parts) / len(parts)
    return whole


def _figures(text: str) -> list[str]:
    """Words, figures apart from letters, Roman numerals as figures: "4-5-6" is 4 5 6."""
    words = re.findall(r"\d+|[^\W\d_]+", text)
    return [str(_ROMAN[word]) if word in _ROMAN else word for word in words]


def _closest(word: str, phrases: tuple[str, ...]) -> tuple[str, float]:
    sound = folded(word)
    if not sound:
        return "", 0.0
    best, likeness = max(
        ((phrase, Levenshtein.normalized_similarity(sound, folded(phrase))) for phrase in phrases), key=lambda pair: pair[1]
    )
    return (best, likeness) if likeness >= (_ALIKE if len(sound) < _LONG else _ALIKE_LONG) else ("", 0.0)


@lru_cache(maxsize=1024)
def folded(text: str) -> str:
    """Letters by sound, roughly: what Polish and English spelling keep apart and a telephone does not."""
    sound = "".join(letter for letter in text.casefold() if letter.isalnum())
    for spelt, heard in _SOUNDS:
        sound = sound.replace(spelt, heard)
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", sound) if not unicodedata.combining(letter))
    return plain.replace("ł", "l")
