"""The short lists of words that may answer a closed question: for Vosk's grammars and for Whisper's choice by sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache


@dataclass(frozen=True, slots=True)
class Grammar:
    """What may be answered to a closed question."""

    phrases: tuple[str, ...]
    """One of them is the answer."""
    repeated: bool = False
    """Any number of them in a row may be (digits)."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """Numbers among the phrases as an engine may write them."""
    in_rows_only: tuple[str, ...] = ()
    """Phrases that are an answer only beside others: "oh" alone is a sigh."""
    question: str = ""
    """As if just said to the caller: after a question that names them, a model that takes a prompt hears single digits better."""


_YES_NO = {
    "pl": (
        "tak", "no tak", "tak tak", "tak proszę", "tak zgadza się", "zgadza się", "dokładnie", "oczywiście", "pewnie", "jasne",
        "dobrze", "no", "mhm", "właśnie tak", "potwierdzam", "nie", "nie nie", "nie dziękuję", "nie zgadza się", "nieprawda",
        "absolutnie nie", "no nie", "konsultant", "z konsultantem", "proszę konsultanta", "człowiek", "powtórz",
        "proszę powtórzyć", "pomoc", "chwileczkę",
    ),
    "en": (
        "yes", "yeah", "yep", "yes please", "yes it is", "that's right", "that's correct", "correct", "right", "exactly",
        "sure", "okay", "no", "nope", "no thanks", "no thank you", "no it isn't", "no it's not", "that's wrong", "not really",
        "agent", "agent please", "an agent", "a human", "a human please", "consultant", "consultant please", "operator",
        "repeat", "repeat please", "help", "one moment",
    ),
}  # fmt: skip

_DIGITS = {
    "pl": (
        "zero", "jeden", "jedna", "jedno", "dwa", "dwie", "trzy", "cztery", "pięć", "sześć", "siedem", "osiem", "dziewięć",
        "dziesięć", "jedenaście", "dwanaście", "trzynaście", "czternaście", "piętnaście", "szesnaście", "siedemnaście",
        "osiemnaście", "dziewiętnaście", "dwadzieścia", "trzydzieści", "czterdzieści", "pięćdziesiąt", "sześćdziesiąt",
        "siedemdziesiąt", "osiemdziesiąt", "dziewięćdziesiąt", "sto", "dwieście", "trzysta", "czterysta", "pięćset",
        "sześćset", "siedemset", "osiemset", "dziewięćset", "tysiąc", "konsultant", "powtórz", "pomoc",
    ),
    "en": (
        "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty",
        "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "double", "triple", "agent", "repeat", "help",
    ),
}  # fmt: skip

_WHICH_DIGIT = {
    "pl": "Jaki numer? Jeden, dwa, trzy, cztery, pięć, sześć, siedem, osiem, dziewięć czy zero?",
    "en": "Which number? One, two, three, four, five, six, seven, eight, nine or zero?",
}
_OTHER_FORMS = {"jedna": "1", "jedno": "1", "dwie": "2", "oh": "0"}
_VALUES = tuple(map(str, (*range(21), *range(30, 100, 10))))


def _figures(words: tuple[str, ...]) -> dict[str, str]:
    """Zero to ninety, in the lists above in order, as figures."""
    forms = {word: _OTHER_FORMS[word] for word in words if word in _OTHER_FORMS}
    return forms | dict(zip((word for word in words if word not in forms), _VALUES, strict=False))


@cache
def grammar(expect: str, language: str) -> Grammar | None:
    """What may be answered where `expect` is awaited; None where anything may."""
    if expect == "yes_no" and language in _YES_NO:
        return Grammar(_YES_NO[language])
    if expect == "digits" and language in _DIGITS:
        words = _DIGITS[language]
        return Grammar(words, repeated=True, figures=_figures(words), in_rows_only=("oh",), question=_WHICH_DIGIT[language])
    return None
