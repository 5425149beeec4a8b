"""Serving: a stored model applied to one utterance, by look-ups and small matrix products only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nlu.model.features import Vocabulary
from nlu.model.fusion import Fusion
from nlu.model.gates import Gate
from nlu.model.heads import LinearHead, Matrix
from nlu.model.neighbours import Neighbours
from nlu.model.semantic import SentenceEncoder


@dataclass(frozen=True, slots=True)
class SemanticHeads:
    """What reads sentence embeddings; `linear` where examples are few (see `TrainingConfig.semantic_below`)."""

    neighbours: Neighbours
    linear: LinearHead | None = None

    def scores(self, vectors: Matrix, classes: int) -> tuple[tuple[Matrix, ...], Matrix, NDArray[np.intp]]:
        """Each head's class scores (rows, classes), the nearest cosine of each row, and the training number of that neighbour."""
        near, cosines, indices = self.neighbours.scores(vectors, classes)
        heads = (near,) if self.linear is None else (self.linear.scores(vectors), near)
        return heads, cosines, indices


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model of one language. `classes` are intents, dialogue acts and out_of_scope, in the order of the columns.

    `texts` and `labels` (class numbers) are the training utterances by training number, for explaining. `version` is the hash of
    data and settings; `measured` holds figures of the training itself.
    """

    language: str
    classes: tuple[str, ...]
    vocabulary: Vocabulary
    margin_head: LinearHead
    semantic: SemanticHeads | None
    fusion: Fusion
    gate: Gate
    texts: tuple[str, ...]
    labels: NDArray[np.intp]
    version: str = ""
    measured: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model says of one utterance: `probabilities` and each head's scores by class, the nearest training utterance's
    cosine and number (-1: unknown), and the gate's score.
    """

    probabilities: Matrix
    heads: tuple[Matrix, ...]
    nearest: float
    nearest_index: int
    gate: float


class Scorer:
    """A model with what it needs to serve. Safe to share between threads."""

    def __init__(self, model: Model, encoder: SentenceEncoder | None) -> None:
        if model.semantic is not None and encoder is None:
            raise ValueError("this model reads sentence embeddings: give it an encoder, or train one without")
        self.model = model
        self._encoder = encoder

    def score(self, texts: Sequence[str], known: Mapping[str, Matrix] | None = None) -> list[Scored]:
        """Scores of normalised texts; all their embeddings are made in one go. `known`: margins worked out before, by text."""
        if not texts:
            return []
        model, known = self.model, known or {}
        margins = np.stack([known[text] if text in known else self.margins(text) for text in texts])
        heads: tuple[Matrix, ...] = (margins,)
        cosines, indices = np.zeros(len(texts), dtype=np.float32), np.full(len(texts), -1)
        if model.semantic is not None and self._encoder is not None:
            others, cosines, indices = model.semantic.scores(self._encoder.encode(texts), len(model.classes))
            heads = (margins, *others)
        probabilities = model.fusion.probabilities(heads)
        gates = (model.gate.score(best, near) for best, near in zip(margins.max(axis=1).tolist(), cosines.tolist(), strict=True))
        return [
            Scored(probabilities[row], tuple(head[row] for head in heads), float(cosines[row]), int(indices[row]), gate)
            for row, gate in enumerate(gates)
        ]

    def margins(self, text: str) -> Matrix:
        """The margin head's score of each class."""
        rows, weights = self.model.vocabulary.weigh(text)
        head = self.model.margin_head
        scores: Matrix = weights @ head.weights[rows] + head.bias
        return scores
