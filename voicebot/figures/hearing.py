"""How sure the recogniser was, and how often callers were asked again: of the newest calls of a period, as
`voicebot.figures.times`. Blocks: for a thread. Raises what SQLAlchemy raises.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
from sqlalchemy import Engine, select

from voicebot.figures.estimates import FEWEST, Estimate, mean
from voicebot.figures.reading import Period
from voicebot.figures.times import NEWEST, newest
from voicebot.records import schema
from voicebot.records.models import CallRow, UtteranceRow


@dataclass(frozen=True, slots=True)
class Sureness:
    """The recogniser's confidence, 0..1, on one line in one language. Its drift tells something; it is no goal."""

    line: str
    language: str
    n: int
    """Answers in words."""
    tenth: float | None
    """A tenth of them are less sure; None under 20."""
    median: float | None
    ninetieth: float | None


@dataclass(frozen=True, slots=True)
class Hearing:
    """Of the newest calls."""

    asked_again: Estimate
    """Times a call, on average."""
    sureness: Sequence[Sureness]
    """Those with most answers first."""
    calls: int
    all: bool
    """Whether these are all calls of the period."""


def hearing(engine: Engine, period: Period, zone: tzinfo) -> Hearing:
    """Of a period."""
    schema.ready(engine)
    calls = newest(period, zone, CallRow.call_id, CallRow.line).subquery()
    said = select(calls.c.line, UtteranceRow.language, UtteranceRow.recogniser_confidence)
    said = said.join(UtteranceRow, UtteranceRow.call_id == calls.c.call_id)
    sure: dict[tuple[str, str], list[float]] = defaultdict(list)
    with engine.connect() as connection:
        asked = connection.scalars(newest(period, zone, CallRow.reasks)).all()
        for line, language, confidence in connection.execute(said):
            sure[(line, language)].append(confidence)
    found = [_sureness(*key, values) for key, values in sure.items()]
    return Hearing(
        mean(asked), sorted(found, key=lambda each: (-each.n, each.line, each.language)), len(asked), len(asked) < NEWEST
    )


def _sureness(line: str, language: str, values: Sequence[float]) -> Sureness:
    if len(values) < FEWEST:
        return Sureness(line, language, len(values), None, None, None)
    return Sureness(line, language, len(values), *(float(each) for each in np.quantile(values, (0.1, 0.5, 0.9))))
