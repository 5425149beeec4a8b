"""Measured figures as tables of docs/capacity.md, between marks of their own: what is written by hand stays."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.load.steps import Row

PAGE = Path("docs/capacity.md")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def row_table(rows: Sequence[Row], what: str) -> str:
    """The rows of one kind of load; `what` heads the first column."""
    head = (what, "held up", "INVITE→200 p50, p95", "SIP repeated", "keys", "steered right", "worst gap, heard", "loop late p95")
    return table((*head, "CPU in cores", "Redis commands, rows a call", "load before"), [_cells(row, what) for row in rows])


def _cells(row: Row, what: str) -> tuple[str, ...]:
    worst = max(row.gaps.worst_ms, default=0.0)
    return (
        f"{row.per_second:g}" if "second" in what else str(row.calls),
        "yes" if row.good else f"no: {', '.join(row.troubles)}",
        f"{row.answer_p50_ms:.0f}, {row.answer_p95_ms:.0f} ms",
        str(row.retransmissions),
        f"{row.keys} of {row.calls}",
        f"{row.steered} of {row.calls}",
        f"{worst:.0f} ms, {row.gaps.heard} of {len(row.gaps.worst_ms)}" if row.gaps.measured else "not measured",
        f"{row.lag_p95_ms:.1f} ms",
        ", ".join(f"{name} {cores:.2f}" for name, cores in row.cpu.items()),
        f"{row.redis:.0f}, {row.rows:.0f}",
        f"{row.machine:.1f}",
    )


def knee(rows: Sequence[Row], unit: str) -> str:
    """In a sentence."""
    good = [row for row in rows if row.good]
    bad = next((row for row in rows if not row.good), None)
    of = (lambda row: f"{row.per_second:g}") if "second" in unit else (lambda row: str(row.calls))
    best = f"{of(good[-1])} {unit} held up" if good else f"not even {of(rows[0])} {unit} held up" if rows else "nothing measured"
    return f"{best}; at {of(bad)}: {', '.join(bad.troubles)}." if bad else f"{best}; the knee lies above."


def measured_on() -> str:
    """The machine and the day."""
    cores = len(os.sched_getaffinity(0))
    machine = f"{cores} cores ({platform.machine()}, Python {platform.python_version()})"
    return f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {machine}."


def write(name: str, text: str, page: Path = PAGE) -> None:
    """Put the text between the page's marks of this name. Raises ValueError when it has none."""
    begin, end = f"<!-- measured: {name} -->", "<!-- end -->"
    before = page.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(before):
        raise ValueError(f"{page} has no mark {begin}")
    page.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", before, count=1), encoding="utf-8")
