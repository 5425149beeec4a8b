"""What was said, made ready for reading: lower case, one Unicode form, no punctuation, no fillers, no stammering, and only
the second half of a self-correction ("saldo, to znaczy nie, chciałem przelew" is "chciałem przelew").
"""

from __future__ import annotations

import re
import unicodedata

_NOT_SPEECH = re.compile(r"[^\w\s<>%]|_", re.UNICODE)
_SPACES = re.compile(r"\s+")
_FILLERS = frozenset(
    """yyy yy y eee ee eeee e em emm eem hm hmm hmmm mhm yhm ymm ehm ekhm yyyy um umm ummm uh uuh uhm uhh er err erm ah ahm aaa aa eh ech
    eeem ee hyy yym no_więc""".split()
)
_APOSTROPHES = re.compile(r"[’‘`´']")
_BROKEN_WORD = re.compile(r"\b(\w{1,8})(?:-|…|\.{2,})\s*(?=\1)", re.IGNORECASE)
_LONGEST_REPETITION = 4

_CORRECTIONS = re.compile(
    r"\b(?:to znaczy nie|tzn nie|znaczy nie|znaczy się nie|a nie przepraszam|nie przepraszam|przepraszam nie|albo nie|nie jednak|ale nie jednak|"
    r"a właściwie nie|czekaj nie|wróć|cofam|pomyliłem się|pomyliłam się|źle mówię|źle powiedziałem|źle powiedziałam|"
    r"no sorry|sorry no|no wait|wait no|actually no|no actually|i mean no|no i mean|scratch that|correction|i meant|my mistake)\b"
)
_LEAST_AFTER_CORRECTION = 1
_NOT_CORRECTED = frozenset(
    "mogę mam wiem działa ma da mogłem mogłam dostałem dostałam przyszedł przyszła widzę chcę jest było the that it".split()
)
"""Words after "albo nie", "wait no" that go on with the sentence: "znaczy nie mogę" corrects nothing."""


def canonical(text: str) -> str:
    """One Unicode form (NFC), lower case, apostrophes joined ("don't" → "dont"), punctuation to spaces, single spaces."""
    text = unicodedata.normalize("NFC", text).lower()
    text = _APOSTROPHES.sub("", text)
    return _SPACES.sub(" ", _NOT_SPEECH.sub(" ", text)).strip()


def normalise(text: str) -> str:
    """`canonical`, without fillers, stammering and what the speaker took back. Idempotent, never raises."""
    words = canonical(_BROKEN_WORD.sub("", text)).split()
    words = [word for word in words if word not in _FILLERS] or words
    return " ".join(_once(_corrected(_once(words))))


def _corrected(words: list[str]) -> list[str]:
    """What follows the last self-correction, if anything does."""
    sentence = " ".join(words)
    for match in reversed(list(_CORRECTIONS.finditer(sentence))):
        after = sentence[match.end() :].split()
        if len(after) >= _LEAST_AFTER_CORRECTION and after[0] not in _NOT_CORRECTED and match.start():
            return after
    return words


def _once(words: list[str]) -> list[str]:
    """Words and runs of up to four words said twice in a row said once, until nothing changes."""
    changed = True
    while changed:
        changed = False
        for size in range(min(_LONGEST_REPETITION, len(words) // 2), 0, -1):
            kept = _without_echo(words, size)
            if len(kept) < len(words):
                words, changed = kept, True
    return words


def _without_echo(words: list[str], size: int) -> list[str]:
    kept: list[str] = []
    position = 0
    while position < len(words):
        piece = words[position : position + size]
        if len(piece) == size and kept[-size:] == piece and not all(word.isdigit() for word in piece):
            position += size
        else:
            kept.append(words[position])
            position += 1
    return kept
