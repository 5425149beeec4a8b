"""The silence timer of one call: counts while nobody speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voicebot.conversation.stage import TimerRang


class SilenceTimer:
    """At most one timer runs; a ring that was overtaken by a newer run is recognised by its number."""

    def __init__(self, ring: Callable[[TimerRang], None]) -> None:
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None
        self._number = 0
        self.seconds = 0.0

    @property
    def running(self) -> bool:
        """Whether silence is being counted."""
        return self._handle is not None

    def start(self, seconds: float | None = None) -> None:
        """Count from now, `seconds` or as long as last time; 0 does not count."""
        self.stop()
        if seconds is not None:
            self.seconds = seconds
        if self.seconds > 0:
            self._number += 1
            rang = TimerRang(self._number, self.seconds)
            self._handle = asyncio.get_running_loop().call_later(self.seconds, self._ring, rang)

    def stop(self) -> None:
        """Stop counting; the duration is remembered."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def accept(self, rang: TimerRang) -> bool:
        """Whether this ring is of the run that counts; ends that run."""
        if rang.number != self._number or self._handle is None:
            return False
        self._handle = None
        return True
