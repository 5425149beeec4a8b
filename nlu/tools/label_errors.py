"""Likely label errors by confident learning (Northcutt, Jiang & Chuang 2021, "Confident Learning: Estimating Uncertainty in
Dataset Labels"): an example is suspect when a model that had not seen it is confident of another label, confident meaning at
least as sure as it is on average of that label's own examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlu.model.features import learn, near_duplicate_groups
from nlu.model.fusion import fit_fusion
from nlu.model.numeric_work import numeric_work
from nlu.model.training import TrainingConfig, out_of_fold
from nlu.pack.rasa_yaml import Example
from nlu.tools.wording import lemmas_of, normalised

Probabilities = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Suspect:
    """An example that is likely mislabelled. `given` and `likely` are probabilities of its label and of `suggestion`."""

    example: Example
    suggestion: str
    given: float
    likely: float


def find_label_errors(examples: Sequence[Example], lang: str, config: TrainingConfig | None = None) -> list[Suspect]:
    """Suspects, surest first, judged out of fold by the word and letter features alone (seconds for ten thousand lines).

    Raises ValueError with examples of fewer than two labels: there is nothing to confuse.
    """
    names = sorted({example.intent for example in examples})
    if len(names) < 2:
        raise ValueError("label errors need examples of at least two labels")
    config = config or TrainingConfig()
    number = {name: at for at, name in enumerate(names)}
    labels = np.array([number[example.intent] for example in examples], dtype=np.intp)
    texts = normalised(examples, lang)
    lemmas = lemmas_of(texts, lang)
    _, features = learn(texts, lemmas)
    groups = near_duplicate_groups(texts, lemmas)
    with numeric_work():
        scores = out_of_fold(features, None, labels, len(names), groups, config, every_fold=True)
    probabilities = np.zeros((len(labels), len(names)))
    probabilities[scores.rows] = fit_fusion(scores.heads, labels[scores.rows]).probabilities(scores.heads)
    found = confident_disagreements(probabilities, labels)
    return [
        Suspect(examples[row], names[other], float(probabilities[row, labels[row]]), float(probabilities[row, other]))
        for row, other in found
    ]


def confident_disagreements(probabilities: Probabilities, labels: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Rows that confidently belong to another class, and which; largest gap between the two probabilities first.

    `probabilities` has shape (examples, classes) and is out of fold; `labels` are class numbers.
    """
    classes = probabilities.shape[1]
    thresholds = np.array([_mean(probabilities[labels == one, one]) for one in range(classes)])
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    best = confident.argmax(axis=1)
    rows = np.arange(len(labels))
    suspect = np.flatnonzero((best != labels) & (confident[rows, best] > probabilities[rows, labels]))
    gaps = probabilities[suspect, best[suspect]] - probabilities[suspect, labels[suspect]]
    return [(int(row), int(best[row])) for row in suspect[np.argsort(-gaps, kind="stable")]]


def _mean(values: Probabilities) -> float:
    return float(values.mean()) if len(values) else 1.0
