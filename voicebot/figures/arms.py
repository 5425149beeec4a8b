"""Two releases that serve callers side by side, compared by the same figures as all others. Blocks; raises what SQLAlchemy
raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from voicebot.figures.definitions import FIGURES, Share, estimate_of
from voicebot.figures.estimates import Estimate, difference, per_arm_needed
from voicebot.figures.reading import Period, read

_COMPARED = ("misrouted", "reasked", "human_before", "hung_up", "left_queue", "contained")
"""Figures by call: of these the interval of a difference is known."""


@dataclass(frozen=True, slots=True)
class ArmFigure:
    """One figure of both arms."""

    share: Share
    old: Estimate
    new: Estimate
    difference: Estimate
    """The new one less the old one, with Newcombe's interval."""
    needed: int | None
    """Cases an arm until a difference as large as this one is told from chance (80 % power); None while too few are known, or
    none is seen.
    """

    @property
    def fewest(self) -> int:
        """Cases of the arm that has fewer."""
        return min(self.old.n, self.new.n)

    @property
    def better(self) -> bool | None:
        """Whether the new one is; None while chance explains the difference, or for a figure without a goal."""
        low, high = self.difference.low, self.difference.high
        if self.share.good == "none" or self.difference.value is None or low <= 0 <= high:
            return None
        return (low > 0) == (self.share.good == "up")


@dataclass(frozen=True, slots=True)
class Arms:
    """Telephone calls of both arms on these days."""

    first: date
    last: date
    old_calls: int
    new_calls: int
    figures: tuple[ArmFigure, ...]


def compare_arms(engine: Engine, old: str, new: str, first: date, last: date) -> Arms:
    """By the roll-ups of these days of the bank's calendar, both counted. Chats are left out: all go by the old release."""

    def counts(release: str) -> dict[str, int]:
        return dict(read(engine, Period(first, last, (("channel", "voice"), ("release", release)))).counts)

    before, after = counts(old), counts(new)
    figures = tuple(_figure(share, before, after) for share in FIGURES if share.id in _COMPARED)
    return Arms(first, last, before.get("calls", 0), after.get("calls", 0), figures)


def _figure(share: Share, before: dict[str, int], after: dict[str, int]) -> ArmFigure:
    (k, n), (was_k, was_n) = ((each.get(share.numerator, 0), each.get(share.denominator, 0)) for each in (after, before))
    differ = difference((k, n), (was_k, was_n))
    needed = per_arm_needed(was_k / was_n, k / n) if differ.value is not None else None
    return ArmFigure(share, estimate_of(share, before), estimate_of(share, after), differ, needed)
