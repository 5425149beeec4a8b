"""Every figure: what it is of what, which way is good. The words are in the console's texts under `figures.<id>`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from voicebot.figures.estimates import Estimate, wilson

Good = Literal["up", "down", "none"]


@dataclass(frozen=True, slots=True)
class Share:
    """A figure that is `numerator` of `denominator`, both counts of the roll-up."""

    id: str
    numerator: str
    denominator: str
    good: Good
    """Which way is good; "none" for a figure without a goal."""
    of_turns: bool = False
    """Counted within calls: the interval is wider than a share's, see the page."""


FIGURES = (
    Share("misrouted", "candidates", "answered_with_matter", "down"),
    Share("passed_on", "passed_on", "answered", "down"),
    Share("reasked", "reasked", "calls", "down"),
    Share("no_match", "no_match", "turns", "down", of_turns=True),
    Share("no_input", "no_input", "turns", "down", of_turns=True),
    Share("human_before", "human_before", "calls", "down"),
    Share("human_after", "human_after", "calls", "down"),
    Share("by_keys", "by_keys", "calls", "none"),
    Share("first_accept", "first_accept", "first_answers", "up"),
    Share("first_reject", "first_reject", "first_answers", "down"),
    Share("contained", "contained", "calls", "none"),
    Share("served", "served", "self_service", "none"),
    Share("helped", "helped", "surveyed", "up"),
    Share("goodbye", "goodbye", "calls", "none"),
    Share("hung_up", "hung_up", "calls", "down"),
    Share("left_queue", "left_queue", "told", "down"),
    Share("again_24h", "again_24h", "known_24h", "down"),
    Share("again_same_24h", "again_same_24h", "known_same_24h", "down"),
    Share("again_7d", "again_7d", "known_7d", "down"),
    Share("withheld", "withheld", "numbers_asked", "none"),
    Share("within_1s", "within_1.0", "responses", "up", of_turns=True),
    Share("within_2s", "within_2.0", "responses", "up", of_turns=True),
)
"""In the order of the page."""
GOALS: Mapping[str, Good] = {
    **{share.id: share.good for share in FIGURES if share.good != "none"},
    "accuracy": "up",
    "right_queue": "up",
    "corrected": "down",
}
"""The figures that may have a goal, with which way is good; the last three are of labels."""
_JUDGED = 50
"""Of fewer a goal is neither reached nor missed: of 32 matters one or two look bad by chance each week."""
_DESIGN = 2.0
"""Turns of one call go together: their variance is taken for twice that of as many turns of different calls."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of some calls."""

    share: Share
    estimate: Estimate


class Standing(StrEnum):
    """How a figure stands to its goal."""

    REACHED = "reached"
    """All of the interval is on the good side."""
    MISSED = "missed"
    """All of it is on the other."""
    OPEN = "open"
    """Too few, or the goal lies within the interval."""


def standing(name: str, estimate: Estimate, goals: Mapping[str, float]) -> Standing | None:
    """Of a figure of `GOALS`, by the goals that the bank set; None where it set none."""
    goal = goals.get(name)
    if goal is None:
        return None
    if estimate.value is None or estimate.n < _JUDGED:
        return Standing.OPEN
    worst, best = (estimate.high, estimate.low) if GOALS[name] == "down" else (-estimate.low, -estimate.high)
    limit = goal if GOALS[name] == "down" else -goal
    return Standing.REACHED if worst <= limit else Standing.MISSED if best > limit else Standing.OPEN


def figures_of(counts: Mapping[str, int]) -> list[Figure]:
    """All figures out of counts that were added up."""
    return [Figure(share, estimate_of(share, counts)) for share in FIGURES]


def estimate_of(share: Share, counts: Mapping[str, int]) -> Estimate:
    """One figure. What is counted by turn has fewer independent ones than turns."""
    k, n = counts.get(share.numerator, 0), counts.get(share.denominator, 0)
    if not share.of_turns:
        return wilson(k, n)
    wide = wilson(round(k / _DESIGN), round(n / _DESIGN))
    return Estimate(k / n if n and wide.value is not None else None, wide.low, wide.high, n, k)


def added(rows: list[Mapping[str, int]]) -> Counter[str]:
    """Counts of several rows together."""
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row)
    return total
