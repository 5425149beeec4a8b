"""How long things took: medians and tails of a period, with intervals. Read from the calls themselves, not from roll-ups, for
quantiles cannot be added up: the newest calls only. Blocks: for a thread. Raises what SQLAlchemy raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from sqlalchemy import Engine, Select, select

from voicebot.figures.days import bounds
from voicebot.figures.estimates import FEWEST, Time, quantile, survival
from voicebot.figures.reading import Period
from voicebot.outcomes.store import Outcomes
from voicebot.records import schema
from voicebot.records.models import CallRow

NEWEST = 1000
"""Of so many a median is known to some 5 %, and they are read while somebody waits."""


@dataclass(frozen=True, slots=True)
class TimeFigure:
    """One kind of time, in seconds."""

    id: str
    times: tuple[tuple[str, Time], ...]
    """By quantile: median, p90, p95."""
    n: int
    censored: int = 0
    """Those of `n` who did not live to see it: they count as longer than they waited."""


@dataclass(frozen=True, slots=True)
class Times:
    """All of them."""

    figures: tuple[TimeFigure, ...]
    calls: int
    """That they are of."""
    all: bool
    """Whether these are all calls of the period."""


def newest(period: Period, zone: tzinfo, *columns: Any) -> Select[Any]:
    """Columns of the newest calls of a period."""
    begin, end = bounds(period.first, period.last, zone)
    within = [CallRow.started >= begin, CallRow.started < end]
    within += [getattr(CallRow, name) == value for name, value in period.narrowed]
    return select(*columns).where(*within).order_by(CallRow.started.desc()).limit(NEWEST)


def times(engine: Engine, period: Period, zone: tzinfo) -> Times:
    """Of the newest calls of a period."""
    schema.ready(engine)
    chosen = newest(
        period, zone, CallRow.started, CallRow.ended, CallRow.seconds_to_steer, CallRow.response_ms, CallRow.handoff_ref
    )
    with engine.connect() as connection:
        calls = connection.execute(chosen).all()
    told = Outcomes(engine).of([call.handoff_ref for call in calls if call.handoff_ref])
    steered = [call.seconds_to_steer for call in calls if call.seconds_to_steer is not None]
    responses = [value / 1000 for call in calls for value in call.response_ms or ()]
    waits = [outcome.waited_s for outcome in told.values() if outcome.waited_s is not None]
    right: list[tuple[float, bool]] = []
    for call in calls:
        outcome = told.get(call.handoff_ref) if call.handoff_ref else None
        if outcome is not None:
            reached = outcome.right_agent_at
            last = reached or outcome.abandoned_at or outcome.ended_at or call.ended
            right.append((max(0.0, (last - call.started).total_seconds()), reached is not None))
    return Times(
        (
            _censored("right_human", right),
            _plain("waited", waits, ("median", 0.5), ("p90", 0.9)),
            _plain("steered", steered, ("median", 0.5), ("p90", 0.9)),
            _plain("response", responses, ("median", 0.5), ("p95", 0.95)),
        ),
        len(calls),
        len(calls) < NEWEST,
    )


def _plain(name: str, values: Sequence[float], *wanted: tuple[str, float]) -> TimeFigure:
    enough = len(values) >= FEWEST
    found = tuple((each, quantile(values, share) if enough else Time(None, None, None)) for each, share in wanted)
    return TimeFigure(name, found, len(values))


def _censored(name: str, waits: Sequence[tuple[float, bool]]) -> TimeFigure:
    return TimeFigure(name, tuple(survival(waits).items()), len(waits), sum(not came for _, came in waits))
