"""The sparse features of an utterance: lemmas one and two at a time, and letters three to five at a time inside words.

Training and serving find features with the same code, so they cannot drift apart. Weighting is TF-IDF with sublinear counts, each
of the two blocks scaled to length one (Salton & Buckley 1988).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.languages.language import fold
from nlu.model.lemmas import Lemmas

CHAR_MIN, CHAR_MAX = 3, 5
WORD_MIN_DF, CHAR_MIN_DF = 1, 2
"""Features in fewer utterances are left out: a lemma seen once still tells, a run of letters seen once does not."""
_REMEMBERED_WORDS = 50_000

Rows = NDArray[np.intp]
Weights = NDArray[np.float32]


def letter_runs(word: str) -> tuple[str, ...]:
    """Runs of three to five letters of a folded word with a space at either end."""
    padded = f" {fold(word)} "
    size = len(padded)
    return tuple(padded[i : i + n] for n in range(CHAR_MIN, min(CHAR_MAX, size) + 1) for i in range(size - n + 1))


def word_features(lemmas: Sequence[str]) -> Iterator[str]:
    """Lemmas, and pairs of neighbouring lemmas."""
    yield from lemmas
    yield from (f"{a} {b}" for a, b in pairwise(lemmas))


@dataclass(frozen=True, slots=True)
class Block:
    """One kind of feature that a model knows: `rows` gives each its row, `idf` each row's weight."""

    rows: Mapping[str, int]
    idf: Weights

    def find(self, features: Iterable[str]) -> list[int]:
        """Rows of the features that are known, each as often as it comes."""
        rows = self.rows
        return [rows[feature] for feature in features if feature in rows]

    def weigh(self, found: Sequence[int]) -> tuple[Rows, Weights]:
        """Distinct rows of one utterance, and weights of length one together."""
        if not found:
            return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.float32)
        counts = Counter(found)
        rows = np.fromiter(counts, np.intp, len(counts))
        weights = (1 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))) * self.idf[rows]
        return rows, weights / np.sqrt(np.dot(weights, weights))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All features a model knows. Rows of letters come after rows of words."""

    lemmas: Lemmas
    words: Block
    letters: Block
    _seen: dict[str, tuple[str, list[int]]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def size(self) -> int:
        """How many features there are."""
        return len(self.words.rows) + len(self.letters.rows)

    def weigh(self, text: str) -> tuple[Rows, Weights]:
        """Rows and weights of the known features of a normalised text."""
        words = [self._word(word) for word in text.split()]
        word_rows, word_weights = self.words.weigh(self.words.find(word_features([lemma for lemma, _ in words])))
        char_rows, char_weights = self.letters.weigh([row for _, runs in words for row in runs])
        return np.concatenate([word_rows, char_rows + len(self.words.rows)]), np.concatenate([word_weights, char_weights])

    def _word(self, word: str) -> tuple[str, list[int]]:
        """The lemma of a word and the rows of its runs of letters; remembered, since callers share their words."""
        found = self._seen.get(word)
        if found is None:
            found = self.lemmas.of(word), self.letters.find(letter_runs(word))
            if len(self._seen) < _REMEMBERED_WORDS:
                self._seen[word] = found
        return found

    def names(self) -> list[str]:
        """Every feature's name by row: words in quotes, runs of letters between bars."""
        return [f'"{name}"' for name in self.words.rows] + [f"|{name}|" for name in self.letters.rows]


def learn(texts: Sequence[str], lemmas: Lemmas) -> tuple[Vocabulary, Any]:
    """The vocabulary of normalised texts, and their weights as a scipy CSR matrix of shape (texts, features), float32."""
    from scipy.sparse import hstack

    split = [text.split() for text in texts]
    words, words_of_texts = _count(split)
    lemma_of = {word: lemmas.of(word) for word in words}
    found, counts = _count(word_features([lemma_of[word] for word in one]) for one in split)
    runs, runs_of_words = _count(map(letter_runs, words))  # of each word once: the texts have ten times as many
    word_block, word_matrix = _weigh(found, counts, WORD_MIN_DF)
    letter_block, letter_matrix = _weigh(runs, words_of_texts @ runs_of_words, CHAR_MIN_DF)
    return Vocabulary(lemmas, word_block, letter_block), hstack([word_matrix, letter_matrix]).tocsr()


def _count(documents: Iterable[Iterable[str]]) -> tuple[list[str], Any]:
    """Distinct features in the order of their first use, and how often each document has them: CSR, (documents, features)."""
    from scipy.sparse import csr_matrix

    ids: dict[str, int] = {}
    columns: list[int] = []
    starts = [0]
    for document in documents:
        columns += [ids.setdefault(feature, len(ids)) for feature in document]
        starts.append(len(columns))
    ones = np.ones(len(columns), dtype=np.float32)
    counts = csr_matrix((ones, np.array(columns, dtype=np.int32), np.array(starts)), shape=(len(starts) - 1, len(ids)))
    counts.sum_duplicates()
    return list(ids), counts


def _weigh(features: Sequence[str], counts: Any, min_df: int) -> tuple[Block, Any]:
    """Features found in at least `min_df` documents; smoothed inverse document frequency, ln((1+n)/(1+df))+1."""
    from scipy.sparse import diags

    frequency = np.bincount(counts.indices, minlength=len(features))
    kept = np.flatnonzero(frequency >= min_df)
    idf = (np.log((1 + counts.shape[0]) / (1 + frequency[kept])) + 1).astype(np.float32)
    weights = counts[:, kept].tocsr()
    weights.data = 1 + np.log(weights.data)
    weights = (weights @ diags(idf)).tocsr()
    length = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
    length[length == 0] = 1
    matrix = (diags((1 / length).astype(np.float32)) @ weights).astype(np.float32).tocsr()
    return Block({features[column]: row for row, column in enumerate(kept.tolist())}, idf), matrix


def near_duplicate_groups(texts: Sequence[str], lemmas: Lemmas) -> Rows:
    """Group number of each text: texts whose sets of lemmas are the same but for one word share a group.

    Found by signatures (the set, and the set without each one lemma), so in linear time. Short texts must be the same set. A set's
    signature is the sum of its lemmas' hashes: a set without a lemma takes one subtraction.
    """
    parent = list(range(len(texts)))
    seen: dict[int, int] = {}
    hash_of = lru_cache(maxsize=None)(lambda word: hash(lemmas.of(word)))
    for index, text in enumerate(texts):
        for signature in _signatures(set(map(hash_of, text.split()))):
            other = seen.setdefault(signature, index)
            if other != index:
                parent[_root(parent, index)] = _root(parent, other)
    return np.array([_root(parent, index) for index in range(len(texts))], dtype=np.intp)


_LEAST_LEMMAS_TO_DROP_ONE = 5


def _signatures(hashes: set[int]) -> Iterator[int]:
    whole = sum(hashes)
    yield whole
    if len(hashes) >= _LEAST_LEMMAS_TO_DROP_ONE:
        yield from (whole - one for one in hashes)


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index
