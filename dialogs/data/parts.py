"""Sentences that hold a value, said by recorded parts: which parts say these words, one after another.

A word is compared without case, with the mark that ends its clause, for a voice falls at a full stop and rises at a question:
"dwa" is said in the middle, "dwa," before a pause, "dwa." at an end. Where a place has no recording of its own, the middle form
is played.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Words = tuple[str, ...]

_WORD = re.compile(r"[^\s\u2010-\u2015-]+")
_MARKS: Mapping[str, str] = {".": ".", "!": ".", "…": ".", "?": "?", ",": ",", ";": ",", ":": ","}
_SILENT = "\"'„”“«»()[]"
_OTHER_FORM = 1000
"""A part with another ending is worse than any number of parts."""


def words_of(text: str) -> Words:
    """The words of a text as they are compared; hyphens part them."""
    return tuple(word for word in map(_word, _WORD.findall(text)) if bare(word))


def bare(word: str) -> str:
    """The word without the mark behind it: the middle form."""
    return word.rstrip(".?,")


def mark_of(text: str) -> str:
    """The mark with which a text ends: "." (falling), "?" (rising), "," (going on), or "" for none."""
    return _MARKS.get(text.rstrip().rstrip(_SILENT)[-1:], "")


def _word(said: str) -> str:
    core = said.strip(_SILENT)
    return core.rstrip("".join(_MARKS)).strip(_SILENT).casefold() + mark_of(core)


@dataclass(frozen=True, slots=True)
class RecordedPart:
    """One part of a sentence. `recording` is a file within the bundle, `pause` says that a clause ends with it."""

    recording: str
    pause: bool


class PartBook:
    """The recorded parts of one language."""

    def __init__(self, recordings: Iterable[tuple[str, str]]) -> None:
        """(text, recording within the bundle); of two recordings of the same words the later counts."""
        self._recordings = {words: recording for text, recording in recordings if (words := words_of(text))}
        self._longest = max(map(len, self._recordings), default=0)

    def recording(self, text: str) -> str | None:
        """The recording of exactly these words, within the bundle."""
        return self._recordings.get(words_of(text))

    def saying(self, text: str) -> tuple[RecordedPart, ...] | None:
        """The fewest parts that say this text, the endings as they should be where they can; None when some word has none."""
        words = words_of(text)
        if not words or not self._recordings:
            return None
        best: list[tuple[int, tuple[RecordedPart, ...]] | None] = [None] * len(words) + [(0, ())]
        for start in reversed(range(len(words))):
            for stop in range(start + 1, min(start + self._longest, len(words)) + 1):
                if (rest := best[stop]) is None or (found := self._find(words[start:stop])) is None:
                    continue
                recording, cost = found
                now = best[start]
                if now is None or cost + rest[0] < now[0]:
                    best[start] = (cost + rest[0], (RecordedPart(recording, words[stop - 1] != bare(words[stop - 1])), *rest[1]))
        return best[0][1] if best[0] is not None else None

    def _find(self, words: Words) -> tuple[str, int] | None:
        if (exact := self._recordings.get(words)) is not None:
            return exact, 1
        middle = self._recordings.get((*words[:-1], bare(words[-1])))
        return None if middle is None else (middle, 1 + _OTHER_FORM)
