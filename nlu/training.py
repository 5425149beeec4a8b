"""Training: from a pack's utterances to a model, in seconds. Everything measured on the way is out of fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.features import learn, near_duplicate_groups
from nlu.fusion import fit_fusion
from nlu.gates import fit_gate
from nlu.heads import Labels, Matrix, fit_margin_head, fit_semantic_head, principal_axes
from nlu.lemmas import learn_lemmas
from nlu.neighbours import COMPONENTS, fit_neighbours
from nlu.scorer import Model, SemanticHeads
from nlu.singlethread import one_blas_thread

Progress = Callable[[float, str], None]
"""Called with the share done (0..1) and what is being done."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Settings that shape a model; part of its version.

    `margin_c`, `semantic_c`: inverse regularisation strengths. `folds`: held out in turn for calibration; when there are more than
    `folds` times `enough` utterances, `enough` of them are held out once. `gate_quantile`: share of what was taught that the
    out-of-scope gate may doubt.
    """

    margin_c: float = 1.0
    semantic_c: float = 30.0
    folds: int = 4
    enough: int = 2000
    gate_slope: float = 3.0
    gate_quantile: float = 0.03
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Utterances:
    """Normalised texts with their labels, and their embeddings (texts, 512) when there is an encoder."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    vectors: Matrix | None = None


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Scores of held-out utterances (`rows` are their numbers) by heads that had seen neither them nor their near-duplicates."""

    rows: NDArray[np.intp]
    heads: tuple[Matrix, ...]
    nearest: Matrix


@dataclass(frozen=True, slots=True)
class _Beside:
    """Utterances of other languages, by class number."""

    texts: tuple[str, ...]
    vectors: Matrix
    labels: Labels


def train(
    taught: Utterances,
    lang: str,
    config: TrainingConfig | None = None,
    *,
    foreign: Utterances | None = None,
    extra_words: Sequence[str] = (),
    version: str = "",
    progress: Progress | None = None,
) -> Model:
    """Train a model of language `lang` on `taught`; the result does not depend on the machine's number of cores.

    `foreign` are utterances of other languages with the same labels: they teach the heads that read embeddings. `extra_words` get
    lemmas too (names of products). Without vectors the model has the margin head only.
    """
    config = config or TrainingConfig()
    with one_blas_thread():
        return _train(taught, lang, config, foreign, extra_words, version, progress or (lambda _share, _what: None))


def _train(
    taught: Utterances,
    lang: str,
    config: TrainingConfig,
    foreign: Utterances | None,
    extra_words: Sequence[str],
    version: str,
    tell: Progress,
) -> Model:
    classes = tuple(sorted(set(taught.labels)))
    y = _numbers(taught.labels, classes)
    tell(0.0, "lemmas and features")
    words = {word for text in taught.texts for word in text.split()}
    lemmas = learn_lemmas([*words, *extra_words], lang)
    vocabulary, x = learn(taught.texts, lemmas)
    groups = near_duplicate_groups(taught.texts, lemmas)
    beside = _foreign_rows(foreign, classes) if taught.vectors is not None else None
    tell(0.3, "calibration")
    oof = out_of_fold(x, taught.vectors, y, len(classes), groups, config, beside)
    fusion = fit_fusion(oof.heads, y[oof.rows])
    right = fusion.probabilities(oof.heads).argmax(axis=1) == y[oof.rows]
    tell(0.7, "heads")
    semantic = _fit_semantic(taught.vectors, y, len(classes), config, beside) if taught.vectors is not None else None
    model = Model(
        language=lang,
        classes=classes,
        vocabulary=vocabulary,
        margin_head=fit_margin_head(x, y, len(classes), config.margin_c),
        semantic=semantic,
        fusion=fusion,
        gate=fit_gate(oof.heads[0], oof.nearest, config.gate_slope if semantic else 0.0, config.gate_quantile),
        texts=taught.texts + (beside.texts if beside else ()),
        labels=y if beside is None else np.concatenate([y, beside.labels]),
        version=version,
        measured={"held_out_accuracy": float(right.mean()), "held_out": float(len(right)), "utterances": float(len(y))},
    )
    tell(1.0, "done")
    return model


def _numbers(labels: Sequence[str], classes: Sequence[str]) -> Labels:
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[label] for label in labels], dtype=np.intp)


def _foreign_rows(foreign: Utterances | None, classes: Sequence[str]) -> _Beside | None:
    """Foreign utterances whose label is taught here too."""
    if foreign is None or foreign.vectors is None:
        return None
    known = set(classes)
    kept = [i for i, label in enumerate(foreign.labels) if label in known]
    labels = _numbers([foreign.labels[i] for i in kept], classes)
    return _Beside(tuple(foreign.texts[i] for i in kept), foreign.vectors[kept], labels)


def _fit_semantic(vectors: Matrix, y: Labels, classes: int, config: TrainingConfig, beside: _Beside | None) -> SemanticHeads:
    all_vectors = vectors if beside is None else np.concatenate([vectors, beside.vectors])
    all_y = y if beside is None else np.concatenate([y, beside.labels])
    mean, axes = principal_axes(all_vectors, COMPONENTS)
    linear = fit_semantic_head(all_vectors, all_y, classes, config.semantic_c, mean, axes)
    return SemanticHeads(linear, fit_neighbours(all_vectors, all_y, mean, axes))


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
    x: Any,
    vectors: Matrix | None,
    y: Labels,
    classes: int,
    groups: NDArray[np.intp],
    config: TrainingConfig,
    beside: _Beside | None = None,
    every_fold: bool = False,
) -> OutOfFold:
    """Scores of held-out utterances: of all of them, or of one fold when there are more than `config.enough`."""
    once = len(y) > config.folds * config.enough and not every_fold
    count = len(y) // config.enough if once else config.folds
    fold = folds(y, groups, count, config.seed)
    parts: list[tuple[NDArray[np.intp], tuple[Matrix, ...], Matrix]] = []
    for number in range(1 if once else count):
        out, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if not len(out) or not len(rest):
            continue
        heads: tuple[Matrix, ...] = (fit_margin_head(x[rest], y[rest], classes, config.margin_c).scores(x[out]),)
        nearest = np.zeros(len(out), dtype=np.float32)
        if vectors is not None:
            semantic = _fit_semantic(vectors[rest], y[rest], classes, config, beside)
            near, nearest, _ = semantic.neighbours.scores(vectors[out], classes)
            heads = (*heads, semantic.linear.scores(vectors[out]), near)
        parts.append((out, heads, nearest))
    rows = np.concatenate([part[0] for part in parts])
    joined = tuple(np.concatenate([part[1][i] for part in parts]) for i in range(len(parts[0][1])))
    return OutOfFold(rows, joined, np.concatenate([part[2] for part in parts]))
