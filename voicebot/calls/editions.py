"""What calls go by, release by release: bundle, understanding and speaker, loaded beside one another and switched at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from caller_id.types import Caller
from dialogs.data.bundle import Bundle, load_bundle
from voicebot.calls.server import CallServer, CallServices
from voicebot.config.settings import Settings
from voicebot.engines import WARM_RATES
from voicebot.handoff.callback_service import CallbackService
from voicebot.prompts.speaking import Speaker
from voicebot.releases.pointer import Arm, arm_of
from voicebot.reloading import prepare
from voicebot.understanding.service import UnderstandingService, open_understanding, trained


@dataclass(frozen=True, slots=True)
class Edition:
    """One release, loaded."""

    bundle: Bundle
    understanding: UnderstandingService
    speaker: Speaker


class CallEditions:
    """Those that this process has. Calls under way keep what they began with."""

    def __init__(
        self,
        calls: CallServer,
        callbacks: CallbackService,
        services: CallServices,
        let_dial: Callable[[Sequence[Bundle]], None],
    ) -> None:
        """`services` go by the edition in use; `let_dial` is told the bundles whose queues calls may be put through to."""
        self._calls = calls
        self._callbacks = callbacks
        self._let_dial = let_dial
        self.services = services
        first = services.session.release
        self._editions = {first: Edition(services.session.bundle, services.session.understanding, services.speaker)}
        self._arms: tuple[Arm, ...] = (Arm(first),)

    async def load(self, release: str, settings: Settings) -> None:
        """See `voicebot.releases.following.Editions`. What is not trained yet is trained in a process of its own."""
        bundle = await asyncio.to_thread(load_bundle, settings.bundle)
        if not await asyncio.to_thread(trained, settings.nlu, bundle.prompts.languages):
            await prepare(settings)
        await self._load(release, settings, bundle)

    async def _load(self, release: str, settings: Settings, bundle: Bundle) -> None:
        understanding = await open_understanding(settings.nlu, bundle.prompts.languages)
        speaker = self.services.speaker.of(bundle)
        await speaker.warm(WARM_RATES)
        self._editions[release] = Edition(bundle, understanding, speaker)

    def use(self, arms: Sequence[Arm]) -> None:
        """See `voicebot.releases.following.Editions`."""
        before = self._editions[self._arms[0].release].bundle
        self._arms = tuple(arms)
        self._callbacks.use(self._editions[arms[0].release].bundle)
        by_release = {arm.release: self._services_of(arm.release) for arm in arms}
        self.services = by_release[arms[0].release]

        def services_of(caller: Caller) -> CallServices:
            return by_release[arm_of(arms, caller.number or "")]

        self._calls.use(self.services, services_of if len(arms) > 1 else None)
        bundles = [*(each.session.bundle for each in by_release.values()), before]  # calls under way go by what they began with
        self._let_dial(bundles)

    def keep(self, releases: Collection[str]) -> None:
        """See `voicebot.releases.following.Editions`. What calls under way hold goes with them."""
        self._editions = {release: edition for release, edition in self._editions.items() if release in releases}

    async def reload(self, settings_of: Callable[[str], Settings], others: Mapping[str, Any]) -> None:
        """Read what is in use again, with settings that have changed; `others` are fields of `CallServices` that have changed,
        too. Raises ReloadError, BundleError, PackError, and then nothing has changed.
        """
        for arm in self._arms:
            settings = settings_of(arm.release)
            await prepare(settings)
            await self._load(arm.release, settings, await asyncio.to_thread(load_bundle, settings.bundle))
        self.services = replace(self.services, **others)
        self.use(self._arms)

    def _services_of(self, release: str) -> CallServices:
        edition = self._editions[release]
        session = replace(self.services.session, bundle=edition.bundle, understanding=edition.understanding, release=release)
        return replace(self.services, session=session, speaker=edition.speaker)
