"""Publishing in two steps, and going back. The rules of what may go live stand here; who may ask is the page's."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dialogs.authoring.prompt_editing import stamp
from dialogs.data.bundle import load_bundle
from voicebot.prompts.editing import edit_texts
from voicebot.releases import shadowing
from voicebot.releases.approvals import Kind, missing
from voicebot.releases.contents import BUNDLE, MODELS, PACK, read_contents
from voicebot.releases.drafts import Drafts, Folders
from voicebot.releases.errors import ReleaseError
from voicebot.releases.following import announce
from voicebot.releases.pointer import CONFIGURED, Arm, Pointer, ShadowOrder, Stage
from voicebot.releases.store import Checked, Process, Proposal, Releases, State
from voicebot.state.shared import SharedState


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far the processes are with the last order."""

    ready: tuple[Process, ...]
    not_ready: tuple[Process, ...]


class Publishing:
    """Moves the pointer. Methods raise ReleaseError, OSError, BundleError, and what SQLAlchemy raises."""

    def __init__(
        self, releases: Releases, drafts: Drafts, shared: SharedState, live: Callable[[], Folders], clock: Callable[[], datetime]
    ) -> None:
        self._releases = releases
        self._drafts = drafts
        self._shared = shared
        self._live = live
        self._clock = clock

    async def prepare(self, seq: int, who: str) -> Pointer:
        """Have every process load the release that a proposal becomes. Calls go on by what they had."""
        final = await asyncio.to_thread(self._final, seq)
        return await self._order(Stage.PREPARE, (Arm(final),), who, f"proposal {seq}")

    async def switch(self, seq: int, who: str, share: float = 1.0) -> Pointer:
        """Calls that begin from now on go by it: all, or this share (above 0) of the callers, the others by what was live."""
        prepared = await asyncio.to_thread(self._releases.newest)
        proposal = await asyncio.to_thread(self._allowed, seq)
        if proposal.final is None or prepared is None or proposal.final not in prepared.releases:
            raise ReleaseError("prepare it first, so that every process has it before the first call goes by it", "not_prepared")
        if not 0 < share <= 1:
            raise ReleaseError("the share of callers is more than 0 and at most 100 %", "share")
        arms: tuple[Arm, ...] = (Arm(proposal.final),)
        if share < 1:
            live = await asyncio.to_thread(self._releases.live)
            before = live.release if live is not None else CONFIGURED
            arms = (Arm(before, 1 - share), Arm(proposal.final, share))
        why, closes = f"proposal {seq}: {proposal.note}", share == 1
        pointer = await self._order(Stage.LIVE, arms, who, why, after=prepared, proposal=seq, closes=closes)
        if share == 1:
            with suppress(OSError, ReleaseError):  # it is live, whatever is wrong with the draft's folder
                await asyncio.to_thread(self._drop_draft_of, proposal)
        return pointer

    async def back(self, who: str, why: str) -> Pointer:
        """Roll back to what was live before: one person, at once. Every process has it still."""
        pointer = await asyncio.to_thread(self._releases.roll_back, who, why, self._clock())
        await self._announce(pointer)
        return pointer

    async def close(self, seq: int, state: State, who: str, why: str) -> bool:
        """An open proposal is open no more, nor in the shadow; False when it was not."""
        closed = await asyncio.to_thread(lambda: self._releases.close(seq, state, who, why, self._clock()))
        await self._announce_shadow()
        return closed

    # ------------------------------------------------------------------ the shadow

    async def begin_shadow(self, seq: int, who: str, days: int) -> ShadowOrder:
        """Have the release that a proposal becomes decide beside the one in force, for so many days at most. No caller hears of
        it, so that neither approvals nor passed checks are needed.
        """
        if not 1 <= days <= shadowing.MOST_DAYS:
            raise ReleaseError(f"a shadow lasts from 1 to {shadowing.MOST_DAYS} days", "shadow_days", most=shadowing.MOST_DAYS)
        proposal = await asyncio.to_thread(self._releases.proposal, seq)
        if proposal is None or proposal.state is not State.OPEN:
            raise ReleaseError("the proposal is open no more", "closed")
        release = proposal.final
        if release is None:
            raise ReleaseError("it has no models yet: they are made by its checks", "no_models")
        now = self._clock()
        until = now + timedelta(days=days)
        order = await asyncio.to_thread(lambda: self._releases.begin_shadow(release, seq, until=until, who=who, at=now))
        await shadowing.announce(self._shared, order)
        return order

    async def end_shadow(self, seq: int, who: str) -> ShadowOrder | None:
        """End the shadow of a proposal; None when there was none."""
        order = await asyncio.to_thread(lambda: self._releases.end_shadow(seq, who=who, why="", at=self._clock()))
        if order is not None:
            await shadowing.announce(self._shared, order)
        return order

    async def _announce(self, pointer: Pointer) -> None:
        await announce(self._shared, pointer)
        await self._announce_shadow()

    async def _announce_shadow(self) -> None:
        shadow = await asyncio.to_thread(self._releases.shadow)
        if shadow is not None and not shadow.release:  # it may have ended with what was just done
            await shadowing.announce(self._shared, shadow)

    # ------------------------------------------------------------------ how far the processes are

    def readiness(self, pointer: Pointer) -> Readiness:
        """Who has loaded all that this order points at."""
        there = self._releases.processes(self._clock())
        ready = tuple(each for each in there if set(pointer.releases) <= {*each.loaded, each.live})
        return Readiness(ready, tuple(each for each in there if each not in ready))

    async def _order(
        self,
        stage: Stage,
        arms: tuple[Arm, ...],
        who: str,
        why: str,
        after: Pointer | None = None,
        proposal: int | None = None,
        closes: bool = False,
    ) -> Pointer:
        now = self._clock()
        pointer = await asyncio.to_thread(
            lambda: self._releases.order(stage, arms, who=who, why=why, at=now, after=after, proposal=proposal, closes=closes)
        )
        await self._announce(pointer)
        return pointer

    def _allowed(self, seq: int) -> Proposal:
        proposal = self._releases.proposal(seq)
        if proposal is None or proposal.state is not State.OPEN:
            raise ReleaseError("the proposal is open no more", "closed")
        if proposal.checked is not Checked.PASSED:
            raise ReleaseError("its checks have not passed", "not_checked")
        if lacking := missing(proposal.asked):
            raise ReleaseError(f"approvals are missing: {', '.join(lacking)}", "approvals")
        if self._live().contents()[0].id != proposal.base:
            raise ReleaseError("another release went live meanwhile: renew the draft and propose it again", "other_live")
        return proposal

    def _final(self, seq: int) -> str:
        """The release that the proposal becomes: what was checked, with the names of those who answer for its texts."""
        proposal = self._allowed(seq)
        checked = self._releases.contents(proposal.final or "")
        if checked is None:
            raise ReleaseError("what was checked is not in the database; have it checked again", "checked_gone")
        before = load_bundle(self._live().bundle)
        day = before.calendar.local(self._clock()).date()
        with tempfile.TemporaryDirectory(prefix="voicebot-release-") as name:
            folder = Path(name)
            self._releases.write(checked, folder)
            author, approver = ", ".join(proposal.authors), proposal.approved.get(Kind.TEXTS, proposal.by)
            bundle = folder / BUNDLE
            edit_texts(bundle, lambda: stamp(bundle, before.prompts.files, author=author, approver=approver, day=day))
            load_bundle(bundle)
            contents, where = read_contents({each: folder / each for each in (BUNDLE, PACK, MODELS)})
            final = self._releases.put(contents, where, self._clock())
        if not self._releases.becomes(seq, final):
            raise ReleaseError("its checks were begun again meanwhile", "checks_again")
        return final

    def _drop_draft_of(self, proposal: Proposal) -> None:
        """A draft that is what went live has done its work; one that was changed since stays."""
        if self._drafts.begun and self._drafts.folders.contents()[0].id == proposal.contents:
            self._drafts.drop()
