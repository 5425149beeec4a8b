"""Serving: a stored model applied to one utterance, by look-ups and small matrix products only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nlu.features import Vocabulary
from nlu.fusion import Fusion
from nlu.heads import LinearHead, Matrix
from nlu.semantic import SentenceEncoder, Vectors


@dataclass(frozen=True, slots=True)
class Gate:
    """Out of scope by likeness: `margin + slope * nearest` below `threshold` is like nothing the model was taught.

    `margin` is the best class's margin, `nearest` the cosine of the nearest training utterance.
    """

    slope: float
    threshold: float

    def score(self, margin: float, nearest: float) -> float:
        """The gate's score: higher is more like what was taught."""
        return margin + self.slope * nearest


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model of one language. `classes` are intents, dialogue acts and out_of_scope, in the order of the columns.

    `vectors` are the training utterances' embeddings (utterances, 512), empty without the semantic head; `texts` and
    `labels` (class numbers) are theirs, for explaining.
    """

    language: str
    classes: tuple[str, ...]
    vocabulary: Vocabulary
    margin_head: LinearHead
    semantic_head: LinearHead | None
    fusion: Fusion
    gate: Gate
    vectors: Vectors
    texts: tuple[str, ...]
    labels: NDArray[np.intp]
    version: str = ""
    measured: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model says of one utterance: per class `probabilities`, `margins` and `semantic` scores (or None), the
    `nearest` training utterance's cosine and number (-1: unknown), and the gate's score."""

    probabilities: Matrix
    margins: Matrix
    semantic: Matrix | None
    nearest: float
    nearest_index: int
    gate: float


class Scorer:
    """A model with what it needs to serve. Safe to share between threads."""

    def __init__(self, model: Model, encoder: SentenceEncoder | None) -> None:
        self.model = model
        self._encoder = encoder if model.semantic_head is not None else None

    def score(self, texts: Sequence[str]) -> list[Scored]:
        """Scores of normalised texts."""
        vectors = self._encoder.encode(texts) if self._encoder else None
        return [self._score(text, None if vectors is None else vectors[i]) for i, text in enumerate(texts)]

    def margins(self, text: str) -> Matrix:
        """The margin head's score of each class."""
        head = self.model.margin_head
        rows, weights = self.model.vocabulary.weigh(text)
        scores: Matrix = weights @ head.weights[rows] + head.bias
        return scores

    def _score(self, text: str, vector: Matrix | None) -> Scored:
        model = self.model
        margins = self.margins(text)
        semantic, nearest, index = None, 0.0, -1
        if vector is not None and model.semantic_head is not None:
            semantic = vector @ model.semantic_head.weights + model.semantic_head.bias
            likeness = model.vectors @ vector
            index = int(likeness.argmax())
            nearest = float(likeness[index])
        probabilities = model.fusion.probabilities(margins, semantic)
        return Scored(probabilities, margins, semantic, nearest, index, model.gate.score(float(margins.max()), nearest))
