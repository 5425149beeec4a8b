"""One proposal: its changes, checks and approvals, publishing in two steps, the shadow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from audio.synthesis import wav_of
from dialogs.data.errors import BundleError
from dialogs.data.prompts import PLACE
from voicebot.accounts.roles import Role
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View, whole_number
from voicebot.prompts.voices import spoken, voices_of
from voicebot.releases.approvals import APPROVERS, Kind, Refusal, refusal
from voicebot.releases.checking import PROGRESS, check_apart
from voicebot.releases.contents import Contents
from voicebot.releases.errors import ReleaseError
from voicebot.releases.pointer import ShadowOrder
from voicebot.releases.publishing import Publishing
from voicebot.releases.reading import changes, text_in
from voicebot.releases.shadowing import MOST_DAYS
from voicebot.releases.spoken import spoken_lately
from voicebot.releases.store import Check, Process, Proposal, State
from voicebot.review.lines import words_of
from voicebot.review.shadow import Compared, compared

SEERS = frozenset({Role.TUNER, Role.SUPERVISOR, Role.COMPLIANCE})
PUBLISHERS = frozenset({Role.SUPERVISOR})
LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Shadow:
    """The shadow of a proposal, as its page shows it."""

    orders: Sequence[ShadowOrder]
    """Newest first."""
    running: ShadowOrder | None
    processes: Sequence[Process]
    """Those that have it, or are about to."""
    compared: Compared | None
    """None when it never was in the shadow."""


class RunningChecks:
    """Checks run on while pages are read, once however often it is asked; what they find is in the database."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts
        self._running: dict[int, asyncio.Task[None]] = {}

    def begin(self, seq: int) -> None:
        """Check a proposal."""
        if seq not in self._running:
            checking = check_apart(self._parts.in_force(), self._parts.releases, seq)
            self._running[seq] = asyncio.create_task(checking, name=f"checks-{seq}")
            self._running[seq].add_done_callback(lambda _: self._running.pop(seq))


class Otherwise(Protocol):
    """The page that is shown where there is no such proposal."""

    async def __call__(self, view: View, *, status: int = 200, problem: str = "") -> Response:
        """That page, with what is wrong."""
        ...


