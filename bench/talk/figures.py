"""Figures of a population, each with the interval in which it would fall for other callers of the same kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from bench.talk.calls import Held

_Z = 1.959964  # 95 %
_LEAST = 15  # calls of a kind, from which on its share says something


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with its interval of 95 %."""

    name: str
    value: float
    low: float
    high: float
    count: int
    """Calls it is of."""
    aim: str = ""
    share: bool = True

    def __str__(self) -> str:
        if self.share:
            text = f"{self.value:7.2%}  ({self.low:.2%} to {self.high:.2%})"
        else:
            text = f"{self.value:7.2f}  ({self.low:.2f} to {self.high:.2f})"
        return f"{self.name:<46} {text:<32} of {self.count}{'; aim ' + self.aim if self.aim else ''}"


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % score interval of a share (E. B. Wilson, 1927); 0..1 when there is nothing to judge by."""
    if not of:
        return 0.0, 1.0
    share, z2 = hits / of, _Z * _Z
    middle = share + z2 / (2 * of)
    half = _Z * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, (middle - half) / (1 + z2 / of)), min(1.0, (middle + half) / (1 + z2 / of))


def bootstrap(values: Sequence[float], *, rounds: int = 1000) -> tuple[float, float]:
    """The 95 % percentile interval of a mean (B. Efron, 1979), with a seed of its own."""
    if not values:
        return 0.0, 0.0
    rng, known = np.random.default_rng(1), np.asarray(values, dtype=float)
    means = [known[rng.integers(0, len(known), len(known))].mean() for _ in range(rounds)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def figures_of(calls: Sequence[Held]) -> Iterator[Figure]:
    """All figures of one language."""
    steered = [call for call in calls if call.counts]
    urgent = [call for call in steered if call.urgent]
    calm = [call for call in calls if call.calm]
    two = [call for call in steered if call.two]
    yield _share("right place, first time", [call.first_time for call in steered], "≥ 95 %")
    yield _share("right place, in the end", [call.right for call in steered])
    yield _share("asked for a human because nothing else helped", [call.tired for call in steered])
    yield _mean("questions beyond the open one", [call.questions for call in steered], "≤ 0.6")
    yield _mean("turns of the caller", [call.turns for call in steered])
    yield _mean("seconds", [call.seconds for call in steered])
    yield _share("hung up by the bot", [call.hung_up for call in calls], "0")
    yield _share("denied and done all the same", [call.denied_done for call in calls], "0")
    yield _share("false alarms: emergency team without emergency", [call.false_alarm for call in calm], "≤ 0.5 %")
    yield _share("emergencies that no emergency team got", [call.missed for call in urgent], "≤ 1 %")
    yield _share("one of two matters lost", [call.second_lost for call in two])
    yield _share("secrets found in what is written", [call.secret_found for call in calls if call.secret_told], "0")


def kinds_of(calls: Sequence[Held]) -> list[Figure]:
    """The right place first time by matter, opening and mood; the worst first."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for call in calls:
        if call.counts:
            person = call.person
            kinds = ("matter", person.goal), ("opening", person.opening), ("mood", person.mood), ("mishearings", person.edits)
            for name, kind in kinds:
                groups[f"{name} {kind}"].append(call.first_time)
    shares = [_share(kind, hits) for kind, hits in groups.items() if len(hits) >= _LEAST]
    return sorted(shares, key=lambda kind: (kind.value, kind.name))


FAULTS: dict[str, Callable[[Held], bool]] = {
    "secret found": lambda call: call.secret_found,
    "hung up by the bot": lambda call: call.hung_up,
    "denied and done": lambda call: call.denied_done,
    "false alarm": lambda call: call.false_alarm,
    "emergency missed": lambda call: call.missed,
    "wrong place": lambda call: call.counts and not call.right,
    "wrong place announced first": lambda call: call.counts and call.right and not call.first_time,
    "one of two matters lost": lambda call: call.second_lost,
    "more than three questions": lambda call: call.counts and call.questions > 3,
}


def _share(name: str, hits: Sequence[bool], aim: str = "") -> Figure:
    low, high = wilson(sum(hits), len(hits))
    return Figure(name, sum(hits) / len(hits) if hits else 0.0, low, high, len(hits), aim)


def _mean(name: str, values: Sequence[float], aim: str = "") -> Figure:
    low, high = bootstrap(values)
    return Figure(name, sum(values) / len(values) if values else 0.0, low, high, len(values), aim, share=False)
