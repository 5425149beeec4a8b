"""What chats go by, release by release. Where there is no chat it is the bundle alone, which the API reads."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from dialogs.data.bundle import Bundle, load_bundle
from voicebot.chat.server import ChatServer
from voicebot.config.settings import Settings
from voicebot.handoff.callback_service import CallbackService
from voicebot.releases.pointer import Arm
from voicebot.reloading import prepare
from voicebot.understanding.service import UnderstandingService, open_understanding, trained


class ChatEditions:
    """Those that this process has. Chats under way keep what they began with."""

    def __init__(self, chat: ChatServer | None, callbacks: CallbackService, release: str, bundle: Bundle) -> None:
        self._chat = chat
        self._callbacks = callbacks
        understanding = chat.services.session.understanding if chat is not None else None
        self._editions: dict[str, tuple[Bundle, UnderstandingService | None]] = {release: (bundle, understanding)}

    async def load(self, release: str, settings: Settings) -> None:
        """See `voicebot.releases.following.Editions`."""
        bundle = await asyncio.to_thread(load_bundle, settings.bundle)
        understanding = None
        if self._chat is not None:
            if not await asyncio.to_thread(trained, settings.nlu, bundle.prompts.languages):
                await prepare(settings)
            understanding = await open_understanding(settings.nlu, bundle.prompts.languages)
        self._editions[release] = (bundle, understanding)

    def use(self, arms: Sequence[Arm]) -> None:
        """See `voicebot.releases.following.Editions`. Chats have no number to be shared out by: all go by the first."""
        release = arms[0].release
        bundle, understanding = self._editions[release]
        if self._chat is not None and understanding is not None:
            services = self._chat.services
            session = replace(services.session, bundle=bundle, understanding=understanding, release=release)
            self._chat.services = replace(services, session=session)
        self._callbacks.use(bundle)

    def keep(self, releases: Collection[str]) -> None:
        """See `voicebot.releases.following.Editions`."""
        self._editions = {release: edition for release, edition in self._editions.items() if release in releases}
