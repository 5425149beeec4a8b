"""The two linear heads: a linear SVM on sparse features, and a logistic regression on sentence embeddings.

Both end as a plain affine map, so serving needs neither scikit-learn nor scipy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Labels = NDArray[np.intp]

_STEPS = 40
_FEW = 8
"""Measured with 8,173 columns of 160: 3 rows 0.80 ms at once and 0.27 one by one, 8 rows 0.92 and 0.72, 12 rows 0.99 and 1.08."""


def product(rows: Matrix, weights: Matrix) -> Matrix:
    """The product of rows and weights. A few rows one after another: for a product of matrices BLAS copies all of the weights first."""
    return np.stack([row @ weights for row in rows]) if len(rows) <= _FEW else rows @ weights


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Scores = x · weights + bias; `weights` has shape (features, classes), C order: a feature's row is one gather."""

    weights: Matrix
    bias: Matrix

    def scores(self, x: Any) -> Matrix:
        """Scores of rows of `x` (dense or scipy sparse), shape (rows, classes)."""
        return np.asarray(x @ self.weights, dtype=np.float32) + self.bias


def fit_margin_head(x: Any, y: Labels, classes: int, c: float) -> LinearHead:
    """One-against-all linear SVM with squared hinge loss (Fan et al. 2008, LIBLINEAR). `y` holds class numbers.

    Classes absent from `y` (a small fold) get a score lower than any margin.
    """
    from sklearn.svm import LinearSVC

    return _as_head(LinearSVC(C=c, tol=0.1, random_state=0), x, y, classes, absent=-2.0)


def principal_axes(vectors: Matrix, count: int) -> tuple[Matrix, Matrix]:
    """The mean of `vectors` (rows, dimensions) and their `count` principal axes, as columns."""
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    _squares, axes = np.linalg.eigh(centred.T @ centred)
    return mean.astype(np.float32), np.ascontiguousarray(axes[:, ::-1][:, :count].astype(np.float32))


def fit_semantic_head(x: Matrix, y: Labels, classes: int, c: float, mean: Matrix, axes: Matrix) -> LinearHead:
    """Multinomial logistic regression in the space of `principal_axes`, given as a head for the whole embeddings.

    It is stopped early: the last steps cost most and change few answers. Both that and the smaller space lose nothing measurable.
    """
    from sklearn.linear_model import LogisticRegression

    small = _as_head(LogisticRegression(C=c, max_iter=_STEPS, tol=1e-3), (x - mean) @ axes, y, classes, absent=-20.0)
    weights = np.ascontiguousarray(axes @ small.weights)
    return LinearHead(weights, small.bias - mean @ weights)


def _as_head(model: Any, x: Any, y: Labels, classes: int, absent: float) -> LinearHead:
    present = np.unique(y)
    weights = np.zeros((x.shape[1], classes), dtype=np.float32)
    bias = np.full(classes, absent, dtype=np.float32)
    if len(present) == 1:
        bias[present[0]] = 1.0
        return LinearHead(weights, bias)
    model.fit(x, y)
    coef, intercept = model.coef_, model.intercept_
    if len(present) == 2:  # scikit-learn keeps one column for two classes
        coef, intercept = np.vstack([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2
    weights[:, present] = coef.T
    bias[present] = intercept
    return LinearHead(weights, bias)
