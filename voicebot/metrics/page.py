"""docs/metrics.md, made of the families."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voicebot.metrics.families import FAMILIES, STANDARD, Family, Kind
from voicebot.metrics.merge import PROCESS

PAGE = Path("docs/metrics.md")

_INTRODUCTION = f"""# Metrics

<!-- written by `python -m voicebot.metrics`; edit voicebot/metrics/families.py -->

`GET /metrics`, with the token of the web API, in Prometheus' text format. Where the service is several processes, each sample
has a label `{PROCESS}`. Alert rules are in [deploy/alerts.yml](../deploy/alerts.yml).

Counters begin at zero with the process: use `rate()` or `increase()`. A metric never has more than 500 series; what
comes after that is counted as `other`.

| metric | kind | unit | labels | what it is | when it looks wrong |
|---|---|---|---|---|---|
"""

_STANDARD = """
These are what every Prometheus client tells of its process:

| metric | what it is |
|---|---|
"""

_BOUNDS = """
Upper bounds of the histograms' buckets. Each reaches beyond the longest that the settings allow.

| metric | bounds |
|---|---|
"""


def page() -> str:
    """The whole page."""
    return "".join(_lines())


def unit(family: Family) -> str:
    """By its name, as Prometheus' conventions have it; "" for a plain number."""
    last = family.name.removesuffix("_total").rpartition("_")[2]
    return last if last in ("seconds", "bytes", "ratio") else ""


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    for each in FAMILIES.values():
        labels = ", ".join(f"`{label}`" for label in each.labels)
        yield f"| `{each.name}` | {each.kind} | {unit(each)} | {labels} | {each.help} | {each.wrong} |\n"
    yield _STANDARD
    yield from (f"| `{name}` | {meaning} |\n" for name, meaning in STANDARD.items())
    yield _BOUNDS
    for each in FAMILIES.values():
        if each.kind is Kind.HISTOGRAM:
            yield f"| `{each.name}` | {', '.join(f'{bound:g}' for bound in each.bounds)} |\n"
