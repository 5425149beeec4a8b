"""Dialogue acts by rule: yes, no, again, help, wait, bye and "a human", alone or before new content.

An utterance made only of an act's phrases and polite words is that act for certain. What is left over after a leading yes or no is
new content: "nie, nie o kartę, o kredyt" is a denial with "o kredyt" left to classify. "nie działa mi karta" is no denial.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from nlu.languages import languages
from nlu.languages.language import fold
from nlu.text.normalise import canonical
from nlu.types import Act

_STRONGEST_FIRST = (Act.AGENT, Act.REPEAT, Act.WAIT, Act.GOODBYE, Act.HELP)
_LONGEST_CONTRAST = 8
"""In so many words "not this but that" contrasts two things; in more it tells a story ("not my payment but a stranger's…")."""
_LONGEST_ACT = 12
"""An utterance of more words is never only an act."""


@dataclass(frozen=True, slots=True)
class SpokenAct:
    """An act found by rule. `rest` is the new content said with it, normal words, "" when there is none.

    `sure` is False when the words could be read otherwise ("nie o kartę": not the card, or no, the card).
    """

    act: Act
    rest: str = ""
    sure: bool = True


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """Folded phrases as tuples of words, and the words that decide what a leading yes or no means."""

    acts: dict[tuple[str, ...], Act]
    polite: frozenset[tuple[str, ...]]
    longest: int
    lead_affirm: frozenset[tuple[str, ...]]
    lead_deny: frozenset[tuple[str, ...]]
    not_affirm_before: frozenset[str]
    deny_before: frozenset[str]
    contrast: frozenset[str]
    negations: frozenset[str]
    negated: tuple[re.Pattern[str], ...]


def find_act(text: str, lang: str) -> SpokenAct | None:
    """The act in `text` as the recogniser wrote it; None when the words are a matter, nothing, or of an unknown language."""
    if lang not in languages():
        return None
    lexicon = _lexicon(lang)
    words = canonical(text).split()
    folded = [fold(word) for word in words]
    if not words:
        return None
    only = _only_acts(folded, lexicon) if len(words) <= _LONGEST_ACT else None
    return only or _denial(text, words, folded, lexicon) or _affirmation(text, words, folded, lexicon)


def _only_acts(words: list[str], lexicon: _Lexicon) -> SpokenAct | None:
    """The act when phrases and polite words cover everything said. Of yes and no, the last word counts."""
    cover = _cover(words, lexicon)
    found = [act for act in cover or () if act is not None]
    if not found:
        return None
    return SpokenAct(next((act for act in _STRONGEST_FIRST if act in found), found[-1]))


def _cover(words: list[str], lexicon: _Lexicon) -> list[Act | None] | None:
    """Acts (None: politeness) of phrases that cover all words, longest phrases first; None when words are left over."""
    if not words:
        return []
    for size in range(min(lexicon.longest, len(words)), 0, -1):
        phrase = tuple(words[:size])
        if phrase not in lexicon.acts and phrase not in lexicon.polite:
            continue
        rest = _cover(words[size:], lexicon)
        if rest is not None:
            return [lexicon.acts.get(phrase), *rest]
    return None


def _affirmation(text: str, words: list[str], folded: list[str], lexicon: _Lexicon) -> SpokenAct | None:
    """A leading yes with new content after it."""
    size = _lead_size(folded, lexicon.lead_affirm)
    if not size or size == len(words):
        return None
    marked = _marked(text, size)
    if not marked and folded[size] in lexicon.not_affirm_before:
        return None
    return SpokenAct(Act.AFFIRM, " ".join(words[size:]), sure=marked)


def _denial(text: str, words: list[str], folded: list[str], lexicon: _Lexicon) -> SpokenAct | None:
    """A leading no with new content after it, or "not this but that"."""
    size = _lead_size(folded, lexicon.lead_deny)
    if not size and folded[0] not in lexicon.negations:
        return None
    sentence = " ".join(folded)
    patterns = lexicon.negated if len(words) <= _LONGEST_CONTRAST else lexicon.negated[:1]
    for pattern in patterns:
        if match := pattern.search(sentence):
            kept = words[sentence[: match.start("kept")].count(" ") :]
            return SpokenAct(Act.DENY, " ".join(kept))
    if not size or size == len(words):
        return None
    marked = _marked(text, size)
    if not marked and size < 2 and folded[size] not in lexicon.deny_before:
        return None
    while size < len(words) and folded[size] in lexicon.contrast:
        size += 1
    return SpokenAct(Act.DENY, " ".join(words[size:]), sure=marked or size > 1)


def _lead_size(words: list[str], phrases: frozenset[tuple[str, ...]]) -> int:
    """How many words of leading phrases, the longest first, one after the other."""
    total, longest = 0, max(map(len, phrases), default=0)
    while size := _phrase_size(words[total : total + longest], phrases):
        total += size
    return total


def _phrase_size(words: list[str], phrases: frozenset[tuple[str, ...]]) -> int:
    """Of how many words the longest phrase is that these begin with."""
    return next((size for size in range(len(words), 0, -1) if tuple(words[:size]) in phrases), 0)


def _marked(text: str, words: int) -> bool:
    """Whether the recogniser wrote a comma or a full stop after this many words."""
    return re.match(rf"\W*(?:[\w'’]+\W+){{{words - 1}}}[\w'’]+\s*[,.;:!?–-]", text) is not None


@lru_cache(maxsize=16)
def _lexicon(lang: str) -> _Lexicon:
    rules = languages()[lang].acts
    acts = {phrase: act for act, phrases in rules.phrases.items() for phrase in _phrases(phrases)}
    polite = frozenset(_phrases(rules.polite))
    return _Lexicon(
        acts=acts,
        polite=polite,
        longest=max(len(phrase) for phrase in [*acts, *polite]),
        lead_affirm=frozenset(_phrases(rules.lead_affirm)),
        lead_deny=frozenset(_phrases(rules.lead_deny)),
        not_affirm_before=frozenset(phrase[0] for phrase in _phrases(rules.not_affirm_before)),
        deny_before=frozenset(phrase[0] for phrase in _phrases(rules.deny_before)),
        contrast=frozenset(phrase[0] for phrase in _phrases(rules.contrast)),
        negations=frozenset(phrase[0] for phrase in _phrases(rules.negations)),
        negated=(re.compile(rules.negated), re.compile(rules.negated_noun)),
    )


def _phrases(text: str) -> list[tuple[str, ...]]:
    return [tuple(fold(" ".join(phrase.split())).split()) for phrase in text.split("|") if phrase.strip()]
