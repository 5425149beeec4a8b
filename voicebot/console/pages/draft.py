"""The draft: what was taught, what is wrong with it, and what it would change; studies are begun here and from other pages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from nlu.errors import PackError
from voicebot.accounts.roles import Role
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View
from voicebot.review.lines import words_of
from voicebot.review.studies import CLUSTERS, DRAFT, LABELS, LINT, Study
from voicebot.review.teaching import DraftExample

TUNERS = frozenset({Role.TUNER})
_PAGE_OF = {DRAFT: "/review/draft", LABELS: "/review", CLUSTERS: "/matters", LINT: "/matters"}


def pages(parts: ConsoleParts) -> Pages:
    """The page, and the form that begins a study."""
    found = Pages()

    def taught() -> tuple[Sequence[DraftExample], str]:
        try:
            return parts.draft.examples().drafted, ""
        except PackError as error:
            return [], f"{error.path.name}: {error.what}. {error.fix}"
        except OSError as error:
            return [], error.strerror or type(error).__name__

    def words(study: Study) -> dict[tuple[str, int], str]:
        changes: list[dict[str, Any]] = (study.result or {}).get("changes", [])
        return words_of(parts.engine, [(each["call_id"], each["position"]) for each in changes])

    @found.get("/review/draft", roles=TUNERS)
    async def draft(view: View) -> Response:
        study = await asyncio.to_thread(parts.studies.studies.of, DRAFT, parts.clock())
        examples, broken = await asyncio.to_thread(taught)
        said = await asyncio.to_thread(words, study)
        return view.show("draft.html", draft=study, taught=examples, broken=broken, words=said)

    @found.post("/studies/{name}", roles=TUNERS)
    async def begin(view: View) -> Response:
        name = view.path["name"]
        if name not in _PAGE_OF:
            return view.show("problem.html", status=404, what="not_found")
        begun = await parts.studies.start(name, view.user.name)
        return view.go(_PAGE_OF[name], "studies.begun" if begun else "studies.already")

    return found
