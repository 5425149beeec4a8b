"""Judging the whole chain on utterances it was not trained on: by grouped cross-validation, or on a file kept apart.

What is judged is what serves (`nlu.understand.Classifier`: acts, gates, policy and all), trained without each fold in turn.
Near-duplicates stay in one fold, or the figures would flatter (Kohavi 1995; grouping as in `nlu.training`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nlu.features import near_duplicate_groups
from nlu.normalise import normalise
from nlu.pack import ACT_LABELS, Pack
from nlu.rasa_yaml import Example
from nlu.scorer import Scorer
from nlu.semantic import SentenceEncoder, Vectors
from nlu.training import Progress, TrainingConfig, folds, train
from nlu.types import OUT_OF_SCOPE, Decision, Hypothesis, Understanding
from nlu.understand import Classifier

ALL_RANKED = 1_000_000


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
        if act is not None and act.value in ACT_LABELS:
            alone = self.found.decision is Decision.REJECT and self.found.intent == OUT_OF_SCOPE
            if alone or act.value == self.meant:
                return act.value
        return self.found.intent

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
    """An encoder that never embeds a text twice: folds share most of theirs."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str], progress: object = None) -> Vectors:
        """See `SentenceEncoder.encode`; texts not met before are told to `progress`."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new:
            tell = progress if callable(progress) else None
            self._known |= zip(new, self._encoder.encode(new, tell), strict=True)
        if not texts:
            return self._encoder.encode([])
        return np.stack([self._known[text] for text in texts])


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
    *,
    count: int = 3,
    config: TrainingConfig | None = None,
    progress: Progress | None = None,
) -> list[Judged]:
    """Every training example of `pack`, in the order of the files, judged by a model trained without its fold.

    `count` is the number of folds. Raises PackError; ValueError when there are fewer than two folds.
    """
    if count < 2:
        raise ValueError(f"cross-validation needs at least 2 folds, not {count}")
    config = config or TrainingConfig()
    tell = progress or (lambda _share, _what: None)
    examples = pack.training_data(lang).examples
    remembering = RememberingEncoder(encoder) if encoder else None
    texts = [normalise(example.text) for example in examples]
    names = sorted({example.intent for example in examples})
    y = np.array([names.index(example.intent) for example in examples], dtype=np.intp)
    fold = folds(y, near_duplicate_groups(texts, lang), count, config.seed)
    if remembering:
        remembering.encode(texts, lambda share: tell(0.2 * share, "sentence embeddings"))
    judged: dict[int, Judged] = {}
    steps = _shares(count, 0.2 if remembering else 0.0)
    for number, (start, middle, end) in zip(range(count), steps, strict=True):
        out = np.flatnonzero(fold == number)
        rest = [examples[row] for row in np.flatnonzero(fold != number)]
        what = f"fold {number + 1} of {count}"
        training = _between(tell, start, middle, f"{what}, training")
        model = train(rest, lang, remembering, config, progress=training)
        classifier = Classifier(pack, {lang: Scorer(model, remembering)}, ranked=ALL_RANKED)
        understanding = _between(tell, middle, end, f"{what}, understanding")
        judged |= zip(map(int, out), judge([examples[row] for row in out], classifier, lang, understanding), strict=True)
    tell(1.0, "done")
    return [judged[row] for row in range(len(examples))]


def _shares(count: int, start: float) -> Iterator[tuple[float, float, float]]:
    """Of each fold: where its training starts, where that ends, where its understanding ends."""
    step = (1 - start) / count
    for number in range(count):
        begin = start + number * step
        yield begin, begin + 0.4 * step, begin + step


def _between(tell: Progress, start: float, end: float, what: str) -> Progress:
    return lambda share, _doing: tell(start + share * (end - start), what)
