"""What Whisper writes and nobody said: loops ("tak tak tak tak…", a sentence twice) and subtitle credits learnt from films."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST_UNIT = 24  # words
_STUB = 3  # words of a repeat that the length limit cut off, from which on it counts

_CREDITS = re.compile(
    r"""^\W*(
        napisy\W.*(amara|spo[lł]eczno)|napisy\s+(stworzone|wykonane|przygotowa)|t[lł]umaczenie\W.*napisy|
        dzi[eę]ki\s+za\s+(ogl[aą]danie|obejrzenie)|dzi[eę]kuj[eę]\s+za\s+(ogl[aą]danie|obejrzenie|uwag[eę]|subskrypcj)|
        zapraszam\s+na\s+kolejny|do\s+zobaczenia\s+w\s+kolejn|subskrybuj|
        thank(s|\s+you)\s+(so\s+much\s+)?for\s+watching|please\s+subscribe|subtitles?\s+(by|made)|transcribed\s+by|
        like\s+and\s+subscribe|see\s+you\s+(in\s+the\s+)?next\s+(video|time)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_SOUND = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♪♫]+")


def is_hallucination(text: str) -> bool:
    """Whether this is a subtitle credit of the training films rather than anything said to a bank."""
    return bool(_CREDITS.search(text))


def loops(text: str) -> bool:
    """Whether the end of the text repeats itself the way a decoder does that lost the end of the speech."""
    return _folded(text.split()) != text.split()


def unlooped(text: str) -> str:
    """The text with each loop said once, and without marks of sounds ("[muzyka]")."""
    words = _folded(_SOUND.sub(" ", text).split())
    return " ".join(words)


def _folded(words: Sequence[str]) -> list[str]:
    """One of each run of repeats: three words or more twice in a row, two words three times, one word four times."""
    plain = [re.sub(r"\W", "", word).casefold() for word in words]
    kept: list[str] = []
    at = 0
    while at < len(words):
        unit, length = _run(plain, at)
        kept += words[at : at + unit]
        at += length
    return kept


def _run(plain: Sequence[str], at: int) -> tuple[int, int]:
    """Words in the shortest unit that repeats from `at`, and words that all its repeats take; (1, 1) when nothing repeats."""
    left = len(plain) - at
    for unit in range(1, min(_LONGEST_UNIT, left - 1) + 1):
        length = unit
        while length < left and plain[at + length] == plain[at + length - unit]:
            length += 1
        whole, rest = divmod(length, unit)
        if whole >= {1: 4, 2: 3}.get(unit, 2) or (rest >= _STUB and length == left):
            return unit, length if length == left else whole * unit
    return 1, 1
