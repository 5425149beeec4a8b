"""What Whisper writes and nobody said: loops ("tak tak tak tak…", a sentence twice) and subtitle credits learnt from films."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import or_

_LONGEST_UNIT = 24  # words
_STUB = 3  # words of a repeat that the length limit cut off, from which on it counts

# clauses of credits, each as a whole: "Subskrybuję Netflixa" and "please subscribe me to text alerts" are callers
_CREDIT = re.compile(
    r"""napisy(\s+i\s+t[lł]umaczenie)?\s*:.*|napisy\s+(stworzone|wykonane|przygotowan\w+|zrobione|przez|by|dla)\b.*|napisy\W.*\bamara\b.*|
    t[lł]umaczenie\s+(napis\w*|i\s+napisy)\b.*|
    dzi[eę]k(i|uj[eę]|ujemy)(\s+\w+)?\s+za\s+(ogl[aą]danie|obejrzenie|uwag[eę]|subskrypcj\w+|wys[lł]uchanie)
        (\s+(tego|mojego|naszego))?(\s+(film\w*|odcink\w+|materia[lł]\w*|kana[lł]\w*))?|
    zapraszam\w*(\s+(was|pa[nń]stwa))?\s+(na|do)\s+(kolejn\w+|nast[eę]pn\w+|subskrypcj\w+|subskrybowania)(\s+\w+){0,3}|
    do\s+zobaczenia\s+(w|na)\s+(kolejn\w+|nast[eę]pn\w+)\s+(odcink\w+|film\w*|materia\w+|nagrani\w+|wideo|video)|
    (nie\s+zapomnij(cie)?\s+)?(za)?subskryb(uj|ujcie|owa[cć])(\s+(m[oó]j|nasz|ten))?(\s+kana[lł]\w*)?|
    (zostaw(cie)?|daj(cie)?)\s+([lł]apk[eę]|lajka|suba|komentarz)(\s+w\s+g[oó]r[eę])?|
    thank(s|\s+you)(\s+(so|very)\s+much|\s+a\s+lot|\s+all|\s+everyone)?\s+for\s+(watching|viewing)
        (\s+(this|my|our|the))?(\s+(video|channel|show))?|
    ((please|don'?t\s+forget\s+to)\s+)*((like|share|comment)\s+)*subscribe(\s+(to|for)\s+(my|our|the|this|more)(\s+youtube)?(\s+(channel|videos?))?)?|
    (subtitles?|captions?|subtitled|captioned|transcribed|transcription)\s+(made\s+|created\s+|provided\s+)?by\b.*|
    (i'?ll\s+)?see\s+you\s+(in\s+the\s+|in\s+my\s+)?next\s+(video|time|one|episode)""",
    re.VERBOSE | re.IGNORECASE,
)
_BESIDE_CREDITS = re.compile(
    r"(t[lł]umaczenie|dzi[eę]ki|dzi[eę]kuj[eę](\s+bardzo)?|cze[sś][cć]|pa(\s+pa)?|hej|do\s+zobaczenia|((please|don'?t\s+forget\s+to)\s+)?like|please|thanks?(\s+you)?|bye(\s+bye)?)",
    re.IGNORECASE,
)
_CLAUSES = re.compile(r"[.!?,;…]+(?:\s+|$)|\s+(?:i|oraz|and)\s+", re.IGNORECASE)
_SOUND = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♪♫]+")


def is_hallucination(text: str) -> bool:
    """Whether this is nothing but subtitle credits of the training films: what somebody says to a bank beside them is kept."""
    clauses = [clause.strip(" \"'-–—*♪") for clause in _CLAUSES.split(text)]
    credit = [bool(_CREDIT.fullmatch(clause)) for clause in clauses if clause]
    beside = [bool(_BESIDE_CREDITS.fullmatch(clause)) for clause in clauses if clause]
    return any(credit) and all(map(or_, credit, beside))


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
