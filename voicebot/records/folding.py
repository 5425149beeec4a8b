"""Words as they are searched: without diacritics (ł too), in lower case, only letters and digits."""

from __future__ import annotations

import re
import unicodedata

_APART = str.maketrans({"ł": "l", "Ł": "l", "đ": "d", "ø": "o", "ß": "ss", "æ": "ae"})
_WORD = re.compile(r"[^\W_]+")


def folded(text: str) -> str:
    """The words of a text, folded, with a blank between them: what is stored beside it, and what a search is made of."""
    plain = unicodedata.normalize("NFKD", text.translate(_APART))
    return " ".join(_WORD.findall("".join(char for char in plain if not unicodedata.combining(char)).lower()))
