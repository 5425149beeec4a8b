"""Two heads made one probability: temperature-scaled log-probabilities, weighted (Guo et al. 2017 for the temperatures).

Temperatures and weight are fitted on scores of utterances the heads had not seen (out of fold).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlu.heads import Labels, Matrix

_TEMPERATURES = np.geomspace(0.02, 4.0, 60)
_WEIGHTS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def log_softmax(scores: Matrix) -> Matrix:
    """Log-probabilities along the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    result: Matrix = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the heads' scores become probabilities. `weight` is the margin head's share, 0..1 (1: there is no second head)."""

    margin_temperature: float = 0.25
    semantic_temperature: float = 1.0
    weight: float = 1.0
    temperature: float = 1.0

    def probabilities(self, margins: Matrix, semantic: Matrix | None) -> Matrix:
        """Calibrated probabilities of each class, same shape as `margins`."""
        mixed = self.weight * log_softmax(margins / self.margin_temperature)
        if semantic is not None and self.weight < 1:
            mixed = mixed + (1 - self.weight) * log_softmax(semantic / self.semantic_temperature)
        return np.exp(log_softmax(mixed / self.temperature))


def fit_fusion(margins: Matrix, semantic: Matrix | None, y: Labels) -> Fusion:
    """The fusion with the smallest negative log-likelihood of `y` on out-of-fold scores, shape (utterances, classes)."""
    margin_t = _best_temperature(margins, y)
    if semantic is None:
        return Fusion(margin_temperature=margin_t)
    semantic_t = _best_temperature(semantic, y)
    a, b = log_softmax(margins / margin_t), log_softmax(semantic / semantic_t)
    weight = min(_WEIGHTS, key=lambda w: _loss(w * a + (1 - w) * b, y, _best_temperature(w * a + (1 - w) * b, y)))
    return Fusion(margin_t, semantic_t, weight, _best_temperature(weight * a + (1 - weight) * b, y))


def _loss(scores: Matrix, y: Labels, temperature: float) -> float:
    picked: NDArray[np.float32] = log_softmax(scores / temperature)[np.arange(len(y)), y]
    return -float(picked.mean())


def _best_temperature(scores: Matrix, y: Labels) -> float:
    return float(min(_TEMPERATURES, key=lambda t: _loss(scores, y, float(t))))
