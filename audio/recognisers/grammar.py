"""The short lists of words that may answer a closed question: for Vosk's grammars and for Whisper's choice by sound."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grammar:
    """What may be answered to a closed question."""

    phrases: tuple[str, ...]
    """One of them is the answer."""
    repeated: bool = False
    """Any number of them in a row may be (digits)."""


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


def grammar(expect: str, language: str) -> Grammar | None:
    """What may be answered where `expect` is awaited; None where anything may."""
    if expect == "yes_no" and language in _YES_NO:
        return Grammar(_YES_NO[language])
    if expect == "digits" and language in _DIGITS:
        return Grammar(_DIGITS[language], repeated=True)
    return None
