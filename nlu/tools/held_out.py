"""Judging the whole chain on utterances it was not trained on: by grouped cross-validation, or on a file kept apart.

What is judged is what serves (`nlu.understanding.classifier.Classifier`: acts, gates, policy and all), trained without each fold in turn.
Near-duplicates stay in one fold, or the figures would flatter (Kohavi 1995; grouping as in `nlu.model.training`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlu.model.heads import Matrix
from nlu.model.scorer import Scorer
from nlu.model.semantic import EmbeddingStore, SentenceEncoder
from nlu.model.training import Progress, TrainingConfig, Utterances, folds, train
from nlu.pack.pack import ACT_LABELS, Pack
from nlu.pack.rasa_yaml import Example
from nlu.tools.wording import duplicate_groups, normalised
from nlu.types import OUT_OF_SCOPE, Decision, Hypothesis, Understanding
from nlu.understanding.classifier import Classifier

ALL_RANKED = 1_000_000
_EMBEDDING_SHARE = 0.3
"""Of the time of a cross-validation, about so much goes into embeddings; for progress bars."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An example and what was made of it by a model that had not seen it. `found.ranking` is whole."""

    example: Example
    found: Understanding

    @property
    def meant(self) -> str:
        """The label: an intent, a dialogue act or out_of_scope."""
        return self.example.intent.split("/", maxsplit=1)[0]

    @property
    def is_act(self) -> bool:
        """Whether a dialogue act was meant."""
        return self.meant in ACT_LABELS

    @property
    def taken(self) -> str:
        """What it was taken for: the intent; the act, when nothing but an act was heard or an act was meant and found."""
        act = self.found.act
        if act is not None and act.value in ACT_LABELS and (self.act_alone or act.value == self.meant):
            return act.value
        return self.found.intent

    @property
    def act_alone(self) -> bool:
        """Whether nothing but a dialogue act was heard: found by rule, so its confidence says nothing."""
        found = self.found
        return found.act is not None and found.decision is Decision.REJECT and found.intent == OUT_OF_SCOPE

    @property
    def right(self) -> bool:
        """Whether it was taken for what was meant."""
        return self.taken == self.meant

    @property
    def offered(self) -> tuple[str, ...]:
        """Intents the caller would be put through to, or asked about."""
        return self.found.choices or (self.found.intent,)

    @property
    def silently_wrong(self) -> bool:
        """Accepted as something else: nobody asked, nobody noticed."""
        return self.found.decision is Decision.ACCEPT and not self.right


class RememberingEncoder(SentenceEncoder):
    """An encoder that knows the embeddings of some texts already, and makes the others."""

    def __init__(self, encoder: SentenceEncoder, texts: Sequence[str], vectors: Matrix) -> None:
        self._encoder = encoder
        self._known = dict(zip(texts, vectors, strict=True))

    def encode(self, texts: Sequence[str]) -> Matrix:
        """See `SentenceEncoder.encode`."""
        new = [text for text in texts if text not in self._known]
        if not texts or len(new) == len(texts):
            return self._encoder.encode(texts)
        made = dict(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._known[text] if text in self._known else made[text] for text in texts])


def judge(examples: Sequence[Example], classifier: Classifier, lang: str, progress: Progress | None = None) -> list[Judged]:
    """Each example as `classifier` understands it. Make the classifier with `ranked=ALL_RANKED` for what-if questions."""
    found = []
    for done, example in enumerate(examples):
        if progress and done % 50 == 0:
            progress(done / len(examples), "understanding")
        found.append(Judged(example, classifier.understand([Hypothesis(example.text)], lang)))
    return found


def cross_validate(
    pack: Pack,
    lang: str,
    encoder: SentenceEncoder | None,
    cache: Path,
    *,
    count: int = 3,
    config: TrainingConfig | None = None,
    progress: Progress | None = None,
) -> list[Judged]:
    """Every training example of `pack`, in the order of the files, judged by a model trained without its fold.

    `count` is the number of folds; embeddings are kept in `cache`.
    Raises PackError; ValueError when there are fewer than two folds.
    """
    if count < 2:
        raise ValueError(f"cross-validation needs at least 2 folds, not {count}")
    config = config or TrainingConfig()
    tell = progress or (lambda _share, _what: None)
    begin = _EMBEDDING_SHARE if encoder else 0.0
    examples = pack.training_data(lang).examples
    taught = Utterances(tuple(normalised(examples, lang)), tuple(example.intent for example in examples))
    vectors = None
    if encoder is not None:
        vectors = EmbeddingStore(encoder, cache).vectors(taught.texts, lambda share: tell(begin * share, "sentence embeddings"))
    serving = RememberingEncoder(encoder, taught.texts, vectors) if encoder is not None and vectors is not None else None
    embed = (lambda texts, _told: serving.encode(texts)) if serving is not None else None
    fold = _folds(taught, lang, count, config)
    judged: dict[int, Judged] = {}
    for number, (start, middle, end) in zip(range(count), _shares(count, begin), strict=True):
        out, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        what = f"fold {number + 1} of {count}"
        training = _between(tell, start, middle, f"{what}, training")
        model = train(_rows(taught, rest), lang, config, embed=embed, progress=training)
        classifier = Classifier(pack, {lang: Scorer(model, serving)}, ranked=ALL_RANKED)
        understanding = _between(tell, middle, end, f"{what}, understanding")
        judged |= zip(map(int, out), judge([examples[row] for row in out], classifier, lang, understanding), strict=True)
    tell(1.0, "done")
    return [judged[row] for row in range(len(examples))]


def _folds(taught: Utterances, lang: str, count: int, config: TrainingConfig) -> NDArray[np.intp]:
    names = sorted(set(taught.labels))
    labels = np.array([names.index(label) for label in taught.labels], dtype=np.intp)
    return folds(labels, duplicate_groups(taught.texts, lang), count, config.seed)


def _rows(taught: Utterances, rows: NDArray[np.intp]) -> Utterances:
    return Utterances(tuple(taught.texts[row] for row in rows), tuple(taught.labels[row] for row in rows))


def _shares(count: int, start: float) -> Iterator[tuple[float, float, float]]:
    """Of each fold: where its training starts, where that ends, where its understanding ends."""
    step = (1 - start) / count
    for number in range(count):
        begin = start + number * step
        yield begin, begin + 0.4 * step, begin + step


def _between(tell: Progress, start: float, end: float, what: str) -> Progress:
    return lambda share, _doing: tell(start + share * (end - start), what)
