"""Calls that are over: a list by filters and words, and what a filter finds as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from voicebot.accounts.roles import READERS
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View, day
from voicebot.records.exporting import csv_rows, ndjson_rows
from voicebot.records.listing import CallFilter, listed
from voicebot.records.search import all_with, page
from voicebot.records.summary import CallSummary

CHOICES = ("line", "language", "segment", "channel", "matter", "queue", "outcome", "decision")
"""Filters that stand in the address under these names."""
OUTCOMES = (
    "handed_over",
    "self_service",
    "done",
    "goodbye",
    "caller_hung_up",
    "caller_gone",
    "callback",
    "message",
    "apology",
    "shutdown",
    "lost",
    "failed",
)
DECISIONS = ("accept", "confirm", "choose", "reject")


def filter_of(query: Mapping[str, str], parts: ConsoleParts) -> CallFilter:
    """The conditions in an address; what cannot be read asks nothing."""
    chosen = {name: query.get(name) or None for name in CHOICES}
    digits = query.get("digits", "").strip()
    return CallFilter(
        **chosen,
        since=day_in(query.get("from", ""), parts),
        until=day_in(query.get("to", ""), parts, ends=True),
        digits=digits if digits.isdecimal() and len(digits) <= 3 else None,
    )


def day_in(written: str, parts: ConsoleParts, *, ends: bool = False) -> datetime | None:
    """The moment when a day, as the form of a page writes it, begins or ends in the bank's zone; None for what is no day."""
    asked = day(written)
    if asked is None:
        return None
    return datetime.combine(asked + timedelta(days=1 if ends else 0), time(), parts.bundle().calendar.zone)


def pages(parts: ConsoleParts) -> Pages:
    """The list and the exports."""
    found = Pages()

    @found.get("/calls", roles=READERS, nav="nav.calls", order=20)
    async def calls(view: View) -> Response:
        query = dict(view.query)
        chosen = filter_of(query, parts)
        shown = await asyncio.to_thread(page, parts.engine, chosen, words=query.get("words", ""), after=query.get("after", ""))
        kept = {name: query[name] for name in (*CHOICES, "from", "to", "digits", "words") if query.get(name)}
        bundle = parts.bundle()
        choices = {
            "line": list(bundle.routes.lines),
            "language": list(bundle.prompts.languages),
            "channel": ["voice", "chat"],
            "matter": sorted(bundle.routes.matters),
            "queue": list(bundle.queues),
            "outcome": OUTCOMES,
            "decision": DECISIONS,
        }
        following = urlencode({**kept, "after": shown.following}) if shown.following else ""
        return view.show(
            "calls.html",
            calls=shown.calls,
            following=following,
            searched_to=shown.searched_to,
            choices=choices,
            query=query,
            kept=urlencode(kept),
            asked=kept,
        )

    def found_by(view: View) -> Iterator[CallSummary]:
        chosen, words = filter_of(view.query, parts), view.query.get("words", "")
        return all_with(parts.engine, chosen, words) if words else listed(parts.engine, chosen)

    @found.get("/calls.csv", roles=READERS)
    async def as_csv(view: View) -> Response:
        await parts.audit.note("calls.exported", who=view.user.name, form="csv", filters=str(view.query)[:200])
        rows = csv_rows(found_by(view))
        return _stream(rows, "calls.csv", "text/csv; charset=utf-8")

    @found.get("/calls.ndjson", roles=READERS)
    async def as_ndjson(view: View) -> Response:
        await parts.audit.note("calls.exported", who=view.user.name, form="ndjson", filters=str(view.query)[:200])
        rows = ndjson_rows(found_by(view))
        return _stream(rows, "calls.ndjson", "application/x-ndjson")

    return found


def _stream(rows: Iterator[str], name: str, kind: str) -> Response:
    """Row by row: Starlette reads the iterator in a thread."""
    return StreamingResponse(_in_pieces(rows), media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _in_pieces(rows: Iterator[str], size: int = 64 * 1024) -> Iterator[str]:
    """Rows put together: a piece for each row would cost more than the row. The first one is small: somebody waits for it."""
    piece: list[str] = []
    length, wanted = 0, size // 16
    for row in rows:
        piece.append(row)
        length += len(row)
        if length >= wanted:
            yield "".join(piece)
            piece, length, wanted = [], 0, size
    yield "".join(piece)
