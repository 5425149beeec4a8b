"""The out-of-scope gate: how like anything taught an utterance is, by the best margin and by the nearest example together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nlu.model.heads import Matrix


@dataclass(frozen=True, slots=True)
class Gate:
    """`margin + slope · nearest` below `threshold` is like nothing that was taught.

    `margin` is the best class's SVM margin, `nearest` the cosine of the nearest training utterance.
    """

    slope: float
    threshold: float

    def score(self, margin: float, nearest: float) -> float:
        """The gate's score: higher is more like what was taught."""
        return margin + self.slope * nearest


def fit_gate(margins: Matrix, nearest: Matrix, slope: float, quantile: float) -> Gate:
    """The gate that turns away the share `quantile` of utterances taught, by out-of-fold `margins` (rows, classes) and cosines."""
    return Gate(slope, float(np.quantile(margins.max(axis=1) + slope * nearest, quantile)))
