"""Measured figures as tables of docs/capacity.md, between marks of their own: what is written by hand stays."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

from bench.load.steps import Row

PAGE = Path("docs/capacity.md")
HEARING = Path("docs/hearing.md")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def row_table(rows: Sequence[Row], what: str) -> str:
    """The rows of one kind of load; `what` heads the first column."""
    head = (what, "held up", "INVITE→200 p50, p95", "SIP repeated", "keys", "steered right", "worst gap, heard", "loop late p95")
    more = ("CPU in cores", "of a call", "Redis commands, rows a call", "load before")
    return table((*head, *more), [_cells(row, what) for row in rows])


def _cells(row: Row, what: str) -> tuple[str, ...]:
    worst = max(row.gaps.worst_ms, default=0.0)
    return (
        _load(row, what),
        "yes" if row.good else f"no: {', '.join(row.troubles)}",
        f"{row.answer_p50_ms:.0f}, {row.answer_p95_ms:.0f} ms",
        str(row.retransmissions),
        f"{row.keys} of {row.calls}",
        f"{row.steered} of {row.calls}",
        f"{worst:.0f} ms, {row.gaps.heard} of {len(row.gaps.worst_ms)}" if row.gaps.measured else "not measured",
        f"{row.lag_p95_ms:.1f} ms",
        ", ".join(f"{name} {cores:.2f}" for name, cores in row.cpu.items()),
        f"{row.call_cores:.3f}",
        f"{row.redis:.0f}, {row.rows:.0f}",
        f"{row.machine:.1f}",
    )


def knee(rows: Sequence[Row], unit: str) -> str:
    """In a sentence: the last step before the first that did not hold up."""
    good = list(takewhile(lambda row: row.good, rows))
    if len(good) == len(rows):
        return f"{_load(good[-1], unit)} {unit} held up; the knee lies above." if good else "Nothing measured."
    bad = rows[len(good)]
    best = f"{_load(good[-1], unit)} {unit} held up" if good else "Not even the first step held up"
    return f"{best}; at {_load(bad, unit)}: {', '.join(bad.troubles)}."


def _load(row: Row, unit: str) -> str:
    return f"{row.per_second:g}" if "second" in unit else str(row.calls)


def measured_on() -> str:
    """The machine and the day."""
    cores = len(os.sched_getaffinity(0))
    machine = f"{cores} cores ({platform.machine()}, Python {platform.python_version()})"
    return f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {machine}."


def busy(loads: Sequence[float]) -> str:
    """A warning where something else was running; `loads` are the machine's before each step."""
    cores = len(os.sched_getaffinity(0))
    most = max(loads, default=0.0)
    return (
        f" Something else was running (load up to {most:.0f} on {cores} cores): the figures are too low." if most > cores else ""
    )


def write(name: str, text: str, page: Path = PAGE) -> None:
    """Put the text between the page's marks of this name. Raises ValueError when it has none."""
    begin, end = f"<!-- measured: {name} -->", "<!-- end -->"
    before = page.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(before):
        raise ValueError(f"{page} has no mark {begin}")
    page.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", before, count=1), encoding="utf-8")