def add_proposal_pages(
    found: Pages, parts: ConsoleParts, publishing: Publishing, checks: RunningChecks, otherwise: Otherwise
) -> None:
    """The page of a proposal and what its forms do."""
    releases = parts.releases

    def shadow_of(proposal: Proposal) -> Shadow:
        orders, now = releases.shadows_of(proposal.seq), parts.clock()
        running = next((each for each in orders[:1] if each.running(now)), None)
        shadowed = {each.release for each in orders if each.release}
        processes = [each for each in releases.processes(now) if each.shadow is not None] if running is not None else []
        return Shadow(orders, running, processes, compared(parts.engine, shadowed) if shadowed else None)

    @found.get("/releases/{seq}", roles=SEERS)
    async def one(view: View) -> Response:
        return await show_one(view)

    async def show_one(view: View, *, status: int = 200, problem: str = "") -> Response:
        proposal = await asyncio.to_thread(releases.proposal, whole_number(view.path["seq"]))
        if proposal is None:
            return await otherwise(view, status=404, problem=view.t("problem.not_found"))
        base = await asyncio.to_thread(releases.contents, proposal.base)
        contents = await asyncio.to_thread(releases.contents, proposal.contents)
        try:
            differs = await asyncio.to_thread(changes, releases, base or Contents(()), contents or Contents(()))
        except (BundleError, ReleaseError, OSError) as error:
            differs, problem = None, problem or view.told(error)
        found_so_far = await asyncio.to_thread(releases.checks, proposal.seq)
        newest = await asyncio.to_thread(releases.newest)
        prepared = newest is not None and proposal.final is not None and proposal.final in newest.releases
        return view.show(
            "release.html",
            status=status,
            problem=problem,
            proposal=proposal,
            open=proposal.state is State.OPEN,
            changes=differs,
            said=await asyncio.to_thread(spoken_lately, parts.engine, [(each.prompt, each.language) for each in differs.texts])
            if differs is not None
            else None,
            checks=[each for each in found_so_far if each.name != PROGRESS],
            words=await asyncio.to_thread(words_of, parts.engine, _places(found_so_far)),
            progress=next((each.told for each in found_so_far if each.name == PROGRESS), None),
            approvers=APPROVERS,
            refusals={kind: refusal(proposal.asked, kind, view.user.name, view.user.roles) for kind in proposal.needed},
            shadow=await asyncio.to_thread(shadow_of, proposal),
            most_days=MOST_DAYS,
            prepared=newest if prepared else None,
            readiness=await asyncio.to_thread(publishing.readiness, newest) if prepared and newest is not None else None,
            may_publish=view.may(*PUBLISHERS),
        )

    @found.get("/releases/{seq}/heard/{language}/{prompt}", roles=SEERS)
    async def heard(view: View) -> Response:
        """The new text as the bank's own voice says it; values that change from call to call are left out."""
        proposal = await asyncio.to_thread(releases.proposal, whole_number(view.path["seq"]))
        language, prompt = view.path["language"], view.path["prompt"]
        contents = await asyncio.to_thread(releases.contents, proposal.contents) if proposal is not None else None
        spec = await asyncio.to_thread(text_in, releases, contents, language, prompt) if contents is not None else None
        if spec is None:
            raise HTTPException(404)
        sound = await spoken(PLACE.sub("…", spec.text), voices_of(language, parts.settings))
        if sound is None:
            return PlainTextResponse("no voice", 503)
        return Response(wav_of(sound), media_type="audio/wav")

    @found.post("/releases/{seq}", roles=SEERS)
    async def act(view: View) -> Response:
        proposal = await asyncio.to_thread(releases.proposal, whole_number(view.path["seq"]))
        if proposal is None:
            return await otherwise(view, status=404, problem=view.t("problem.not_found"))
        try:
            return await acted(view, proposal)
        except (ReleaseError, BundleError, OSError) as error:
            return await show_one(view, status=422, problem=view.told(error))

    async def acted(view: View, proposal: Proposal) -> Response:
        who, seq, form = view.user.name, proposal.seq, view.form
        here = f"/releases/{seq}"
        do = form.get("do")
        if do in ("prepare", "switch", "shadow", "no_shadow") and not view.may(*PUBLISHERS):
            raise ReleaseError(view.t("releases.refused_role"))
        match do:
            case "approve":
                return await approved(view, seq, form.get("kind"))
            case "send_back" | "withdraw":
                return await closed(view, proposal, State.SENT_BACK if do == "send_back" else State.WITHDRAWN)
            case "check":
                checks.begin(seq)
                return view.go(here, "releases.checking")
            case "shadow":
                await publishing.begin_shadow(seq, who, whole_number(form.get("days")))
                return view.go(here, "releases.is_in_shadow")
            case "no_shadow":
                await publishing.end_shadow(seq, who)
                return view.go(here, "releases.is_no_shadow")
            case "prepare":
                await publishing.prepare(seq, who)
                return view.go(here, "releases.is_prepared")
            case "switch":
                await publishing.switch(seq, who, whole_number(form.get("share", "100")) / 100)
                return view.go(here, "releases.is_live")
        raise ReleaseError(view.t("problem.not_found"))

    async def approved(view: View, seq: int, kind: str) -> Response:
        if kind not in set(Kind):
            raise ReleaseError(view.t("releases.refused_not_needed"))
        now = parts.clock()
        refused = await asyncio.to_thread(releases.approve, seq, Kind(kind), view.user.name, view.user.roles, now)
        if refused is not None:
            await parts.audit.note("release.approval_refused", who=view.user.name, proposal=seq, kind=kind, why=refused)
            raise ReleaseError(view.t(f"releases.refused_{refused}"))
        return view.go(f"/releases/{seq}", "releases.approved")

    async def closed(view: View, proposal: Proposal, state: State) -> Response:
        """Who approves may send it back, with a word; who has a part in it may withdraw it."""
        who, why = view.user.name, view.form.get("why")[:LONGEST_NOTE]
        mine = who in proposal.asked.authors
        if state is State.SENT_BACK and (mine or not any(view.may(APPROVERS[kind]) for kind in proposal.needed)):
            raise ReleaseError(view.t(f"releases.refused_{Refusal.AUTHOR if mine else Refusal.ROLE}"))
        if state is State.WITHDRAWN and not mine:
            raise ReleaseError(view.t("releases.not_yours"))
        if state is State.SENT_BACK and not why:
            raise ReleaseError(view.t("releases.say_why"))
        if not await publishing.close(proposal.seq, state, who, why):
            raise ReleaseError(view.t("releases.refused_closed"))
        return view.go("/releases", f"releases.is_{state}")


def _places(checks: Sequence[Check]) -> list[tuple[str, int]]:
    """The lines that checks name."""
    named = [line for check in checks for line in (*check.told.get("changes", ()), *check.told.get("lost", ()))]
    return [(line["call_id"], line["position"]) for line in named]
