"""Figures of merit of a classifier, from arrays of its answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]

_BINS = 10


def macro_f1(meant: Sequence[str], taken: Sequence[str]) -> float:
    """Mean F1 (0..1) over all labels that were meant or answered; rare ones count as much as common ones."""
    meant_, taken_ = np.asarray(meant), np.asarray(taken)
    scores = []
    for label in sorted(set(meant) | set(taken)):
        both = int(((meant_ == label) & (taken_ == label)).sum())
        scores.append(2 * both / int((meant_ == label).sum() + (taken_ == label).sum()))
    return float(np.mean(scores))


def auroc(inside: Floats, outside: Floats) -> float:
    """The chance that an in-scope utterance scores higher than an out-of-scope one, ties counting half (Mann & Whitney 1947)."""
    ordered = np.sort(outside)
    below = np.searchsorted(ordered, inside, side="left")
    not_above = np.searchsorted(ordered, inside, side="right")
    return float((below + not_above).sum() / (2 * len(inside) * len(outside)))


def accepted_and_right(inside: Floats, right: Flags, outside: Floats, false_accepts: float = 0.05) -> float:
    """Share of in-scope utterances accepted and right, at the threshold that accepts the share `false_accepts` of the others."""
    threshold = np.quantile(outside, 1 - false_accepts)
    return float(((inside > threshold) & right).mean())


def calibration_error(confidence: Floats, right: Flags) -> float:
    """Expected calibration error (Naeini et al. 2015): mean distance of confidence from truth over ten equal bins, by size."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float(right[bins == one].sum() - confidence[bins == one].sum())) for one in range(_BINS)]
    return sum(gaps) / len(confidence)
