"""Texts: everything callers may hear, by whether it may be said; what expires soon first; and what no message answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import date, timedelta

from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from dialogs.authoring.prompt_editing import change_text
from dialogs.authoring.prompt_list import Gap, PromptEntry, Status, gaps, inventory
from dialogs.authoring.said_in import said_in
from dialogs.data.bundle import Bundle
from dialogs.data.errors import BundleError
from dialogs.data.prompts import PromptSpec
from voicebot.accounts.roles import READERS, Role
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Form, Pages, View
from voicebot.console.texts import english
from voicebot.figures.reading import Period, read
from voicebot.prompts.editing import edit_texts
from voicebot.releases.errors import ReleaseError

_SOON = timedelta(days=30)
_GAPS_OF = timedelta(days=28)
_MOST_GAPS = 30
WRITERS = frozenset({Role.TUNER, Role.COMPLIANCE, Role.SUPERVISOR})
"""Who may write another wording; somebody else approves it."""


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
    drafts = parts.drafts

    def unanswered(today: date) -> list[Gap] | None:
        bundle, counts = parts.bundle(), Counter[tuple[str, str]]()
        try:
            for language in bundle.prompts.languages:
                raised = read(parts.engine, Period(today - _GAPS_OF, today, (("language", language),))).by_matter
                counts.update({(matter, language): counted["calls"] for matter, counted in raised if matter})
        except SQLAlchemyError:
            return None
        return list(gaps(bundle, counts, today))[:_MOST_GAPS]

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

    def found_text(view: View) -> tuple[Bundle, PromptSpec] | None:
        bundle = parts.bundle()
        file = bundle.prompts.files.get(view.path["language"])
        spec = file.prompts.get(view.path["prompt"]) if file is not None else None
        return (bundle, spec) if spec is not None else None

    @found.get("/texts/{language}/{prompt}", roles=READERS)
    async def one(view: View) -> Response:
        return await show_one(view)

    async def show_one(
        view: View,
        *,
        status: int = 200,
        problem: str = "",
    ) -> Response:
        text = found_text(view)
        if text is None:
            raise HTTPException(404)
        bundle, spec = text
        return view.show(
            "text.html",
            status=status,
            problem=problem,
            lang=view.path["language"],
            prompt=view.path["prompt"],
            spec=spec,
            wanted=view.form,
            said_in=said_in(bundle, view.path["prompt"]),
            may_change=view.may(*WRITERS),
        )

    @found.post("/texts/{language}/{prompt}", roles=WRITERS)
    async def change(view: View) -> Response:
        """Into the draft; callers hear it when it was approved and published."""
        language, prompt = view.path["language"], view.path["prompt"]
        if not view.form.get("text"):
            return await show_one(view, status=422, problem=view.t("texts.no_text"))
        try:
            await asyncio.to_thread(keep, language, prompt, view.form, view.user.name)
        except BundleError as error:
            told = "; ".join(f"{each.what}. {each.fix}" for each in error.problems)
            return await show_one(view, status=422, problem=english(told))
        except (ReleaseError, OSError) as error:
            return await show_one(view, status=422, problem=view.told(error))
        await parts.audit.note("text.changed", who=view.user.name, prompt=prompt, language=language)
        return view.go("/releases", "texts.in_draft")

    def keep(language: str, prompt: str, form: Form, who: str) -> None:
        with drafts.change(who, f"{language} {prompt}") as folders:
            wanted = form.get("text"), form.get("chat")
            edit_texts(folders.bundle, lambda: [change_text(folders.bundle, language, prompt, *wanted)])

    @found.get("/texts/{language}/{prompt}/recording", roles=READERS)
    async def recording(view: View) -> Response:
        bundle = parts.bundle()
        today = bundle.calendar.local(parts.clock()).date()
        wanted = (view.path["prompt"], view.path["language"])
        entry = next((each for each in inventory(bundle, today) if (each.id, each.language) == wanted), None)
        path = bundle.root / entry.recording if entry is not None and entry.recording else None
        if path is None or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path)

    return found
