"""Whether callers' words are recognised: engines that could not be loaded, and those that fail while calls run."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

_IN_A_ROW = 3
_FORGOTTEN_S = 300.0
_FAILURES = ("failed", "late")
"""Results of a turn that tell of its engine; "busy" tells of the load."""


class RecognitionHealth:
    """By language. Turns are noted as they are recognised."""

    def __init__(self, wanted: Collection[str], loaded: Collection[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Languages with a recogniser in the configuration, and those whose recogniser could be loaded."""
        self._missing = sorted(set(wanted) - set(loaded))
        self._clock = clock
        self._failed: dict[str, int] = {}
        self._last: dict[str, float] = {}

    def note(self, language: str, result: str) -> None:
        """How recognising one turn went."""
        if result in _FAILURES:
            self._failed[language] = self._failed.get(language, 0) + 1
            self._last[language] = self._clock()
        elif result == "ok":
            self._failed.pop(language, None)

    @property
    def trouble(self) -> str | None:
        """What is wrong. An engine that failed some minutes ago, and was not asked since, is not known to be broken."""
        since = self._clock() - _FORGOTTEN_S
        failing = sorted(
            language for language, times in self._failed.items() if times >= _IN_A_ROW and self._last[language] > since
        )
        told = []
        if self._missing:
            told.append(f"none could be loaded for {', '.join(self._missing)}: calls go on with keys; the log says what to do")
        if failing:
            told.append(f"the last {_IN_A_ROW} turns and more failed in {', '.join(failing)}: calls go on with keys; see the log")
        return "; ".join(told) or None
