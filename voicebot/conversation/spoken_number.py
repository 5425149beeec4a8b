"""A telephone number said aloud, as the digits that would be dialled."""

from __future__ import annotations

from nlu.languages.language import fold
from nlu.text.normalise import canonical
from nlu.text.number_words import find_numbers

_FEWEST, _MOST = 7, 17
"""Digits of a telephone number, with 00 and the country."""
_PLUS = frozenset({"plus"})
_ZEROS = {"en": frozenset({"oh", "o"})}
"""What else zero is called when digits are dictated."""


def spoken_digits(text: str, lang: str) -> str:
    """The digits in these words, in the order in which they were said; "" when they are too few or too many for a number.

    Digits one by one, pairs, hundreds ("sześćset jeden, dwieście trzydzieści cztery…") and written ones alike.
    """
    words = ["zero" if word in _ZEROS.get(lang, ()) else word for word in canonical(text).split()]
    digits = "".join(str(int(number.value)) for number in find_numbers(words, lang) if not number.ordinal)
    if any(fold(word) in _PLUS for word in words) or text.strip().startswith("+"):
        digits = f"00{digits}"
    return digits if _FEWEST <= len(digits) <= _MOST else ""
