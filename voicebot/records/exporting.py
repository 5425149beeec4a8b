"""Calls as CSV and as JSON lines, one after another: as many as there are, in bounded memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any

from voicebot.records.summary import CallSummary, summary_codec

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet (OWASP, CSV Injection)."""


def csv_rows(calls: Iterable[CallSummary]) -> Iterator[str]:
    """A heading and a row for each call (RFC 4180), with their line ends; no cell is a formula."""
    names = [field.name for field in fields(CallSummary)]
    yield csv_row(names)
    for call in calls:
        yield csv_row([getattr(call, name) for name in names])


def csv_row(values: Iterable[Any]) -> str:
    """One row with its line end; no cell is a formula."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_cell(value) for value in values])
    return out.getvalue()


def ndjson_rows(calls: Iterable[CallSummary]) -> Iterator[str]:
    """A JSON object for each call, with its line end."""
    for call in calls:
        yield json.dumps(summary_codec.encode(call), ensure_ascii=False) + "\n"


def _cell(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case tuple():
            return " ".join(map(str, value))
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
    return value
