"""What callers say that the model is unsure of, gathered into groups that one decision can label.

Groups by average-linkage agglomerative clustering of sentence embeddings (of words and letters without them) under the cosine;
named by class-based TF-IDF (Grootendorst 2022): words frequent in the group and rare outside it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlu.features import learn
from nlu.normalise import canonical, normalise
from nlu.rasa_yaml import Example
from nlu.semantic import SentenceEncoder
from nlu.tools.held_out import Judged
from nlu.tools.wording import lemmas_of
from nlu.types import OUT_OF_SCOPE, Act, Decision

MOST = 4000
"""Distances grow with the square: beyond this many different utterances the rarest are left for the next run."""
_APART_BY_MEANING, _APART_BY_WORDS = 0.45, 0.75
"""Groups further apart than this (1 - cosine) stay apart."""
_LEAST_SUGGESTED = 0.25
_WORDS = 4
_NO_MATTER = frozenset(act.value for act in Act)


@dataclass(frozen=True, slots=True)
class Member:
    """An utterance of a group, how often it was said, and the model's confidence in its own first guess."""

    text: str
    count: int
    confidence: float
    example: Example


@dataclass(frozen=True, slots=True)
class Cluster:
    """Utterances that belong together, the most typical first. `suggestion` is None when the model has no idea."""

    words: tuple[str, ...]
    suggestion: str | None
    share: float
    members: tuple[Member, ...]

    @property
    def count(self) -> int:
        """How many utterances, repeated ones counted."""
        return sum(member.count for member in self.members)


def unsure(judged: Sequence[Judged], below: float) -> list[Judged]:
    """Utterances that were not accepted, or with confidence under `below`; dialogue acts left out."""
    return [
        one
        for one in judged
        if not (one.found.act is not None and one.found.intent in _NO_MATTER | {OUT_OF_SCOPE})
        and (one.found.decision is not Decision.ACCEPT or one.found.confidence < below)
    ]


def cluster(judged: Sequence[Judged], lang: str, encoder: SentenceEncoder | None, least: int = 2) -> list[Cluster]:
    """Groups of at least `least` utterances (repeated ones counted), the largest first, then those the model is least sure of."""
    counts = Counter(one.found.text for one in judged)
    first = {one.found.text: one for one in reversed(judged)}
    texts = [text for text, _ in counts.most_common(MOST)]
    if not texts:
        return []
    vectors = _vectors(texts, lang, encoder)
    groups = _groups(vectors, _APART_BY_MEANING if encoder else _APART_BY_WORDS)
    found = []
    for rows in groups:
        ordered = _typical_first(rows, vectors)
        members = [_member(first[texts[row]], counts[texts[row]]) for row in ordered]
        suggestion, share = _suggestion([first[texts[row]] for row in ordered])
        found.append((Cluster((), suggestion, share, tuple(members)), [texts[row] for row in ordered]))
    named = _names([lines for _, lines in found], lang)
    clusters = [Cluster(words, one.suggestion, one.share, one.members) for (one, _), words in zip(found, named, strict=True)]
    return sorted((one for one in clusters if one.count >= least), key=lambda one: (-one.count, one.share))


def _vectors(texts: Sequence[str], lang: str, encoder: SentenceEncoder | None) -> NDArray[np.float32]:
    """Unit vectors, one a row."""
    if encoder is not None:
        return encoder.encode(texts)
    words = [normalise(text) for text in texts]
    matrix = learn(words, lemmas_of(words, lang))[1].toarray().astype(np.float32)
    length = np.sqrt((matrix * matrix).sum(axis=1, keepdims=True))
    unit: NDArray[np.float32] = matrix / np.maximum(length, 1e-9)
    return unit


def _groups(vectors: NDArray[np.float32], apart: float) -> list[list[int]]:
    if len(vectors) < 2:
        return [[row] for row in range(len(vectors))]
    from sklearn.cluster import AgglomerativeClustering

    distances = np.clip(1 - vectors @ vectors.T, 0, 2)
    model = AgglomerativeClustering(n_clusters=None, metric="precomputed", linkage="average", distance_threshold=apart)
    groups: dict[int, list[int]] = {}
    for row, group in enumerate(model.fit_predict(distances)):
        groups.setdefault(int(group), []).append(row)
    return list(groups.values())


def _typical_first(rows: Sequence[int], vectors: NDArray[np.float32]) -> list[int]:
    likeness = vectors[rows] @ vectors[rows].mean(axis=0)
    return [rows[at] for at in np.argsort(-likeness, kind="stable")]


def _member(one: Judged, count: int) -> Member:
    return Member(one.found.text, count, one.found.confidence, one.example)


def _suggestion(judged: Sequence[Judged]) -> tuple[str | None, float]:
    """The intent that the model's guesses add up to, and its mean share of belief."""
    belief: defaultdict[str, float] = defaultdict(float)
    for one in judged:
        for ranked in one.found.ranking:
            belief[ranked.intent] += ranked.confidence / len(judged)
    matters = [(intent, share) for intent, share in belief.items() if intent != OUT_OF_SCOPE]
    matters.sort(key=lambda matter: -matter[1])
    if not matters or matters[0][1] < _LEAST_SUGGESTED:
        return None, matters[0][1] if matters else 0.0
    return matters[0]


def _names(groups: Sequence[Sequence[str]], lang: str) -> list[tuple[str, ...]]:
    """The words that tell each group from the others: tf · log(1 + average group size / frequency everywhere)."""
    lemmas = lemmas_of([canonical(text) for texts in groups for text in texts], lang)
    counts = [Counter(lemmas.of(word) for text in texts for word in canonical(text).split()) for texts in groups]
    everywhere: Counter[str] = Counter()
    for one in counts:
        everywhere.update(one)
    average = sum(everywhere.values()) / max(1, len(groups))
    return [
        tuple(sorted(one, key=lambda word: (-one[word] * math.log(1 + average / everywhere[word]), word))[:_WORDS])
        for one in counts
    ]
