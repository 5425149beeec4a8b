"""What a caller denies: "nie chcę zastrzegać karty, tylko zmienić PIN" denies "zastrzegać karty" and leaves "zmienić PIN".

A denial has a scope: from its opening words ("nie chcę", "it's not about") to a contrast ("tylko", "but"), a pause that the recogniser
wrote, or the end. Not every "nie" opens one: "karta nie działa" and "nie robiłem tej płatności" are the matter itself. Whether the words
in the scope name a matter is for the caller of this module to judge: only then was a matter denied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from nlu.languages import languages
from nlu.languages.language import fold
from nlu.text.normalise import canonical, mended

_PAUSE = re.compile(r"(?:[,;:.!?]|\s[-–—])(?=\s|$)")
_MARK = " , "
_THING_WORDS = 3
_LONGEST = 9
"""A scope of more words is a story, not a denial."""


@dataclass(frozen=True, slots=True)
class Denial:
    """Words denied, and where the whole denial, opening words included, begins and ends in `Scoped.text`.

    `things` is what may go on in a contrast: the words without the verb ("karty" of "zastrzegać karty"). `how` is the name of the
    opening in `nlu.languages.language.DenialWords`.
    """

    said: str
    things: str
    start: int
    end: int
    how: str


@dataclass(frozen=True, slots=True)
class Scoped:
    """An utterance in canonical words, pauses as lone commas, and the denials in it, in order."""

    text: str
    denials: tuple[Denial, ...]

    def without(self, denials: tuple[Denial, ...]) -> str:
        """The words that these denials leave."""
        left, at = [], 0
        for one in denials:
            left.append(self.text[at : one.start])
            at = one.end
        return " ".join("".join([*left, " ", self.text[at:]]).replace(",", " ").split())


@dataclass(frozen=True, slots=True)
class _Patterns:
    opens: re.Pattern[str]
    ends: re.Pattern[str]
    contrast: re.Pattern[str]
    still_wanted: re.Pattern[str]
    verb: re.Pattern[str]
    pronoun: re.Pattern[str]
    clause: re.Pattern[str]
    given_up: frozenset[str]
    event: frozenset[str]
    needs_contrast: frozenset[str]


def refers(text: str, lang: str) -> bool:
    """Whether a word of the text stands for a thing named elsewhere ("wymienić ją")."""
    known = languages().get(lang)
    return known is not None and not known.denials.pronouns.isdisjoint(fold(text).split())


def scoped(text: str, lang: str) -> Scoped:
    """The utterance, mended, with what may be denied in it. Pure, never raises; no denials in an unknown language."""
    spoken = " ".join(mended(_MARK.join(part for piece in _PAUSE.split(text) if (part := canonical(piece))).split()))
    patterns = _patterns(lang)
    if patterns is None:
        return Scoped(spoken, ())
    found: list[Denial] = []
    folded, at = fold(spoken), 0
    while match := patterns.opens.search(folded, at):
        at = match.end()
        denial = _denial(spoken, folded, match, patterns)
        if denial is not None:
            found.append(denial)
            at = denial.end
    return Scoped(spoken, tuple(found))


def _denial(spoken: str, folded: str, opening: re.Match[str], patterns: _Patterns) -> Denial | None:
    start = opening.end()
    pronoun = patterns.pronoun.match(folded, start)
    verb = patterns.verb.match(folded, pronoun.end() if pronoun else start)
    first = _word_end(folded, verb.start() if verb else start)
    closing = patterns.ends.search(folded, first)
    end = closing.start() if closing else _clause_start(folded, verb.end() if verb else start, patterns)
    words = folded[start:end].split()
    how = opening.lastgroup or ""
    if not words or len(words) > _LONGEST:
        return None
    if how in patterns.given_up and patterns.still_wanted.search(folded, opening.start(), verb.end() if verb else end):
        return None
    if how in patterns.needs_contrast and closing is None:
        return None
    after = patterns.contrast.match(folded, end)
    things = spoken[min(verb.end(), end) if verb else start : end]
    said = spoken[start:end].strip()
    if (how in patterns.event or pronoun) and not things.strip():  # "karty nie zgubiłam", "dowód mam, nie trzeba go zastrzegać"
        said = f"{_thing_before(spoken[: opening.start()])} {said}".strip()
    return Denial(said, " ".join(things.split()), opening.start(), after.end() if after else end, how)


def _thing_before(spoken: str) -> str:
    """The words just before a denial, up to a pause that does not stand right there."""
    return " ".join(spoken.rstrip(" ,").rpartition(",")[2].split()[-_THING_WORDS:])


def _word_end(folded: str, start: int) -> int:
    space = folded.find(" ", start)
    return len(folded) if space < 0 else space


def _clause_start(folded: str, thing: int, patterns: _Patterns) -> int:
    """Where a clause of its own follows the thing denied without a pause: after one word of it; the end when none does."""
    end = thing if thing and patterns.verb.match(folded, thing) else _word_end(folded, thing)
    return end if patterns.clause.search(folded, end) else len(folded)


@lru_cache(maxsize=16)
def _patterns(lang: str) -> _Patterns | None:
    known = languages().get(lang)
    if known is None:
        return None
    words = known.denials
    opens = "|".join(f"(?P<{name}>{pattern})" for name, pattern in words.opens.items())
    return _Patterns(
        opens=re.compile(rf"(?<!\S)(?:{opens})(?!\S)\s*"),
        ends=re.compile(rf"(?<!\S)(?:,|{words.ends})(?!\S)"),
        contrast=re.compile(rf"(?:(?:,|{words.contrast})(?:\s+|$))+"),
        still_wanted=re.compile(rf"(?<!\S)(?:{words.still_wanted})(?!\S)"),
        verb=re.compile(rf"(?:{words.verb})(?:\s+|$)"),
        pronoun=re.compile(rf"(?:{'|'.join(sorted(words.pronouns))})\s+"),
        clause=re.compile(rf"(?<!\S)(?:{words.clause})(?!\S)"),
        given_up=words.given_up,
        event=words.event,
        needs_contrast=words.needs_contrast,
    )
