"""The sparse features of an utterance: lemmas one and two at a time, and letters two to five at a time inside words.

Training and serving count features with the same functions, so they cannot drift apart. Weighting is TF-IDF with sublinear
counts, each of the two blocks scaled to length one (Salton & Buckley 1988).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import simplemma
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

CHAR_MIN, CHAR_MAX = 2, 5
_FOLD = str.maketrans("ąćęłńóśźż", "acelnoszz")


@lru_cache(maxsize=200_000)
def lemma(word: str, lang: str) -> str:
    """The dictionary form of a word, without Polish diacritics (recognisers and hasty transcribers lose them)."""
    return simplemma.lemmatize(word, lang=lang).lower().translate(_FOLD)


@lru_cache(maxsize=200_000)
def _pieces(word: str) -> tuple[str, ...]:
    padded = f" {word.translate(_FOLD)} "
    size = len(padded)
    return tuple(padded[i : i + n] for n in range(CHAR_MIN, min(CHAR_MAX, size) + 1) for i in range(size - n + 1))


def word_features(text: str, lang: str) -> Counter[str]:
    """Lemmas and pairs of neighbouring lemmas of a normalised text, with their counts."""
    lemmas = [lemma(word, lang) for word in text.split()]
    counts = Counter("w:" + one for one in lemmas)
    counts.update(f"w:{a} {b}" for a, b in zip(lemmas, lemmas[1:], strict=False))
    return counts


def char_features(text: str) -> Counter[str]:
    """Runs of two to five letters inside each word (word edges are spaces), with their counts."""
    counts: Counter[str] = Counter()
    for word in text.split():
        counts.update(_pieces(word))
    return counts


def feature_blocks(text: str, lang: str) -> tuple[Counter[str], Counter[str]]:
    """Both blocks of features of a normalised text."""
    return word_features(text, lang), char_features(text)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Features a model knows: `rows` gives each its row, `idf` each row's weight (float32, one a row)."""

    rows: dict[str, int]
    idf: NDArray[np.float32]

    @classmethod
    def learn(cls, documents: Iterable[tuple[Counter[str], Counter[str]]], min_df: int = 2) -> Vocabulary:
        """Features found in at least `min_df` documents; smoothed inverse document frequency, ln((1+n)/(1+df))+1."""
        frequency: Counter[str] = Counter()
        size = 0
        for blocks in documents:
            size += 1
            for block in blocks:
                frequency.update(block.keys())
        kept = sorted(name for name, count in frequency.items() if count >= min_df)
        idf = np.array([math.log((1 + size) / (1 + frequency[name])) + 1 for name in kept], dtype=np.float32)
        return cls({name: row for row, name in enumerate(kept)}, idf)

    def weigh(self, blocks: Sequence[Counter[str]]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Rows and weights of one utterance's known features, each block of length one."""
        all_rows: list[int] = []
        all_weights: list[NDArray[np.float32]] = []
        find = self.rows.get
        for block in blocks:
            known = [(row, count) for name, count in block.items() if (row := find(name)) is not None]
            if not known:
                continue
            rows = [row for row, _ in known]
            weights = (1 + np.log(np.array([count for _, count in known], dtype=np.float32))) * self.idf[rows]
            all_rows += rows
            all_weights.append(weights / np.sqrt(np.dot(weights, weights)))
        if not all_rows:
            return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.float32)
        return np.array(all_rows, dtype=np.intp), np.concatenate(all_weights)

    def matrix(self, documents: Sequence[tuple[Counter[str], Counter[str]]]) -> csr_matrix:
        """All utterances, shape (documents, features), float32."""
        indices: list[NDArray[np.intp]] = []
        values: list[NDArray[np.float32]] = []
        starts = [0]
        for blocks in documents:
            rows, weights = self.weigh(blocks)
            indices.append(rows)
            values.append(weights)
            starts.append(starts[-1] + len(rows))
        shape = (len(documents), len(self.rows))
        return csr_matrix((np.concatenate(values), np.concatenate(indices), np.array(starts)), shape=shape)
