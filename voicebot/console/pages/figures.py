"""Figures: every one with what it means, of how many, its interval, and which way is good."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta

from starlette.responses import PlainTextResponse, Response

from voicebot.accounts.roles import READERS
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View, day
from voicebot.figures.charts import bars, intervals
from voicebot.figures.definitions import FIGURES, estimate_of, standing
from voicebot.figures.estimates import Estimate, wilson
from voicebot.figures.hearing import Hearing, hearing
from voicebot.figures.reading import SPLITS, Period, Read, read
from voicebot.figures.times import Times, times
from voicebot.health.kept import KeptByKey
from voicebot.records.exporting import csv_row
from voicebot.review.decisions import Decisions, decisions
from voicebot.review.measures import accuracy as accuracy_of

_DAYS = 28
_MOST_DAYS = 400
_CHARTED = 12
_KEPT_S = 60.0
"""What is read from calls and labels is so old at most; the roll-ups of the other figures come every minute, too."""


def days_of(query: Mapping[str, str], today: date) -> tuple[date, date]:
    """The first and the last day in an address: the last 28 where none is told."""
    last = min(day(query.get("to", "")) or today, today)
    first = day(query.get("from", "")) or last - timedelta(days=_DAYS - 1)
    first = max(min(first, last), last - timedelta(days=_MOST_DAYS))
    return first, last


def period_of(query: Mapping[str, str], today: date) -> Period:
    """The period in an address, and what it is narrowed to."""
    return Period(*days_of(query, today), tuple((name, query[name]) for name in SPLITS if query.get(name)))


def pages(parts: ConsoleParts) -> Pages:
    """The page, and the same as CSV."""
    found = Pages()
    goals = parts.settings.console.goals
    kept_times = KeptByKey[Times](_KEPT_S)
    kept_labels = KeptByKey[tuple[Decisions, Estimate, Hearing]](_KEPT_S)

    async def times_of(period: Period) -> Times:
        zone = parts.bundle().calendar.zone
        return await kept_times(period, lambda: asyncio.to_thread(times, parts.engine, period, zone))

    async def labels_of(period: Period) -> tuple[Decisions, Estimate, Hearing]:
        """What the labels say of all traffic, the share of candidates for a misroute, and how the newest calls were heard."""
        return await kept_labels(period, lambda: asyncio.to_thread(look, period))

    def look(period: Period) -> tuple[Decisions, Estimate, Hearing]:
        bundle = parts.bundle()
        candidates = estimate_of(FIGURES[0], read(parts.engine, period).counts)
        told = decisions(parts.engine, period.first, period.last, bundle.routes, candidates)
        return told, candidates, hearing(parts.engine, period, bundle.calendar.zone)

    async def figures_of(view: View) -> tuple[Period, Read]:
        period = period_of(view.query, parts.bundle().calendar.local(parts.clock()).date())
        return period, await asyncio.to_thread(read, parts.engine, period)

    @found.get("/figures", roles=READERS, nav="nav.figures", order=50)
    async def figures(view: View) -> Response:
        period, shown = await figures_of(view)
        # the sample tells of all traffic, not of what the page is narrowed to
        whole = not period.narrowed
        accuracy = await asyncio.to_thread(accuracy_of, parts.engine, period.first, period.last) if whole else None
        matters = [(name, counts) for name, counts in shown.by_matter if name]
        misrouted = [(name, wilson(counts["candidates"], counts["answered_with_matter"])) for name, counts in matters]
        charted = [each for each in misrouted if each[1].value is not None][:_CHARTED]
        return view.show(
            "figures.html",
            period=period,
            shown=shown,
            accuracy=accuracy,
            matters=[(name, counts, estimate) for (name, counts), (_, estimate) in zip(matters, misrouted, strict=True)],
            chart=intervals(charted, goals.get("misrouted")) if charted else None,
            goals=goals,
            standing=standing,
            days=bars([(day.isoformat(), counts["calls"]) for day, counts in shown.by_day]),
            query=dict(view.query),
        )

    @found.get("/figures/times", roles=READERS)
    async def how_long(view: View) -> Response:
        """A page of its own: it reads calls, where the other figures are counted beforehand."""
        period = period_of(view.query, parts.bundle().calendar.local(parts.clock()).date())
        return view.show("times.html", period=period, times=await times_of(period), query=dict(view.query))

    @found.get("/figures/decisions", roles=READERS)
    async def decided(view: View) -> Response:
        period = Period(*days_of(view.query, parts.bundle().calendar.local(parts.clock()).date()))
        told, candidates, heard = await labels_of(period)
        return view.show(
            "decisions.html", period=period, told=told, candidates=candidates, heard=heard, goals=goals, standing=standing
        )

    @found.get("/figures.csv", roles=READERS)
    async def as_csv(view: View) -> Response:
        period, shown = await figures_of(view)
        told = [(figure.share.id, figure.estimate, figure.share.good) for figure in shown.figures]
        if not period.narrowed:
            accuracy = await asyncio.to_thread(accuracy_of, parts.engine, period.first, period.last)
            by_people, _, _ = await labels_of(period)
            told += [("accuracy", accuracy, "up"), *by_people.by_labels, *by_people.to_queues]
        long = await times_of(period)
        rows = [csv_row(["figure", "value", "low", "high", "k", "n", "good", "first", "last", "goal", "standing"])]
        for name, estimate, good in told:
            numbers = [estimate.value, estimate.low, estimate.high, estimate.k, estimate.n]
            to_goal = [goals.get(name), standing(name, estimate, goals)]
            rows.append(csv_row([name, *numbers, good, period.first, period.last, *to_goal]))
        for figure in long.figures:  # in seconds
            for quantile, time in figure.times:
                numbers = [time.value, time.low, time.high, None, figure.n]
                rows.append(csv_row([f"time_{figure.id}_{quantile}", *numbers, "down", period.first, period.last, None, None]))
        headers = {"Content-Disposition": 'attachment; filename="figures.csv"'}
        return PlainTextResponse("".join(rows), media_type="text/csv", headers=headers)

    return found
