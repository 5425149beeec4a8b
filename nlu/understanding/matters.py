"""Where the matter is in an utterance: two matters in one breath, and a matter named after "I want to talk to someone about".

An utterance is cut here, so that each part can be classified for itself. Patterns have no diacritics: callers' words are folded to
match them (letter for letter, so places stay the same).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nlu.text.numbers import fold

_MARKED = {
    "pl": r"""(?:a |i |no i )?(?:poza tym|przy okazji|do tego|dodatkowo|druga sprawa|drugie|po drugie|oprocz tego|od razu|jednoczesnie|rownoczesnie|jeszcze|
        takze|potem|nastepnie|pozniej|osobno)|oraz|plus|jak rowniez|a w ogole|i chcial\w+|i chce|i prosze|i czy|a chce|no i|a i""",
    "en": r"""(?:and |oh and |oh )?(?:also|another thing|besides|on top of that|while im at it|while youre at it|while im on|secondly|second thing|
        the other thing|separately|after that|then|plus)|as well as|oh and|and (?:i|id|im|we|wed|could|can|please|how|what|wheres|where|when|get|make|my)""",
}
_PLAIN = {"pl": r"i|a|ale|tylko ze|najpierw", "en": r"and|but|so|or|first"}


def _pattern(cuts: str) -> re.Pattern[str]:
    return re.compile(r"\s(?:" + " ".join(cuts.split()).replace("| ", "|") + r")(?=\s)")


_PATTERNS = {lang: (_pattern(_MARKED[lang]), _pattern(_PLAIN[lang])) for lang in _MARKED}
_LEAST_WORDS = 2
_ABOUT = {
    "pl": re.compile(
        r"(?:porozmawiac|rozmawiac|pogadac|pomowic|rozmowy|rozmowe|polacz\w*|przelacz\w*|konsultant\w*|doradc\w*|kims|kogos|czlowiek\w*|pracownik\w*)"
        r"(?:\s\S+){0,5}?\s(?:o|w sprawie|na temat|odnosnie|dotyczac\w*|w kwestii|w temacie|od)\s(?P<matter>\S.*)"
    ),
    "en": re.compile(
        r"(?:talk|speak|chat|through|someone|somebody|human|person|agent|adviser|advisor|representative)"
        r"(?:\s\S+){0,5}?\s(?:about|regarding|concerning|on the subject of|in connection with)\s(?P<matter>\S.*)"
    ),
}


@dataclass(frozen=True, slots=True)
class Cut:
    """An utterance in two parts. `marked`: the words between them say that something else follows ("and another thing")."""

    parts: tuple[str, str]
    marked: bool


def possible_cuts(text: str, lang: str) -> list[Cut]:
    """Ways to cut a normalised utterance in two at a conjunction, both parts of at least two words; the likelier first."""
    found: dict[int, Cut] = {}
    for pattern, marked in zip(_PATTERNS.get(lang, ()), (True, False), strict=False):
        for match in pattern.finditer(fold(text)):
            parts = text[: match.start()].strip(), text[match.end() :].strip()
            if min(len(part.split()) for part in parts) >= _LEAST_WORDS:
                found.setdefault(match.start(), Cut(parts, marked))
    return list(found.values())


def asked_about(text: str, lang: str) -> str | None:
    """What a request for a human is about: "o lokacie" of "chcę z kimś porozmawiać o lokacie"; None when nothing is named."""
    found = _ABOUT[lang].search(fold(text)) if lang in _ABOUT else None
    return text[found.start("matter") :] if found else None
