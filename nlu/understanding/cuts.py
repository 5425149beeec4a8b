"""Where the matter is in an utterance: two matters in one breath, and a matter named after "I want to talk to someone about".

An utterance is cut here, so that each part can be classified for itself. Patterns have no diacritics: callers' words are folded to
match them (letter for letter, so places stay the same).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from nlu.languages import languages
from nlu.languages.language import fold


def _pattern(cuts: str) -> re.Pattern[str]:
    return re.compile(r"\s(?:" + " ".join(cuts.split()).replace("| ", "|") + r")(?=\s)")


@lru_cache(maxsize=16)
def _patterns(lang: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]] | None:
    """Marked cuts, plain cuts, and a request for a human about something."""
    known = languages().get(lang)
    if known is None:
        return None
    return _pattern(known.matters.cuts_marked), _pattern(known.matters.cuts_plain), re.compile(known.matters.about)


_LEAST_WORDS = 2


@dataclass(frozen=True, slots=True)
class Cut:
    """An utterance in two parts. `marked`: the words between them say that something else follows ("and another thing")."""

    parts: tuple[str, str]
    marked: bool


def possible_cuts(text: str, lang: str) -> list[Cut]:
    """Ways to cut a normalised utterance in two at a conjunction, both parts of at least two words; the likelier first."""
    found: dict[int, Cut] = {}
    for pattern, marked in zip(_patterns(lang) or (), (True, False), strict=False):
        for match in pattern.finditer(fold(text)):
            parts = text[: match.start()].strip(), text[match.end() :].strip()
            if min(len(part.split()) for part in parts) >= _LEAST_WORDS:
                found.setdefault(match.start(), Cut(parts, marked))
    return list(found.values())


def shared_cuts(text: str, lang: str) -> Iterator[tuple[str, str]]:
    """Readings of two things that share their other words: "ukradli mi dowód i kartę" is "ukradli mi dowód" and "ukradli mi kartę"."""
    known = languages().get(lang)
    if known is None:
        return
    words = text.split()
    joins = frozenset(known.matters.joins.split())
    for at in range(1, len(words) - 1):
        if fold(words[at]) in joins:
            before, after = words[:at], words[at + 1 :]
            yield " ".join([*before, *after[1:]]), " ".join([*before[:-1], *after])


def asked_about(text: str, lang: str) -> str | None:
    """What a request for a human is about: "o lokacie" of "chcę z kimś porozmawiać o lokacie"; None when nothing is named."""
    patterns = _patterns(lang)
    found = patterns[2].search(fold(text)) if patterns is not None else None
    return text[found.start("matter") :] if found else None
