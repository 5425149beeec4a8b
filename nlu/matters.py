"""Two matters in one breath: where an utterance may be cut, so that each part can be classified for itself."""

from __future__ import annotations

import re

_CUTS = {
    "pl": r"""a poza tym|poza tym|a przy okazji|przy okazji|i jeszcze|a jeszcze|oraz|i do tego|do tego jeszcze|a także|a dodatkowo|i dodatkowo|
        a druga sprawa|druga sprawa|i druga sprawa|po drugie|a po drugie|a potem jeszcze|i potem|a potem|a oprócz tego|oprócz tego|i przy okazji|
        i od razu|i jednocześnie|i równocześnie|plus jeszcze|i także|jak również|no i jeszcze|no i|i chciał\w+|i chcę|i proszę|i czy|a chcę|a i""",
    "en": r"""and also|also|and another thing|another thing|and then|besides|and besides|on top of that|and on top of that|oh and|plus|as well as|
        and while im at it|while im at it|while im on|and secondly|secondly|second thing|and the other thing|and i want|and i would|and id|and i need|
        and can|and could|and please|and how|and what|and when""",
}
_PATTERNS = {
    lang: re.compile(r"\s(?:" + "|".join(" ".join(cut.split()) for cut in cuts.split("|")) + r")(?=\s)")
    for lang, cuts in _CUTS.items()
}
_LEAST_WORDS = 2
_MOST_CUTS = 3


def possible_parts(text: str, lang: str) -> list[tuple[str, str]]:
    """Ways to cut a normalised utterance in two at a conjunction, both parts of at least two words; at most three ways."""
    pattern = _PATTERNS.get(lang)
    if pattern is None:
        return []
    parts = [(text[: match.start()].strip(), text[match.end() :].strip()) for match in pattern.finditer(text)]
    return [(a, b) for a, b in parts if len(a.split()) >= _LEAST_WORDS and len(b.split()) >= _LEAST_WORDS][:_MOST_CUTS]
