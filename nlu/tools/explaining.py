"""Why an utterance was understood as it was: acts, gates, costs of each decision, bands, nearest examples, n-grams that spoke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlu.model.scorer import Model
from nlu.model.semantic import SentenceEncoder
from nlu.text.acts import SpokenAct, find_act
from nlu.text.normalise import normalise
from nlu.text.redaction.redact import redact
from nlu.types import OUT_OF_SCOPE, Decision, Hypothesis, RankedIntent, Understanding
from nlu.understanding.classifier import Classifier
from nlu.understanding.policy import Policy, Verdict

_NEAREST = 5
_SPOKE = 8
_STEPS = 200


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training utterance like this one. `likeness` is a cosine, -1..1."""

    text: str
    intent: str
    likeness: float


@dataclass(frozen=True, slots=True)
class Spoke:
    """A feature of the word head and what it adds to the margin of the first intent over the second (below 0: it argues against).

    Words are in quotes, runs of letters between bars; a space is the edge of a word.
    """

    feature: str
    weight: float


@dataclass(frozen=True, slots=True)
class Band:
    """From confidence `low` (of the likeliest matter, the others in proportion) this would be decided about `intent`."""

    low: float
    decision: Decision
    intent: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All there is to say about one utterance. `text` is redacted, `read_as` is what was classified ("" when only an act was)."""

    text: str
    read_as: str
    act: SpokenAct | None
    found: Understanding
    options: tuple[Verdict, ...]
    bands: tuple[Band, ...]
    gate: float
    gate_threshold: float
    nearest: tuple[Neighbour, ...]
    first: str
    second: str
    ngrams: tuple[Spoke, ...]

    @property
    def familiar(self) -> bool:
        """Whether the utterance is like anything that was taught."""
        return self.gate >= self.gate_threshold


def explain(text: str, classifier: Classifier, lang: str, encoder: SentenceEncoder | None) -> Explanation:
    """Explain what `classifier` makes of `text`. `encoder` must be the one its scorer uses, or None."""
    whole = Classifier(classifier.pack, classifier.scorers, ranked=len(classifier.scorers[lang].model.classes))
    found = whole.understand([Hypothesis(text)], lang)
    act = find_act(text, lang)
    read_as = "" if act is not None and not act.rest else normalise(redact(act.rest if act is not None else text), lang)
    scorer = classifier.scorers[lang]
    ranking = found.ranking
    matters = [one for one in ranking if one.intent != OUT_OF_SCOPE]
    scored = scorer.score([read_as])[0]
    first, second = _rivals(scorer.model, scorer.margins(read_as), matters)
    return Explanation(
        text=found.text,
        read_as=read_as,
        act=act,
        found=found,
        options=tuple(classifier.policy.options(ranking)),
        bands=tuple(_bands(ranking, classifier.policy)) if matters else (),
        gate=scored.gate,
        gate_threshold=scorer.model.gate.threshold,
        nearest=tuple(nearest(read_as, scorer.model, encoder)) if read_as else (),
        first=first,
        second=second,
        ngrams=tuple(_ngrams(read_as, scorer.model, first, second)) if read_as else (),
    )


def nearest(text: str, model: Model, encoder: SentenceEncoder | None, count: int = _NEAREST) -> list[Neighbour]:
    """The most like training utterances: by sentence embedding, or by words and letters when there is none."""
    if encoder is not None and model.semantic is not None:
        neighbours = model.semantic.neighbours
        points = neighbours.points @ neighbours.project(encoder.encode([text]))[0]
        likeness = np.full(max(len(model.texts), int(neighbours.order.max()) + 1), -1.0)
        likeness[neighbours.order] = points
    else:
        own = dict(zip(*(values.tolist() for values in model.vocabulary.weigh(text)), strict=True))
        likeness = np.array([_overlap(own, one, model) for one in model.texts])
    best = np.argsort(-likeness, kind="stable")[:count]
    return [Neighbour(redact(model.texts[row]), model.classes[model.labels[row]], float(likeness[row])) for row in best]


def _overlap(own: dict[int, float], text: str, model: Model) -> float:
    """Cosine of sparse features; each of the two blocks has length one, hence the half."""
    rows, weights = model.vocabulary.weigh(text)
    return float(sum(own.get(row, 0.0) * weight for row, weight in zip(rows.tolist(), weights.tolist(), strict=True))) / 2


def _rivals(
    model: Model, margins: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float32]], matters: Sequence[RankedIntent]
) -> tuple[str, str]:
    """The two labels to tell apart: the likeliest matter, and the label of largest margin beside it."""
    ordered = [model.classes[at] for at in np.argsort(-np.asarray(margins))]
    first = matters[0].intent if matters else ordered[0]
    return first, next((label for label in ordered if label != first), first)


def _ngrams(text: str, model: Model, first: str, second: str) -> list[Spoke]:
    """Exact contributions: the word head is linear. Most telling first, either way."""
    rows, weights = model.vocabulary.weigh(text)
    head = model.margin_head.weights
    gains = weights * (head[rows, model.classes.index(first)] - head[rows, model.classes.index(second)])
    names = model.vocabulary.names()
    order = np.argsort(-np.abs(gains), kind="stable")[:_SPOKE]
    return [Spoke(names[rows[at]], float(gains[at])) for at in order]


def _bands(ranking: Sequence[RankedIntent], policy: Policy) -> list[Band]:
    """What would be decided if the first matter were more or less likely."""
    first = next(one for one in ranking if one.intent != OUT_OF_SCOPE)
    others = [one for one in ranking if one is not first]
    rest = sum(one.confidence for one in others) or 1.0
    bands: list[Band] = []
    for step in range(_STEPS + 1):
        share = step / _STEPS
        scaled = [RankedIntent(one.intent, one.confidence / rest * (1 - share)) for one in others]
        supposed = sorted([RankedIntent(first.intent, share), *scaled], key=lambda one: -one.confidence)
        verdict = policy.decide(supposed)
        if not bands or (bands[-1].decision, bands[-1].intent) != (verdict.decision, verdict.intent):
            bands.append(Band(share, verdict.decision, verdict.intent))
    return bands
