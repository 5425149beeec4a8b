"""A circuit breaker: after some failures in a row nobody waits for the failing thing any more, but one probe now and then."""

from __future__ import annotations

import time
from collections.abc import Callable


class CircuitBreaker:
    """Closed (calls pass), open (calls are refused), half-open (one probe passes after a pause that doubles up to a limit).

    Source: M. Nygard, Release It!, "Stability Patterns". Times in seconds.
    """

    def __init__(
        self,
        *,
        failures: int = 3,
        pause_s: float = 0.5,
        longest_pause_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures_allowed = failures
        self._first_pause = pause_s
        self._longest_pause = longest_pause_s
        self._clock = clock
        self._failures = 0
        self._pause = pause_s
        self._retry_at: float | None = None

    @property
    def closed(self) -> bool:
        """Whether the guarded thing is taken to work."""
        return self._retry_at is None

    def may_try(self) -> bool:
        """Whether a call may be made now. When open, true once per pause: the caller is the probe."""
        if self._retry_at is None:
            return True
        if self._clock() < self._retry_at:
            return False
        self._retry_at = self._clock() + self._pause
        return True

    def succeeded(self) -> None:
        """The guarded thing worked."""
        self._failures = 0
        self._pause = self._first_pause
        self._retry_at = None

    def failed(self) -> None:
        """The guarded thing failed."""
        self._failures += 1
        if self._failures < self._failures_allowed:
            return
        if self._retry_at is not None:
            self._pause = min(self._pause * 2, self._longest_pause)
        self._retry_at = self._clock() + self._pause
