"""A customer who went quiet is asked whether they are still there; without an answer the chat ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from voicebot.chat.settings import ChatSettings


class IdleWatch:
    """Counts the seconds since the last sign of life."""

    def __init__(
        self, settings: ChatSettings, *, warn: Callable[[float], Awaitable[None]], over: Callable[[float], None]
    ) -> None:
        """`warn` is told how many seconds are left, `over` after how many the chat ends."""
        self._settings = settings
        self._warn = warn
        self._over = over
        self.heard_at = time.monotonic()
        self.excused = False
        """Nothing is expected of the customer: they wait for an agent."""

    def heard(self) -> None:
        """A sign of life."""
        self.heard_at = time.monotonic()

    async def run(self) -> None:
        """Watch until the chat is over."""
        warned_for = 0.0
        while True:
            if self.excused:
                self.heard()
            quiet = time.monotonic() - self.heard_at
            if quiet >= self._settings.idle_s:
                self._over(quiet)
                return
            left = self._settings.idle_s - quiet
            if left <= self._settings.idle_warning_s and warned_for != self.heard_at:
                warned_for = self.heard_at
                await self._warn(left)
            until_warning = left - self._settings.idle_warning_s
            await asyncio.sleep(max(0.01, until_warning if until_warning > 0 else left))
