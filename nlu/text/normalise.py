"""What was said, made ready for reading: lower case, one Unicode form, no punctuation, no fillers, no stammering, and only
the second half of a self-correction ("saldo, to znaczy nie, chciałem przelew" is "chciałem przelew").
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from nlu.languages import languages
from nlu.languages.language import fold

_NOT_SPEECH = re.compile(r"[^\w\s<>%]|_", re.UNICODE)
_SPACES = re.compile(r"\s+")
_APOSTROPHES = re.compile(r"[’‘`´']")
_BROKEN_WORD = re.compile(r"\b(\w{1,8})(?:-|…|\.{2,})\s*(?=\1)", re.IGNORECASE)
_LONGEST_REPETITION = 4

_LEAST_AFTER_CORRECTION = 1
_SHORT_CORRECTION = 2
_NEGATIONS = (" nie", " not")
"""So many words may take the place of others; more stand for themselves."""


@lru_cache(maxsize=1)
def _corrections() -> tuple[re.Pattern[str], frozenset[str]]:
    """Self-corrections, and words that go on after one which ends in a no ("znaczy nie mogę" corrects nothing), of all languages:
    callers mix.
    """
    known = languages().values()
    phrases = "|".join(each.corrections for each in known).replace(" ", " (?:, )?")
    return (
        re.compile(rf"\b(?:{phrases})\b"),
        frozenset().union(*(each.not_corrected for each in known)),
    )


@lru_cache(maxsize=1)
def _verbs() -> re.Pattern[str]:
    """Words that are verbs by their form, in any language; folded."""
    return re.compile("|".join(each.denials.verb for each in languages().values()))


def canonical(text: str) -> str:
    """One Unicode form (NFC), lower case, apostrophes joined ("don't" → "dont"), punctuation to spaces, single spaces."""
    text = unicodedata.normalize("NFC", text).lower()
    text = _APOSTROPHES.sub("", text)
    return _SPACES.sub(" ", _NOT_SPEECH.sub(" ", text)).strip()


def normalise(text: str, lang: str) -> str:
    """`canonical`, without the fillers of `lang`, stammering and what the speaker took back. Idempotent, never raises."""
    words = canonical(_BROKEN_WORD.sub("", text)).split()
    known = languages().get(lang)
    fillers = known.fillers if known is not None else frozenset()
    words = [word for word in words if word not in fillers] or words
    return " ".join(_once(mended(_once(words))))


def mended(words: list[str]) -> list[str]:
    """The words as their speaker mended them: "zastrzec kartę, to znaczy nie, dowód" is "zastrzec dowód". Lone commas may be among them.

    A long afterthought stands for itself; a short one takes the place of what it is like: from the word it repeats on, a verb of
    the last verb, other words of as many at the end.
    """
    sentence = " ".join(words)
    corrections, not_corrected = _corrections()
    for match in reversed(list(corrections.finditer(sentence))):
        before, after = _no_commas(sentence[: match.start()]), _no_commas(sentence[match.end() :])
        goes_on = match.group().endswith(_NEGATIONS) and bool(after) and after[0] in not_corrected
        if before and len(after) >= _LEAST_AFTER_CORRECTION and not goes_on:
            return sentence[match.end() :].strip(" ,").split() if len(after) > _SHORT_CORRECTION else _put_right(before, after)
    return words


def _no_commas(sentence: str) -> list[str]:
    return sentence.replace(",", " ").split()


def _put_right(before: list[str], after: list[str]) -> list[str]:
    if after[0] in before:
        return [*before[: len(before) - 1 - before[::-1].index(after[0])], *after]
    verbs = _verbs()
    if len(after) == 1 and verbs.fullmatch(fold(after[0])):
        last = next((at for at in range(len(before) - 1, -1, -1) if verbs.fullmatch(fold(before[at]))), None)
        return after if last is None else [*before[:last], *after, *before[last + 1 :]]
    return [*before[: max(0, len(before) - len(after))], *after]


def _once(words: list[str]) -> list[str]:
    """Words and runs of up to four words said twice in a row said once, until nothing changes."""
    changed = len(set(words)) < len(words)
    while changed:
        changed = False
        for size in range(min(_LONGEST_REPETITION, len(words) // 2), 0, -1):
            kept = _without_echo(words, size)
            if len(kept) < len(words):
                words, changed = kept, True
    return words


def _without_echo(words: list[str], size: int) -> list[str]:
    kept: list[str] = []
    position = 0
    while position < len(words):
        piece = words[position : position + size]
        if len(piece) == size and kept[-size:] == piece and not all(word.isdigit() for word in piece):
            position += size
        else:
            kept.append(words[position])
            position += 1
    return kept
