"""Charts as geometry for SVG: a template draws them, so that they print, scale, and need no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voicebot.figures.estimates import Estimate


@dataclass(frozen=True, slots=True)
class Interval:
    """One row of a chart of shares: a point with its interval, in units of the drawing."""

    label: str
    y: float
    low: float
    high: float
    point: float | None
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Intervals:
    """A chart of shares, one below the other."""

    rows: tuple[Interval, ...]
    height: float
    ticks: tuple[tuple[float, str], ...]
    """Place and label on the axis."""
    goal: float | None = None
    """Where its line stands."""


WIDTH, LEFT, RIGHT, ROW = 620.0, 190.0, 600.0, 26.0


def intervals(rows: Sequence[tuple[str, Estimate]], goal: float | None = None) -> Intervals:
    """The axis ends at a round share above the goal and the highest interval of those with a value."""
    highest = max([each.high for _, each in rows if each.value is not None] or [0.1])
    highest = max(highest, goal or 0.0)
    top = next((round_one for round_one in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5) if highest <= round_one), 1.0)

    def place(share: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * min(1.0, share / top), 1)

    drawn = tuple(
        Interval(
            label,
            round(ROW * (number + 0.5), 1),
            place(each.low),
            place(each.high),
            place(each.value) if each.value is not None else None,
            each,
        )
        for number, (label, each) in enumerate(rows)
    )
    ticks = tuple((place(top * part / 4), f"{100 * top * part / 4:g} %") for part in range(5))
    return Intervals(drawn, ROW * len(rows) + 24, ticks, place(goal) if goal is not None else None)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: float


def bars(values: Sequence[tuple[str, float]], *, height: float = 110.0) -> tuple[Bar, ...]:
    """Bars beside one another, as high as their values."""
    highest = max((value for _, value in values), default=0.0) or 1.0
    step = WIDTH / max(1, len(values))
    return tuple(
        Bar(
            round(number * step + step * 0.1, 1),
            round(height - height * value / highest, 1),
            round(step * 0.8, 1),
            round(height * value / highest, 1),
            label,
            value,
        )
        for number, (label, value) in enumerate(values)
    )
