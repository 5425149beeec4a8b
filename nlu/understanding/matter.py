"""What one or several readings of an utterance are about: matters by their shares of belief, apart from dialogue acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nlu.model.heads import Matrix
from nlu.model.scorer import Scored, Scorer
from nlu.pack.pack import ACT_LABELS
from nlu.types import AGENT, OUT_OF_SCOPE, RankedIntent

_LIKE_NOTHING = 0.5
"""Share of belief kept for an utterance that the gate finds like nothing that was taught."""


@dataclass(frozen=True, slots=True)
class Matter:
    """A ranking of matters (confidences add up to one), and what was said of acts beside it."""

    ranking: tuple[RankedIntent, ...]
    acts: Mapping[str, float]

    @property
    def top(self) -> RankedIntent:
        """The likeliest."""
        return self.ranking[0]

    @property
    def named(self) -> bool:
        """Whether it is a matter of the bank, and not only a human that is asked for."""
        return self.top.intent not in (OUT_OF_SCOPE, AGENT)


def by_share(shares: Mapping[str, float]) -> tuple[RankedIntent, ...]:
    """Intents by their shares, the likeliest first."""
    return tuple(sorted((RankedIntent(name, share) for name, share in shares.items()), key=lambda one: -one.confidence))


def fused(readings: Sequence[Scored], confidences: Sequence[float], scorer: Scorer) -> Matter:
    """What the readings of an utterance say together, weighted by the recogniser's confidence in each."""
    weights = np.clip(np.asarray(confidences, dtype=np.float32), 0, 1) + 1e-3
    probabilities = weights / weights.sum() @ np.stack([_gated(one, scorer) for one in readings])
    return _apart(dict(zip(scorer.model.classes, probabilities.tolist(), strict=True)))


def score_alone(text: str, scorer: Scorer) -> Matter:
    """What one text says."""
    return fused(scorer.score([text]), [1.0], scorer)


def _gated(scored: Scored, scorer: Scorer) -> Matrix:
    """What is like nothing that was taught gives up part of its belief to out_of_scope."""
    model = scorer.model
    if scored.gate >= model.gate.threshold or OUT_OF_SCOPE not in model.classes:
        return scored.probabilities
    tempered = scored.probabilities * _LIKE_NOTHING
    tempered[model.classes.index(OUT_OF_SCOPE)] += 1 - _LIKE_NOTHING
    return tempered


def _apart(by_class: Mapping[str, float]) -> Matter:
    """Matters apart from acts; what an act holds is no matter, so it counts as out of scope."""
    acts = {name: share for name, share in by_class.items() if name in ACT_LABELS}
    matters = {name: share for name, share in by_class.items() if name not in ACT_LABELS}
    matters[OUT_OF_SCOPE] = matters.get(OUT_OF_SCOPE, 0.0) + sum(acts.values())
    return Matter(by_share(matters), acts)
