"""Releases: what is live, the draft and its renewal, proposals, roll-back, history."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from starlette.responses import Response

from voicebot.console.pages.proposal import LONGEST_NOTE, PUBLISHERS, SEERS, RunningChecks, add_proposal_pages
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View, whole_number
from voicebot.figures.arms import Arms, compare_arms
from voicebot.releases.contents import Difference
from voicebot.releases.drafts import Change, Renewal
from voicebot.releases.errors import ReleaseError
from voicebot.releases.merging import Choice
from voicebot.releases.placing import in_force
from voicebot.releases.pointer import Pointer, Stage
from voicebot.releases.publishing import Publishing
from voicebot.review.studies import DRAFT

_HISTORY = 30
_MOST_PLACES = 10_000


def pages(parts: ConsoleParts) -> Pages:
    """The overview and what its forms do; one proposal has pages of its own."""
    found = Pages()
    releases, drafts = parts.releases, parts.drafts
    publishing = Publishing(releases, drafts, parts.stores.shared, lambda: in_force(parts.settings, releases), parts.clock)
    checks = RunningChecks(parts)

    def arms_of(live: Pointer) -> Arms:
        """From the first whole day on: on the day of the switch the old release had all callers for some hours."""
        local = parts.bundle().calendar.local
        first, today = local(live.at).date() + timedelta(days=1), local(parts.clock()).date()
        return compare_arms(parts.engine, live.arms[0].release, live.arms[-1].release, first, today)

    @found.get("/releases", roles=SEERS, nav="nav.releases", order=45)
    async def overview(view: View) -> Response:
        return await show(view)

    async def show(view: View, *, status: int = 200, problem: str = "") -> Response:
        newest, live = await asyncio.to_thread(releases.newest), await asyncio.to_thread(releases.live)
        draft: list[Change] = []
        differs, behind = Difference((), (), ()), False
        try:
            draft = await asyncio.to_thread(drafts.changes)
            differs, behind = await asyncio.to_thread(drafts.differs), await asyncio.to_thread(drafts.behind)
        except (ReleaseError, OSError) as error:  # whatever lies in the draft's folder: rolling back must be possible
            problem = problem or view.told(error)
        preparing = newest if newest is not None and newest.stage is Stage.PREPARE else None
        order = preparing or live
        return view.show(
            "releases.html",
            status=status,
            problem=problem,
            live=live,
            beside=await asyncio.to_thread(arms_of, live) if live is not None and len(live.arms) > 1 else None,
            preparing=preparing,
            readiness=await asyncio.to_thread(publishing.readiness, order) if order is not None else None,
            processes=await asyncio.to_thread(releases.processes, parts.clock()),
            begun=drafts.begun,
            draft=draft,
            differs=differs,
            behind=behind,
            proposals=await asyncio.to_thread(releases.proposals, _HISTORY),
            history=await asyncio.to_thread(releases.history, _HISTORY),
            may_publish=view.may(*PUBLISHERS),
        )

    @found.post("/releases", roles=SEERS)
    async def change(view: View) -> Response:
        try:
            match view.form.get("do"):
                case "propose":
                    seq = await asyncio.to_thread(drafts.propose, view.user.name, view.form.get("note")[:LONGEST_NOTE])
                    checks.begin(seq)
                    return view.go(f"/releases/{seq}", "releases.proposed")
                case "renew":
                    renewed = await asyncio.to_thread(drafts.renew)
                    if renewed.places:
                        return view.go("/releases/renew")
                    return await is_renewed(view, renewed)
                case "drop":
                    await asyncio.to_thread(drafts.drop)
                    await parts.audit.note("release.draft_dropped", who=view.user.name)
                    return view.go("/releases", "releases.dropped")
        except (ReleaseError, OSError) as error:
            return await show(view, status=422, problem=view.told(error))
        return await show(view, status=422, problem=view.t("problem.not_found"))

    @found.get("/releases/renew", roles=SEERS)
    async def places(view: View) -> Response:
        """What the draft and what went live meanwhile both changed, side by side."""
        if not await asyncio.to_thread(drafts.behind):
            return await show(view)
        return await show_places(view)

    async def show_places(view: View, *, status: int = 200, problem: str = "") -> Response:
        try:
            renewal = await asyncio.to_thread(drafts.renewal)
        except (ReleaseError, OSError) as error:
            return await show(view, status=422, problem=problem or view.told(error))
        return view.show("renew.html", status=status, problem=problem, renewal=renewal, choices=tuple(Choice), chosen=view.form)

    @found.post("/releases/renew", roles=SEERS)
    async def settle(view: View) -> Response:
        if not await asyncio.to_thread(drafts.behind):  # somebody else renewed or dropped it meanwhile
            return await show(view, status=422, problem=view.t("refused.places_changed"))
        form = view.form
        count = min(whole_number(form.get("places")), _MOST_PLACES)
        asked = [form.get(f"place-{number}") for number in range(1, count + 1)]
        if not all(each in set(Choice) for each in asked):
            return await show_places(view, status=422, problem=view.t("releases.choose_all"))
        try:
            settled = [Choice(each) for each in asked]
            renewed = await asyncio.to_thread(
                lambda: drafts.renew(
                    settled, form.get("of"), who=view.user.name, what=lambda renewal: told_settled(view, renewal)
                )
            )
        except (ReleaseError, OSError) as error:
            return await show_places(view, status=422, problem=view.told(error))
        return await is_renewed(view, renewed)

    def told_settled(view: View, renewal: Renewal) -> str:
        return view.t("releases.settled", files=", ".join(each.path for each in renewal.both if each.places))

    async def is_renewed(view: View, renewed: Renewal) -> Response:
        await parts.audit.note("release.draft_renewed", who=view.user.name, places=len(renewed.places))
        parts.studies.soon(DRAFT, view.user.name)
        return view.go("/releases", "releases.renewed")

    @found.post("/releases/back", roles=PUBLISHERS)
    async def back(view: View) -> Response:
        try:
            await publishing.back(view.user.name, view.form.get("why")[:LONGEST_NOTE])
        except ReleaseError as error:
            return await show(view, status=422, problem=view.told(error))
        return view.go("/releases", "releases.is_back")

    add_proposal_pages(found, parts, publishing, checks, show)
    return found
