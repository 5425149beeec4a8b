"""What callers say that the model is unsure of, gathered into groups that one decision can label.

Groups by average-linkage agglomerative clustering; two utterances are alike by the cosine of their sentence embeddings (of words and
letters without them), and more so when the model, unsure as it is, suspects the same matters.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlu.model.features import Vocabulary, learn
from nlu.model.lemmas import Lemmas
from nlu.model.semantic import SentenceEncoder
from nlu.pack.rasa_yaml import Example
from nlu.text.normalise import canonical, normalise
from nlu.tools.held_out import Judged
from nlu.types import OUT_OF_SCOPE, Act, Decision

MOST = 4000
"""Distances grow with the square: beyond this many different utterances the rarest are left for the next run."""
_APART_BY_MEANING, _APART_BY_WORDS = 0.45, 0.75
"""Groups further apart than this (1 - likeness) stay apart."""
_SUSPICION_BY_MEANING, _SUSPICION_BY_WORDS = 0.5, 0.2
"""What the same suspicion adds to the likeness. Short lines of one matter seldom share words: alone, their cosine is 0.2 to 0.5."""
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


def cluster(
    judged: Sequence[Judged], vocabulary: Vocabulary, encoder: SentenceEncoder | None, lang: str, least: int = 2
) -> list[Cluster]:
    """Groups of at least `least` utterances (repeated ones counted), the largest first, then those the model is least sure of.

    `vocabulary` is the judging model's: its lemmas make groups, and what is rare in its training data names them.
    """
    counts = Counter(one.found.text for one in judged)
    first = {one.found.text: one for one in reversed(judged)}
    texts = [text for text, _ in counts.most_common(MOST)]
    if not texts:
        return []
    vectors = _vectors(texts, lang, vocabulary.lemmas, encoder)
    apart, suspicion = (_APART_BY_MEANING, _SUSPICION_BY_MEANING) if encoder else (_APART_BY_WORDS, _SUSPICION_BY_WORDS)
    groups = _groups(vectors @ vectors.T + suspicion * _overlap([first[text] for text in texts]), apart)
    clusters = []
    for rows in groups:
        ordered = [texts[row] for row in _typical_first(rows, vectors)]
        members = tuple(_member(first[text], counts[text]) for text in ordered)
        clusters.append(Cluster(_name(ordered, vocabulary), *_suggestion([first[text] for text in ordered]), members))
    return sorted((one for one in clusters if one.count >= least), key=lambda one: (-one.count, one.share))


def _vectors(texts: Sequence[str], lang: str, lemmas: Lemmas, encoder: SentenceEncoder | None) -> NDArray[np.float32]:
    """Unit vectors, one a row."""
    if encoder is not None:
        return encoder.encode(texts)
    matrix = learn([normalise(text, lang) for text in texts], lemmas)[1].toarray().astype(np.float32)
    length = np.sqrt((matrix * matrix).sum(axis=1, keepdims=True))
    unit: NDArray[np.float32] = matrix / np.maximum(length, 1e-9)
    return unit


def _overlap(judged: Sequence[Judged]) -> NDArray[np.float32]:
    """How far each two share their suspicions of matters: Bhattacharyya's coefficient, 0..1; what is out of scope shares none."""
    intents = sorted({ranked.intent for one in judged for ranked in one.found.ranking} - {OUT_OF_SCOPE})
    column = {intent: at for at, intent in enumerate(intents)}
    roots = np.zeros((len(judged), len(intents)), dtype=np.float32)
    for row, one in enumerate(judged):
        for ranked in one.found.ranking:
            if ranked.intent in column:
                roots[row, column[ranked.intent]] = math.sqrt(ranked.confidence)
    shared: NDArray[np.float32] = roots @ roots.T
    return shared


def _groups(alike: NDArray[np.float32], apart: float) -> list[list[int]]:
    if len(alike) < 2:
        return [[row] for row in range(len(alike))]
    from sklearn.cluster import AgglomerativeClustering

    distances = np.clip(1 - alike, 0, 2)
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


def _name(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[str, ...]:
    """The words that tell the group: often in it, rare in the training data."""
    block = vocabulary.words
    unheard = float(block.idf.max()) if len(block.idf) else 1.0
    counts = Counter(vocabulary.lemmas.of(word) for text in texts for word in canonical(text).split())
    rarity = {word: float(block.idf[block.rows[word]]) if word in block.rows else unheard for word in counts}
    return tuple(sorted(counts, key=lambda word: (-counts[word] * (rarity[word] - 1) ** 2, word))[:_WORDS])
