"""Texts: everything callers may hear, by whether it may be said; what expires soon first; and what no message answers."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import FileResponse, PlainTextResponse, Response

from dialogs.authoring.prompt_list import Gap, PromptEntry, Status, gaps, inventory
from voicebot.accounts.roles import READERS
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View
from voicebot.figures.reading import Period, read

_SOON = timedelta(days=30)
_GAPS_OF = timedelta(days=28)
_MOST_GAPS = 30


def in_order(entries: list[PromptEntry], today: date) -> list[PromptEntry]:
    """What may not be said first, then what expires within 30 days, then the rest by name."""

    def place(entry: PromptEntry) -> tuple[int, date, str, str]:
        broken = entry.status is not Status.OK
        ends = entry.valid_to or date.max
        return 0 if broken else 1 if ends - today <= _SOON else 2, ends, entry.id, entry.language

    return sorted(entries, key=place)


def pages(parts: ConsoleParts) -> Pages:
    """The list, and each recording."""
    found = Pages()

    def unanswered(today: date) -> list[Gap] | None:
        try:
            raised = read(parts.engine, Period(today - _GAPS_OF, today)).by_matter
        except SQLAlchemyError:
            return None
        counts = {matter: counted["calls"] for matter, counted in raised if matter}
        return list(gaps(parts.bundle(), counts, today))[:_MOST_GAPS]

    @found.get("/texts", roles=READERS, nav="nav.texts", order=40)
    async def texts(view: View) -> Response:
        bundle = parts.bundle()
        today = bundle.calendar.local(parts.clock()).date()
        language, status, words = (view.query.get(name, "") for name in ("language", "status", "words"))
        entries = [
            entry
            for entry in in_order(inventory(bundle, today), today)
            if language in ("", entry.language)
            and status in ("", entry.status.value)
            and words.casefold() in f"{entry.id} {entry.text}".casefold()
        ]
        return view.show(
            "texts.html",
            entries=entries,
            soon=today + _SOON,
            languages=list(bundle.prompts.files),
            statuses=list(Status),
            query=dict(view.query),
            gaps=await asyncio.to_thread(unanswered, today),
        )

    @found.get("/texts/{language}/{prompt}/recording", roles=READERS)
    async def recording(view: View) -> Response:
        bundle = parts.bundle()
        today = bundle.calendar.local(parts.clock()).date()
        wanted = (view.path["prompt"], view.path["language"])
        entry = next((each for each in inventory(bundle, today) if (each.id, each.language) == wanted), None)
        path = bundle.root / entry.recording if entry is not None and entry.recording else None
        if path is None or not path.is_file():
            return PlainTextResponse("no recording", 404)
        return FileResponse(path)

    return found
