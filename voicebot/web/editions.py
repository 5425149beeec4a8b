"""What chats and messages in writing go by, release by release. Where there are none it is the bundle alone, which the API
reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from dialogs.data.bundle import Bundle, load_bundle
from voicebot.chat.server import ChatServer
from voicebot.config.settings import Settings
from voicebot.handoff.callback_service import CallbackService
from voicebot.releases.pointer import Arm
from voicebot.reloading import prepare
from voicebot.understanding.service import UnderstandingService, open_understanding, trained


@dataclass(slots=True)
class Understood:
    """The understanding in force; None where nothing needs one."""

    now: UnderstandingService | None = None

    def needed(self) -> UnderstandingService:
        """It. Raises RuntimeError where there is none."""
        if self.now is None:
            raise RuntimeError("no understanding was opened")
        return self.now


class WebEditions:
    """Those that this process has. Chats under way keep what they began with."""

    def __init__(
        self, chat: ChatServer | None, callbacks: CallbackService, release: str, bundle: Bundle, understood: Understood
    ) -> None:
        self._chat = chat
        self._callbacks = callbacks
        self._understood = understood
        self._editions = {release: (bundle, understood.now)}

    async def load(self, release: str, settings: Settings) -> None:
        """See `voicebot.releases.following.Editions`."""
        bundle = await asyncio.to_thread(load_bundle, settings.bundle)
        understanding = None
        if self._understood.now is not None:
            if not await asyncio.to_thread(trained, settings.nlu, bundle.prompts.languages):
                await prepare(settings)
            understanding = await open_understanding(settings.nlu, bundle.prompts.languages)
        self._editions[release] = (bundle, understanding)

    def use(self, arms: Sequence[Arm]) -> None:
        """See `voicebot.releases.following.Editions`. Chats have no number to be shared out by: all go by the first."""
        release = arms[0].release
        bundle, self._understood.now = self._editions[release]
        if self._chat is not None and self._understood.now is not None:
            services = self._chat.services
            session = replace(services.session, bundle=bundle, understanding=self._understood.now, release=release)
            self._chat.services = replace(services, session=session)
        self._callbacks.use(bundle)

    def keep(self, releases: Collection[str]) -> None:
        """See `voicebot.releases.following.Editions`."""
        self._editions = {release: edition for release, edition in self._editions.items() if release in releases}
