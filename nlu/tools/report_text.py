"""A report as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nlu.tools.measures import PRECISION, Bin, Confusion, Report, Traffic

_BAR = 30


def text_report(report: Report, pairs: int = 15, sentences: int = 3) -> RenderableType:
    """The whole report: figures, intents weakest first, calibration, and the `pairs` most frequent confusions."""
    return Group(
        Text(f"{report.language}: {report.examples} utterances, {report.how}; model {report.model or 'per fold'}\n"),
        _figures(report),
        _traffic(report.traffic),
        _intents(report),
        _calibration(report.bins),
        *_confusions(report.confusions[:pairs], sentences),
    )


def figures(report: Report) -> Iterator[tuple[str, str, str]]:
    """The headline figures: name, value, what it means."""
    yield "accuracy", f"{report.accuracy:.1%}", "taken for what was meant"
    yield "macro-F1", f"{report.macro_f1:.3f}", "mean over labels, rare ones count as much"
    yield "among the first three", f"{report.top3:.1%}", "what was meant is one of the three likeliest"
    yield "accepted and right", f"{report.accepted_right:.1%}", "of accepted ones, taken for what was meant"
    yield "accepted, right queue", f"{report.queue_accuracy:.1%}", "of accepted ones"
    yield "silently wrong", f"{report.silently_wrong:.1%}", "of all, accepted as something else"
    yield "emergencies heard", f"{report.emergencies_heard:.1%}", "accepted, confirmed or offered as an emergency"
    yield "emergencies first", f"{report.emergencies_first:.1%}", "an emergency is likeliest of all matters"
    yield "false alarms", f"{report.false_alarms:.2%}", "of what is no emergency, accepted as one without a question"
    yield "calibration error", f"{report.calibration_error:.3f}", "mean distance of confidence from truth (ECE)"
    above = f"of bank matters, those above confidence {math.floor(1000 * report.coverage_confidence) / 1000:.3f}"
    yield f"coverage at {PRECISION:.0%}", f"{report.coverage:.1%}", above


def _figures(report: Report) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value, meaning in figures(report):
        table.add_row(Text(name), Text(value, style="bold"), Text(meaning, style="dim"))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    return table


def _traffic(traffic: dict[str, Traffic]) -> Table:
    table = _table("What would happen", "utterances", "count", "accepted", "confirmed", "choice", "asked again")
    for kind, shares in traffic.items():
        row = (f"{share:.1%}" for share in (shares.accept, shares.confirm, shares.choose, shares.reject))
        table.add_row(kind, str(shares.count), *row)
    return table


def _intents(report: Report) -> Table:
    decisions = ("accept", "confirm", "choice", "again", "wrong")
    table = _table("Intents, weakest first", "intent", "lines", "prec.", "recall", "F1", *decisions)
    for score in sorted(report.intents, key=lambda one: one.f1):
        shares = (f"{share:.3f}" for share in (score.precision, score.recall, score.f1))
        counts = (score.accepted, score.confirmed, score.chosen, score.rejected, score.silently_wrong)
        table.add_row(score.intent, str(score.examples), *shares, *map(str, counts))
    return table


def _calibration(bins: tuple[Bin, ...]) -> Table:
    table = _table("Calibration", "confidence", "utterances", "right", "")
    table.columns[3].justify = "left"
    most = max(one.count for one in bins)
    for one in bins:
        if one.count:
            length = max(1, round(_BAR * one.count / most))
            right = round(length * one.right / one.count)
            bar = Text("█" * right, style="green") + Text("░" * (length - right), style="red")
            table.add_row(f"{one.low:.1f}-{one.high:.1f}", str(one.count), f"{one.right / one.count:.1%}", bar)
    return table


def _confusions(confusions: tuple[Confusion, ...], sentences: int) -> Iterator[Text]:
    yield Text("Confused most often", style="bold")
    if not confusions:
        yield Text("  nothing")
    for pair in confusions:
        line = Text(f"  {pair.meant} taken for {pair.taken}", style="cyan")
        yield line + Text(f"  {len(pair.offences)}×", style="bold")
        for one in pair.offences[:sentences]:
            yield Text(f"    {one.confidence:.2f} {one.decision:7} {one.text}") + Text(f"  {one.place}", style="dim")
