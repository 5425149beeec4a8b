"""Matters: traffic, how rightly each is understood, what it is confused with, its examples; what nothing fitted, in groups."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from nlu.errors import PackError
from voicebot.accounts.roles import Role
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View
from voicebot.figures.estimates import Estimate
from voicebot.figures.reading import Period, read
from voicebot.health.kept import Kept
from voicebot.records.folding import folded
from voicebot.review.lines import words_of
from voicebot.review.matters import Origin, confused, origins, right_shares
from voicebot.review.studies import CLUSTERS, LINT, Study
from voicebot.review.teaching import DraftExample, Examples

TUNERS = frozenset({Role.TUNER})
_DAYS = 28
_LABELS_OF = timedelta(days=90)
_MEASURED_S = 20.0
"""Traffic and right shares are not reckoned more often."""
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One matter."""

    name: str
    calls: int
    share: float | None
    """Of all calls."""
    right: Estimate | None
    examples: int
    faults: int | None
    """None: not checked yet."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Of the latest days, by matter."""

    calls: Mapping[str, int]
    all_calls: int
    right: Mapping[str, Estimate]


def pages(parts: ConsoleParts) -> Pages:
    """All matters, and each."""
    found = Pages()
    studies = parts.studies.studies

    def known() -> list[str]:
        return sorted(parts.bundle().routes.matters)

    def learnt() -> tuple[Examples, str]:
        try:
            return parts.draft.examples(), ""
        except PackError as error:
            return Examples.of(()), f"{error.path.name}: {error.what}. {error.fix}"
        except OSError as error:
            return Examples.of(()), error.strerror or type(error).__name__

    def measure() -> Measured:
        today = parts.bundle().calendar.local(parts.clock()).date()
        period = Period(today - timedelta(days=_DAYS - 1), today)
        counted = read(parts.engine, period)
        calls = {name: counts["calls"] for name, counts in counted.by_matter}
        return Measured(calls, counted.counts["calls"], right_shares(parts.engine, period.first, period.last))

    measured = Kept(lambda: asyncio.to_thread(measure), _MEASURED_S)

    def row(name: str, of: Measured, examples: Examples, faults: Counter[str] | None) -> Row:
        calls = of.calls.get(name, 0)
        lines = len(examples.by_matter.get(name, ()))
        share = calls / of.all_calls if of.all_calls else None
        return Row(name, calls, share, of.right.get(name), lines, faults[name] if faults is not None else None)

    async def rows(examples: Examples, lint: Study) -> list[Row]:
        """Those with most calls first."""
        of, faults = await measured(), _faults(lint)
        made = [row(name, of, examples, faults) for name in known()]
        return sorted(made, key=lambda each: (-each.calls, each.name))

    def groups(clusters: Study) -> list[dict[str, Any]]:
        """With their sentences, as far as these are still kept."""
        listed = [] if clusters.result is None else clusters.result["groups"]
        places = [(each["call_id"], each["position"]) for group in listed for each in group["members"]]
        words = words_of(parts.engine, places)
        return [
            {
                **group,
                "first": datetime.fromisoformat(group["first"]),
                "last": datetime.fromisoformat(group["last"]),
                "sentences": [
                    (words[place], each["call_id"], each["hits"])
                    for each in group["members"]
                    if (place := (each["call_id"], each["position"])) in words
                ],
            }
            for group in listed
        ]

    @found.get("/matters", roles=TUNERS, nav="nav.matters", order=35)
    async def matters(view: View) -> Response:
        lint, clusters = [await asyncio.to_thread(studies.of, name, parts.clock()) for name in (LINT, CLUSTERS)]
        examples, broken = await asyncio.to_thread(learnt)
        return view.show(
            "matters.html",
            rows=await rows(examples, lint),
            groups=await asyncio.to_thread(groups, clusters),
            lint=lint,
            clusters=clusters,
            broken=broken,
            days=_DAYS,
        )

    async def show(view: View, *, text: str = "", told: Any = None, said: str = "", status: int = 200) -> Response:
        name = view.path["name"]
        if name not in known():
            return view.show("problem.html", status=404, what="not_found")
        lint = await asyncio.to_thread(studies.of, LINT, parts.clock())
        examples, broken = await asyncio.to_thread(learnt)
        spoken = examples.languages or [view.language]
        origin = await asyncio.to_thread(origins, parts.engine, name)
        return view.show(
            "matter.html",
            status=status,
            name=name,
            row=row(name, await measured(), examples, _faults(lint)),
            confused=await asyncio.to_thread(confused, parts.engine, parts.clock() - _LABELS_OF, name),
            examples=_by_language(examples.by_matter.get(name, ()), origin),
            languages=spoken,
            spoken=view.form.get("language") or (view.language if view.language in spoken else spoken[0]),
            lint=lint,
            faults=[each for each in _complaints(lint) if each["matter"] == name],
            text=text,
            told=told,
            said=said,
            broken=broken,
        )

    @found.get("/matters/{name}", roles=TUNERS)
    async def matter(view: View) -> Response:
        return await show(view)

    @found.post("/matters/{name}", roles=TUNERS)
    async def explain(view: View) -> Response:
        text, language = view.form.get("text")[:_LONGEST], view.form.get("language")
        if not text:
            return await show(view, said=view.t("matters.no_text"), status=422)
        if language not in (await asyncio.to_thread(learnt))[0].languages:
            return await show(view, text=text, said=view.t("matters.no_language"), status=422)
        answer = await parts.studies.explain(text, language)
        if "told" in answer:
            return await show(view, text=text, told=answer["told"])
        return await show(view, text=text, said=view.t("matters.not_explained", why=answer["why"]), status=503)

    return found


def _complaints(lint: Study) -> list[dict[str, Any]]:
    return [] if lint.result is None else list(lint.result["complaints"])


def _faults(lint: Study) -> Counter[str] | None:
    """By matter; None: not checked yet."""
    return Counter(each["matter"] for each in _complaints(lint)) if lint.result is not None else None


Listed = list[tuple[DraftExample, Origin | None]]


def _by_language(examples: Sequence[DraftExample], origin: Any) -> list[tuple[str, Listed]]:
    """What was taught in the review first."""
    found: dict[str, Listed] = defaultdict(list)
    for each in examples:
        found[each.language].append((each, origin.get(folded(each.text)) if origin else None))
    return [(language, sorted(listed, key=lambda pair: pair[1] is None)) for language, listed in sorted(found.items())]
