"""Whether callers' words are recognised: engines that could not be loaded, and those that fail, or hear no word, while calls
run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

_IN_A_ROW = 3
_DEAF_AFTER = 10
"""Turns in a row with enough speech and no word: of more than one call, for a caller is put through after fewer."""
_FORGOTTEN_S = 300.0
_FAILURES = ("failed", "late")
"""Results of a turn that tell of its engine; "busy" tells of the load, "noise" (too little speech for a word) of nothing."""


class _InARow:
    """How often something happened in a row, by language, and when it did last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: dict[str, tuple[int, float]] = {}

    def again(self, language: str, now: float) -> None:
        self._times[language] = (self._times.get(language, (0, 0.0))[0] + 1, now)

    def over(self, language: str) -> None:
        self._times.pop(language, None)

    def since(self, at: float) -> list[str]:
        """Languages in which it happened too often, the last time after `at`."""
        return sorted(language for language, (times, last) in self._times.items() if times >= self._most and last > at)


class RecognitionHealth:
    """By language. Turns are noted as they are recognised."""

    def __init__(self, wanted: Collection[str], loaded: Collection[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Languages with a recogniser in the configuration, and those whose recogniser could be loaded."""
        self._missing = sorted(set(wanted) - set(loaded))
        self._clock = clock
        self._failed = _InARow(_IN_A_ROW)
        self._wordless = _InARow(_DEAF_AFTER)

    def note(self, language: str, result: str) -> None:
        """How recognising one turn went."""
        if result in _FAILURES:
            self._failed.again(language, self._clock())
        elif result != "busy":
            self._failed.over(language)
        if result == "wordless":
            self._wordless.again(language, self._clock())
        elif result == "ok":
            self._wordless.over(language)

    @property
    def trouble(self) -> str | None:
        """What is wrong. An engine that failed some minutes ago, and was not asked since, is not known to be broken."""
        since = self._clock() - _FORGOTTEN_S
        failing, deaf = self._failed.since(since), self._wordless.since(since)
        told = []
        if self._missing:
            told.append(f"none could be loaded for {', '.join(self._missing)}: calls go on with keys; the log says what to do")
        if failing:
            told.append(f"the last {_IN_A_ROW} turns and more failed in {', '.join(failing)}: calls go on with keys; see the log")
        if deaf:
            told.append(
                f"no word was heard in the last {_DEAF_AFTER} turns and more in {', '.join(deaf)}: see whether sound comes, "
                "and what the engine does with it"
            )
        return "; ".join(told) or None
