"""How far something long is, told now and then: nothing of what is quick."""

from __future__ import annotations

import time
from collections.abc import Callable

Told = Callable[[int, int], None]
"""Hears how many are done, of how many."""


class Pace:
    """Passes progress on only where people would begin to wonder: after 2 s of work, then every 5 s, and at the end of it."""

    def __init__(
        self, told: Told, *, first_s: float = 2.0, every_s: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._told = told
        self._every_s = every_s
        self._clock = clock
        self._long_from = self._next = clock() + first_s

    def __call__(self, done: int, total: int) -> None:
        """So many are done."""
        now = self._clock()
        if now >= self._next or (done == total and now >= self._long_from):
            self._next = now + self._every_s
            self._told(done, total)
