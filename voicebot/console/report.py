"""The figures of a day or a period as one HTML file that needs nothing else: to be mailed, printed, kept."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from sqlalchemy import Engine

from voicebot.console.render import Renderer
from voicebot.figures.charts import bars
from voicebot.figures.estimates import wilson
from voicebot.figures.reading import Period, read
from voicebot.review.measures import accuracy

_MATTERS = 20


def report(engine: Engine, period: Period, *, language: str, zone: tzinfo, made: datetime) -> str:
    """The page. Blocks; raises what SQLAlchemy raises. Days that are not counted yet are missing: roll up before."""
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
        matters=matters,
        days=bars([(day.isoformat(), counts["calls"]) for day, counts in shown.by_day]),
        made=made,
    )


def ending(day: date, days: int) -> Period:
    """So many days, the last of which is `day`."""
    return Period(day - timedelta(days=days - 1), day)
