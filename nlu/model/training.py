"""Training: from a pack's utterances to a model, in seconds. Everything measured on the way is out of fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.model.features import learn, near_duplicate_groups
from nlu.model.fusion import fit_fusion
from nlu.model.gates import fit_gate
from nlu.model.heads import Labels, Matrix, fit_margin_head, fit_semantic_head, principal_axes
from nlu.model.lemmas import learn_lemmas
from nlu.model.neighbours import COMPONENTS, fit_neighbours
from nlu.model.numeric_work import numeric_work
from nlu.model.scorer import Model, SemanticHeads
from nlu.text.normalise import canonical
from nlu.types import OUT_OF_SCOPE

Progress = Callable[[float, str], None]
"""Called with the share done (0..1) and what is being done."""


_EMBEDDING_SHARE = 0.8
"""Of the time of training, about so much passes while sentences are embedded and features learned; for progress bars."""
Embed = Callable[[Sequence[str], Callable[[float], None]], Matrix]
"""Makes unit vectors of texts, shape (texts, 512); tells the share done (0..1)."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Settings that shape a model; part of its version.

    `margin_c`, `semantic_c`: inverse regularisation strengths. `semantic_below`: with so many utterances a label the regression on
    embeddings is left out; it helps where examples are few (10 a label: 75 → 84 %) and costs where they are many (500: 92 → 90 %).
    `embedded`: so many utterances a label are embedded for the heads that read embeddings; more cost time and add nothing measurable
    beside the margin head. `folds`: held out in turn for calibration; when there are more than `folds` times `enough` utterances,
    about `enough` of them are held out once. `gate_quantile`: share of what was taught that the out-of-scope gate may doubt.
    `named_below`: a label with fewer utterances is taught by its own name too ("card_issue"); one more example of ten tells a lot.
    """

    margin_c: float = 1.0
    semantic_c: float = 30.0
    semantic_below: int = 250
    embedded: int = 200
    folds: int = 4
    enough: int = 1500
    gate_slope: float = 3.0
    gate_quantile: float = 0.03
    named_below: int = 30
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Utterances:
    """Normalised texts with their labels."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Embedding:
    """The utterances that have embeddings: their numbers, ascending, and unit vectors of shape (rows, 512), which may be yet to come."""

    rows: NDArray[np.intp]
    vectors: Future[Matrix]

    def of(self, wanted: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Matrix]:
        """Numbers and vectors of those whose number is `wanted`; waits for them."""
        kept = wanted[self.rows]
        return self.rows[kept], self.vectors.result()[kept]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Scores of held-out utterances (`rows` are their numbers) by heads that had seen neither them nor their near-duplicates."""

    rows: NDArray[np.intp]
    heads: tuple[Matrix, ...]
    nearest: Matrix


def train(
    taught: Utterances,
    lang: str,
    config: TrainingConfig | None = None,
    *,
    embed: Embed | None = None,
    extra_words: Sequence[str] = (),
    version: str = "",
    progress: Progress | None = None,
) -> Model:
    """Train a model of language `lang` on `taught`; the result does not depend on the machine's number of cores.

    `extra_words` get lemmas too (names of products). Without `embed` the model has the margin head only.
    """
    config = config or TrainingConfig()
    with numeric_work():
        return _train(taught, lang, config, embed, extra_words, version, progress or (lambda _share, _what: None))


def _train(
    given: Utterances,
    lang: str,
    config: TrainingConfig,
    embed: Embed | None,
    extra_words: Sequence[str],
    version: str,
    tell: Progress,
) -> Model:
    taught = _with_names(given, config.named_below)
    classes = tuple(sorted(set(taught.labels)))
    number = {name: i for i, name in enumerate(classes)}
    y: Labels = np.array([number[label] for label in taught.labels], dtype=np.intp)
    with ThreadPoolExecutor(2) as beside:  # the work that is not Python's runs beside Python's where there is a second core
        embedding = None
        if embed is not None:
            rows = _drawn(y, config)
            embedding = Embedding(rows, beside.submit(_embed, [taught.texts[row] for row in rows], embed, tell))
        words = {word for text in taught.texts for word in text.split()}
        looking_up = beside.submit(learn_lemmas, [*words, *extra_words], lang)
        import sklearn.svm  # noqa: F401  (takes a second or more: here nothing waits for it)

        lemmas = looking_up.result()
        vocabulary, x = learn(taught.texts, lemmas)
        fitting = beside.submit(fit_margin_head, x, y, len(classes), config.margin_c)
        groups = near_duplicate_groups(taught.texts, lemmas)
        oof = out_of_fold(x, embedding, y, len(classes), groups, config)
        tell(0.9, "calibration")
        fusion = fit_fusion(oof.heads, y[oof.rows])
        right = fusion.probabilities(oof.heads).argmax(axis=1) == y[oof.rows]
        semantic = None
        if embedding is not None:
            semantic = _fit_semantic(embedding.rows, embedding.vectors.result(), y, len(classes), config)
        margin_head = fitting.result()
    model = Model(
        language=lang,
        classes=classes,
        vocabulary=vocabulary,
        margin_head=margin_head,
        semantic=semantic,
        fusion=fusion,
        gate=fit_gate(oof.heads[0], oof.nearest, config.gate_slope if semantic else 0.0, config.gate_quantile),
        texts=taught.texts,
        labels=y,
        version=version,
        measured={"held_out_accuracy": float(right.mean()), "held_out": float(len(right)), "utterances": float(len(given.texts))},
    )
    tell(1.0, "done")
    return model


def _with_names(taught: Utterances, named_below: int) -> Utterances:
    """What is taught, and the names of labels with few utterances."""
    thin = [label for label, count in Counter(taught.labels).items() if count < named_below and label != OUT_OF_SCOPE]
    names = tuple(canonical(label.replace("_", " ")) for label in thin)
    return Utterances(taught.texts + names, taught.labels + tuple(thin))


def _drawn(y: Labels, config: TrainingConfig) -> NDArray[np.intp]:
    """Numbers of at most `config.embedded` utterances of each label, drawn by lot; ascending."""
    order = np.random.default_rng(config.seed).permutation(len(y))
    return np.sort(np.concatenate([order[y[order] == label][: config.embedded] for label in np.unique(y)]))


def _embed(texts: Sequence[str], embed: Embed, tell: Progress) -> Matrix:
    return embed(texts, lambda share: tell(_EMBEDDING_SHARE * share, "sentence embeddings"))


def _fit_semantic(rows: NDArray[np.intp], vectors: Matrix, y: Labels, classes: int, config: TrainingConfig) -> SemanticHeads:
    labels = y[rows]
    mean, axes = principal_axes(vectors, COMPONENTS)
    near = fit_neighbours(vectors, labels, mean, axes)
    near = replace(near, order=rows[near.order])
    if len(y) >= config.semantic_below * classes:
        return SemanticHeads(near)
    return SemanticHeads(near, fit_semantic_head(vectors, labels, classes, config.semantic_c, mean, axes))


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
    embedding: Embedding | None,
    y: Labels,
    classes: int,
    groups: NDArray[np.intp],
    config: TrainingConfig,
    every_fold: bool = False,
) -> OutOfFold:
    """Scores of held-out utterances: of all of them, or of one fold when there are more than `config.enough`; with embeddings, of
    those that have one.
    """
    judged = np.ones(len(y), dtype=np.bool_) if embedding is None else np.isin(np.arange(len(y)), embedding.rows)
    once = int(judged.sum()) > config.folds * config.enough and not every_fold
    count = int(judged.sum()) // config.enough if once else config.folds
    fold = folds(y, groups, count, config.seed)
    held_out = [
        out for number in range(1 if once else count) if 0 < (out := fold == number).sum() < len(y) and (out & judged).any()
    ]
    margins = [fit_margin_head(x[~out], y[~out], classes, config.margin_c).scores(x[out & judged]) for out in held_out]
    heads: list[tuple[Matrix, ...]] = [(scores,) for scores in margins]
    nearest = [np.zeros(len(scores), dtype=np.float32) for scores in margins]
    if embedding is not None:  # asked for last: they are made meanwhile
        others = [
            _fit_semantic(*embedding.of(~out), y, classes, config).scores(embedding.of(out)[1], classes) for out in held_out
        ]
        heads = [(scores, *more) for scores, (more, _, _) in zip(margins, others, strict=True)]
        nearest = [cosines for _, cosines, _ in others]
    return OutOfFold(
        np.concatenate([np.flatnonzero(out & judged) for out in held_out]),
        tuple(np.concatenate(one) for one in zip(*heads, strict=True)),
        np.concatenate(nearest),
    )
