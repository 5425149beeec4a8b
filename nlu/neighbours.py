"""The neighbours head: classes by their nearest training utterances, in a smaller space of the sentence embeddings.

It learns nothing but where utterances lie, so it adds what the linear heads smooth away, names the nearest example when a decision
is explained, and its nearest cosine is half of the out-of-scope gate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlu.heads import Labels, Matrix

COMPONENTS = 160
"""Principal components kept: 160 of 512 score as well as all."""
SHARPNESS = 30.0
"""How much the nearest count more than the near: the class score is log Σ exp(SHARPNESS · (cosine − 1)) / SHARPNESS."""
_NOTHING = -1.0


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Training utterances in the small space, sorted by class.

    `mean` (512) and `axes` (512, components) make the space; `points` (utterances, components) are unit vectors; `order` is the
    training number of each point; `starts` is where each class present begins and `present` its number.
    """

    mean: Matrix
    axes: Matrix
    points: Matrix
    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    present: NDArray[np.intp]

    def project(self, vectors: Matrix) -> Matrix:
        """Unit vectors in the small space, shape (rows, components)."""
        return _unit(((vectors - self.mean) @ self.axes).astype(np.float32))

    def scores(self, vectors: Matrix, classes: int) -> tuple[Matrix, Matrix, NDArray[np.intp]]:
        """Class scores (rows, classes), the nearest cosine of each row, and the training number of that neighbour."""
        likeness = self.project(vectors) @ self.points.T
        nearest = likeness.argmax(axis=1)
        sums = np.add.reduceat(np.exp(SHARPNESS * (likeness - 1)), self.starts, axis=1)
        scores = np.full((len(likeness), classes), _NOTHING, dtype=np.float32)
        scores[:, self.present] = np.log(sums + 1e-12) / SHARPNESS
        return scores, likeness[np.arange(len(likeness)), nearest], self.order[nearest]


def fit_neighbours(vectors: Matrix, y: Labels) -> Neighbours:
    """The head for embeddings `vectors` (utterances, 512) of classes `y`."""
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    _values, axes = np.linalg.eigh(centred.T @ centred)
    axes = np.ascontiguousarray(axes[:, ::-1][:, :COMPONENTS].astype(np.float32))
    order = np.argsort(y, kind="stable").astype(np.intp)
    present, starts = np.unique(y[order], return_index=True)
    points = _unit(centred[order] @ axes)
    return Neighbours(mean.astype(np.float32), axes, points, order, starts.astype(np.intp), present.astype(np.intp))


def _unit(points: Matrix) -> Matrix:
    length: Matrix = np.linalg.norm(points, axis=-1, keepdims=True)
    unit: Matrix = (points / np.maximum(length, 1e-9)).astype(np.float32)
    return unit
