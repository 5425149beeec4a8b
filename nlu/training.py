"""Training: from a pack's utterances to a model, in seconds. Everything measured on the way is out of fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.features import learn, near_duplicate_groups
from nlu.fusion import fit_fusion
from nlu.heads import Labels, LinearHead, Matrix, fit_margin_head, fit_semantic_head
from nlu.normalise import normalise
from nlu.rasa_yaml import Example
from nlu.scorer import Gate, Model
from nlu.semantic import SentenceEncoder, Vectors

Progress = Callable[[float, str], None]
"""Called with the share done (0..1) and what is being done."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Settings that shape a model; part of its version. `c` are inverse regularisation strengths."""

    margin_c: float = 0.25
    semantic_c: float = 10.0
    folds: int = 3
    gate_slope: float = 2.0
    gate_quantile: float = 0.03
    seed: int = 7


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Scores of each training utterance by heads that had not seen it or its near-duplicates."""

    margins: Matrix
    semantic: Matrix | None
    nearest: NDArray[np.float32]


def train(
    examples: Sequence[Example],
    lang: str,
    encoder: SentenceEncoder | None,
    config: TrainingConfig | None = None,
    version: str = "",
    progress: Progress | None = None,
) -> Model:
    """Train a model of language `lang`. `encoder` None trains without the semantic head."""
    config = config or TrainingConfig()
    tell = progress or (lambda _share, _what: None)
    texts = [normalise(example.text) for example in examples]
    classes = tuple(sorted({example.intent for example in examples}))
    number = {name: i for i, name in enumerate(classes)}
    y = np.array([number[example.intent] for example in examples], dtype=np.intp)
    tell(0.0, "features")
    vocabulary, x = learn(texts, lang)
    tell(0.1, "sentence embeddings")
    vectors = encoder.encode(texts, lambda share: tell(0.1 + 0.4 * share, "sentence embeddings")) if encoder else None
    groups = near_duplicate_groups(texts, lang)
    tell(0.5, "out-of-fold scores")
    oof = out_of_fold(x, vectors, y, len(classes), groups, config)
    tell(0.8, "final heads")
    margin_head = fit_margin_head(x, y, len(classes), config.margin_c)
    semantic_head = fit_semantic_head(vectors, y, len(classes), config.semantic_c) if vectors is not None else None
    fusion = fit_fusion(oof.margins, oof.semantic, y)
    probabilities = fusion.probabilities(oof.margins, oof.semantic)
    tell(1.0, "done")
    return Model(
        language=lang,
        classes=classes,
        vocabulary=vocabulary,
        margin_head=margin_head,
        semantic_head=semantic_head,
        fusion=fusion,
        gate=fit_gate(oof, config),
        vectors=vectors if vectors is not None else np.zeros((0, 0), dtype=np.float32),
        texts=tuple(texts),
        labels=y,
        version=version,
        measured={"oof_accuracy": float((probabilities.argmax(1) == y).mean())},
    )


def folds(y: Labels, groups: NDArray[np.intp], count: int, seed: int) -> NDArray[np.intp]:
    """Fold number of each row: groups are kept whole, classes spread evenly."""
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(y), dtype=np.intp)
    filled = np.zeros((count, int(y.max()) + 1))
    members: dict[int, list[int]] = {}
    for row in rng.permutation(len(y)):
        members.setdefault(int(groups[row]), []).append(int(row))
    for rows in sorted(members.values(), key=len, reverse=True):
        load = filled[:, y[rows[0]]] + 1e-3 * filled.sum(axis=1)
        best = int(load.argmin())
        fold[rows] = best
        np.add.at(filled[best], y[rows], 1)
    return fold


def out_of_fold(
    x: Any, vectors: Vectors | None, y: Labels, classes: int, groups: NDArray[np.intp], config: TrainingConfig
) -> OutOfFold:
    """Scores by models trained without each fold."""
    fold = folds(y, groups, config.folds, config.seed)
    margins = np.zeros((len(y), classes), dtype=np.float32)
    semantic = None if vectors is None else np.zeros((len(y), classes), dtype=np.float32)
    nearest = np.zeros(len(y), dtype=np.float32)
    for number in range(config.folds):
        out, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if not len(out) or not len(rest):
            continue
        margins[out] = fit_margin_head(x[rest], y[rest], classes, config.margin_c).scores(x[out])
        if vectors is not None and semantic is not None:
            head: LinearHead = fit_semantic_head(vectors[rest], y[rest], classes, config.semantic_c)
            semantic[out] = head.scores(vectors[out])
            nearest[out] = (vectors[out] @ vectors[rest].T).max(axis=1)
    return OutOfFold(margins, semantic, nearest)


def fit_gate(oof: OutOfFold, config: TrainingConfig) -> Gate:
    """The gate that turns away the share `gate_quantile` of what was taught."""
    slope = config.gate_slope if oof.semantic is not None else 0.0
    scores = oof.margins.max(axis=1) + slope * oof.nearest
    return Gate(slope, float(np.quantile(scores, config.gate_quantile)))
