"""Dictionary forms of words, small enough to serve: a table for words seen in training, and endings learned from it for the rest.

The Polish dictionary (simplemma, 3.7 million forms) is opened only while training; it takes seconds and tens of megabytes. A served
model keeps the lemmas of its own words and the ways their endings changed ("-ami" → "-a"), and accepts a guessed lemma only if it
is one it knows: measured, this loses nothing against the whole dictionary, since an unknown lemma has no weight anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from nlu.numbers import fold

_LONGEST_ENDING = 6
_SHORTEST_STEM = 2
_LEAST_SEEN = 2
_TRIED = 4
"""Of the ways one ending changes, so many of the commonest are tried."""


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
    """Lemmas of these words by the dictionary of the language; a language without a dictionary keeps words as they are."""
    look_up = _dictionary(lang)
    return Lemmas.from_table({fold(word): fold(look_up(word)) for word in sorted(set(words))})


@lru_cache(maxsize=2)
def _dictionary(lang: str) -> Callable[[str], str]:
    from simplemma import Lemmatizer
    from simplemma.strategies.default import DefaultStrategy
    from simplemma.strategies.dictionaries.dictionary_factory import SUPPORTED_LANGUAGES
    from simplemma.strategies.dictionaries.stream_dictionary_factory import StreamDictionaryFactory

    if lang not in SUPPORTED_LANGUAGES:
        return lambda word: word
    lemmatizer = Lemmatizer(lemmatization_strategy=DefaultStrategy(dictionary_factory=StreamDictionaryFactory()))

    def look_up(word: str) -> str:
        return str(lemmatizer.lemmatize(word, lang=lang))

    return look_up


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
