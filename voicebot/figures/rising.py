"""Whether misroutes rise: the last two days beside the four weeks before. Blocks: for a thread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Engine

from voicebot.figures.estimates import Estimate, difference, wilson
from voicebot.figures.reading import Period, read

_NOW = timedelta(days=2)
_BEFORE = timedelta(days=28)
_FEWEST = 50
"""Judged calls: of fewer nothing is said."""


@dataclass(frozen=True, slots=True)
class Rise:
    """More than chance explains."""

    now: Estimate
    before: Estimate


def rising(engine: Engine, today: date) -> Rise | None:
    """The share of candidates for a misroute of today and yesterday, where its difference from the 28 days before leaves nothing
    to chance (Newcombe, 95 %); else None. Raises what SQLAlchemy raises.
    """
    first = today - _NOW + timedelta(days=1)
    now, before = (
        (counts["candidates"], counts["answered_with_matter"])
        for counts in (
            read(engine, Period(first, today)).counts,
            read(engine, Period(first - _BEFORE, first - timedelta(days=1))).counts,
        )
    )
    if min(now[1], before[1]) < _FEWEST or difference(now, before).low <= 0:
        return None
    return Rise(wilson(*now), wilson(*before))
