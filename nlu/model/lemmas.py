"""Dictionary forms of words, small enough to serve: a table for words seen in training, and endings learned from it for the rest.

The Polish dictionary (simplemma, 3.7 million forms) takes seconds and tens of megabytes to open: only training does, in a process of
its own, beside other work and leaving nothing behind. A served model keeps the lemmas of its own words and the ways their endings changed ("-ami" → "-a"), and accepts a guessed lemma only if it
is one it knows: measured, this loses nothing against the whole dictionary, since an unknown lemma has no weight anyway.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nlu.languages.language import fold

_LONGEST_ENDING = 6
_SHORTEST_STEM = 2
_LEAST_SEEN = 2
_TRIED = 4
"""Of the ways one ending changes, so many of the commonest are tried."""
_DICTIONARY = Path(__file__).with_name("dictionary.py")
_looked_up: dict[str, dict[str, str]] = {}
"""By language, what the dictionary has said: cross-validation trains on the same words again and again."""


@dataclass(frozen=True, slots=True)
class Lemmas:
    """`table` gives the lemma of a folded word, `endings` the replacements of an ending, commonest first."""

    table: Mapping[str, str]
    endings: Mapping[str, tuple[str, ...]]
    _known: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    _guessed: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_table(cls, table: Mapping[str, str], endings: Mapping[str, Sequence[str]] | None = None) -> Lemmas:
        """Lemmas of a table of folded words, with endings learned from it unless they are given."""
        learned = {ending: tuple(several) for ending, several in (endings or _learn_endings(table)).items()}
        return cls(table, learned, frozenset(table.values()))

    def of(self, word: str) -> str:
        """The lemma of a word, folded (recognisers and hasty transcribers lose diacritics)."""
        folded = fold(word)
        found = self.table.get(folded) or self._guessed.get(folded)
        if found is None:
            found = self._guess(folded)
            if len(self._guessed) < 50_000:
                self._guessed[folded] = found
        return found

    def _guess(self, folded: str) -> str:
        for size in range(min(_LONGEST_ENDING, len(folded) - _SHORTEST_STEM), 0, -1):
            stem, ending = folded[:-size], folded[-size:]
            for replacement in self.endings.get(ending, ()):
                if stem + replacement in self._known:
                    return stem + replacement
        return folded


def learn_lemmas(words: Iterable[str], lang: str) -> Lemmas:
    """Lemmas of these words by the dictionary of the language; a language without a dictionary keeps words as they are.

    Raises subprocess.CalledProcessError when the dictionary cannot be read (a broken installation).
    """
    wanted = sorted(set(words))
    known = _looked_up.setdefault(lang, {})
    new = [word for word in wanted if word not in known]
    if new:
        command = [sys.executable, "-P", str(_DICTIONARY), lang]
        answer = subprocess.run(command, input=json.dumps(new), stdout=subprocess.PIPE, encoding="utf-8", check=True)
        known.update(zip(new, json.loads(answer.stdout), strict=True))
    return Lemmas.from_table({fold(word): fold(known[word]) for word in wanted})


def _learn_endings(table: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Every ending of a word up to six letters, with what stands there in its lemma."""
    counts: dict[str, Counter[str]] = {}
    for word, lemma in table.items():
        same = _common_prefix(word, lemma)
        for size in range(len(word) - same, min(_LONGEST_ENDING, len(word) - 1) + 1):
            stem = len(word) - size
            if size:
                counts.setdefault(word[stem:], Counter())[lemma[stem:]] += 1
    return {
        ending: kept
        for ending, replacements in counts.items()
        if (kept := tuple(text for text, seen in replacements.most_common(_TRIED) if seen >= _LEAST_SEEN))
    }


def _common_prefix(a: str, b: str) -> int:
    size = 0
    while size < min(len(a), len(b)) and a[size] == b[size]:
        size += 1
    return size
