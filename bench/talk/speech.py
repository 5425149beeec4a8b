"""How words come out: as this caller speaks and as a recogniser writes them."""

from __future__ import annotations

import re
from random import Random

from nlu.languages.language import fold

_ALIKE = (("rz", "ż"), ("ó", "u"), ("ch", "h"), ("ę", "e"), ("ą", "on"), ("ei", "ie"), ("ou", "u"), ("th", "f"), ("ck", "k"))
_GAP = re.compile(r"\s+")


def written(text: str, rng: Random, *, capitals: bool) -> str:
    """As a recogniser writes it: with capitals and a full stop, or neither (both kinds are in use)."""
    text = _GAP.sub(" ", text).strip(" ,")
    if capitals:
        return text[:1].upper() + text[1:] + ("" if text[-1:] in ".?!" else rng.choice([".", ".", ""]))
    return _GAP.sub(" ", re.sub(r"[,.:;!?…]", " ", text)).strip().lower()


def misheard(text: str, rng: Random, edits: int) -> str:
    """With this many small mishearings, each in one word: the sense is left."""
    words = text.split()
    for _ in range(edits if len(words) >= 3 else 0):
        place = rng.randrange(len(words))
        words[place] = _misheard(words[place], rng)
    return " ".join(word for word in words if word)


def _misheard(word: str, rng: Random) -> str:
    match rng.randrange(6):
        case 0:
            return fold(word)
        case 1:
            heard, meant = rng.choice(_ALIKE)
            return word.replace(meant, heard) if meant in word else word.replace(heard, meant)
        case 2:
            return "" if len(word) <= 3 else word[:-1]
        case 3:
            return f"{word} {word}"
        case 4 if len(word) >= 8:
            return f"{word[:4]} {word[4:]}"
    return word[:2] + "- " + word if len(word) > 4 else word


def hesitant(text: str, rng: Random, fillers: tuple[str, ...], count: int) -> str:
    """With sounds of searching between the words."""
    words = text.split()
    for _ in range(count):
        words.insert(rng.randrange(len(words) + 1), rng.choice(fillers))
    return " ".join(words)
