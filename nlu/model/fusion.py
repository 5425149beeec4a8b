"""Heads made one probability: a log-linear pool, each head's scores scaled so that probabilities are calibrated.

p(class) ∝ exp(Σ scale_h · score_h(class)): temperature scaling (Guo et al. 2017) of several heads at once. The scales are those with
the smallest negative log-likelihood on utterances that the heads had not seen (out of fold); the problem is convex.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlu.model.heads import Labels, Matrix

_START = 3.0
_STEPS = 60
_RIDGE = 1e-6


def log_softmax(scores: Matrix) -> Matrix:
    """Log-probabilities along the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    result: Matrix = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


@dataclass(frozen=True, slots=True)
class Fusion:
    """One scale a head, in the order of the heads: margin, then linear semantic and neighbours where they exist."""

    scales: tuple[float, ...]

    def probabilities(self, heads: Sequence[Matrix]) -> Matrix:
        """Calibrated probabilities, same shape as each head's scores."""
        mixed = sum(scale * scores for scale, scores in zip(self.scales, heads, strict=True))
        return np.exp(log_softmax(np.asarray(mixed, dtype=np.float32)))


def fit_fusion(heads: Sequence[Matrix], y: Labels) -> Fusion:
    """Scales by Newton's method with step halving; `heads` are out-of-fold scores of shape (utterances, classes)."""
    scores = np.stack([head.astype(np.float64) for head in heads])
    rows = np.arange(len(y))
    scales = np.array([_START / max(float(head.std(axis=1).mean()), 1e-6) / len(heads) / 2 for head in scores])
    loss = _loss(scales, scores, rows, y)
    for _ in range(_STEPS):
        gradient, curvature = _derivatives(scales, scores, rows, y)
        step = np.linalg.solve(curvature + _RIDGE * np.eye(len(scales)), gradient)
        size = 1.0
        while size > 1e-4:
            tried = np.maximum(scales - size * step, 0.0)
            after = _loss(tried, scores, rows, y)
            if after < loss:
                break
            size /= 2
        else:
            break
        improved, scales, loss = loss - after, tried, after
        if improved < 1e-7:
            break
    return Fusion(tuple(float(scale) for scale in scales))


def _loss(scales: NDArray[np.float64], scores: NDArray[np.float64], rows: Labels, y: Labels) -> float:
    logs = log_softmax(np.tensordot(scales, scores, axes=1).astype(np.float32))
    return -float(logs[rows, y].mean())


def _derivatives(
    scales: NDArray[np.float64], scores: NDArray[np.float64], rows: Labels, y: Labels
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gradient and curvature of the loss in the scales."""
    shares = np.exp(log_softmax(np.tensordot(scales, scores, axes=1).astype(np.float32)))
    expected = (shares * scores).sum(axis=2)
    gradient = (expected - scores[:, rows, y]).mean(axis=1)
    curvature = np.empty((len(scales), len(scales)))
    for i in range(len(scales)):
        for j in range(i, len(scales)):
            joint = (shares * scores[i] * scores[j]).sum(axis=1) - expected[i] * expected[j]
            curvature[i, j] = curvature[j, i] = joint.mean()
    return gradient, curvature
