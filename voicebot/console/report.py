"""The figures of a day or a period as one HTML file that needs nothing else: to be mailed, printed, kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from types import MappingProxyType

from sqlalchemy import Engine

from dialogs.data.routes import Routes
from voicebot.console.render import Renderer
from voicebot.figures.charts import bars
from voicebot.figures.definitions import FIGURES, estimate_of, standing
from voicebot.figures.estimates import wilson
from voicebot.figures.reading import Period, read
from voicebot.figures.times import times
from voicebot.review.decisions import decisions
from voicebot.review.measures import accuracy

_MATTERS = 20


def report(
    engine: Engine,
    period: Period,
    *,
    language: str,
    zone: tzinfo,
    routes: Routes,
    made: datetime,
    goals: Mapping[str, float] = MappingProxyType({}),
) -> str:
    """The page. `goals` are `console.goals` of the configuration. Days that are not counted yet are missing: roll up before.
    Blocks; raises what SQLAlchemy raises.
    """
    shown = read(engine, period)
    matters = [
        (name, counts, wilson(counts["candidates"], counts["answered_with_matter"]))
        for name, counts in shown.by_matter[:_MATTERS]
        if name
    ]
    return Renderer((), zone=zone).html(
        "report.html",
        language,
        period=period,
        shown=shown,
        accuracy=accuracy(engine, period.first, period.last),
        told=decisions(engine, period.first, period.last, routes, estimate_of(FIGURES[0], shown.counts)),
        times=times(engine, period, zone),
        goals=goals,
        standing=standing,
        matters=matters,
        days=bars([(day.isoformat(), counts["calls"]) for day, counts in shown.by_day]),
        made=made,
    )


def ending(day: date, days: int) -> Period:
    """So many days, the last of which is `day`."""
    return Period(day - timedelta(days=days - 1), day)
