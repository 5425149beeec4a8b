"""One press of a key is one fact, also when the far end sends it twice: as an RFC 4733 event and as a SIP INFO (RFC 6086).

The stack reports both in the same way. Its trace tells which INFO requests came in, but may lag behind the report it explains.
So the first report of a key counts at once. A further one of the same key, soon after, waits for the trace: of `n` reports `i`
came as INFO and `n - i` as RFC 4733, and the caller pressed as often as the more frequent of the two says. A trace that lags
longer than that is made good when it comes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

SAME_PRESS_S = 2.0
"""How far apart the two reports of one press may be: an INFO can come at the end of a long press."""
TRACE_LAG_S = 0.1
"""How long the trace may lag behind the report it explains."""


@dataclass(slots=True)
class _Run:
    """The reports of one key in quick succession."""

    reports: int = 0
    infos: int = 0
    pressed: int = 0
    latest: float = float("-inf")


@dataclass(slots=True)
class KeyPresses:
    """Reports of one call in, presses out, in order. Pure: the time (monotonic seconds) comes in."""

    _runs: dict[str, _Run] = field(default_factory=dict)
    _waiting: deque[tuple[str, float]] = field(default_factory=deque)

    def reported(self, key: str, now: float) -> list[str]:
        """The stack reports a key; returns the presses that are certain now, oldest first."""
        run = self._run(key, now)
        run.latest = now
        certain_at = now if run.reports == 0 else now + TRACE_LAG_S
        run.reports += 1
        self._waiting.append((key, certain_at))
        return self.certain(now)

    def info_seen(self, key: str, now: float) -> list[str]:
        """The trace shows an INFO with this key; returns the presses that are certain now, oldest first."""
        run = self._run(key, now)
        run.infos += 1
        run.latest = now
        self._waiting.append((key, now))  # a report that was judged before its INFO was seen is judged again
        return self.certain(now)

    def certain(self, now: float) -> list[str]:
        """The presses that have become certain by now, oldest first."""
        pressed = []
        while self._waiting and self._waiting[0][1] <= now:
            key, _ = self._waiting.popleft()
            run = self._runs[key]
            if run.pressed < min(run.reports, max(run.infos, run.reports - run.infos)):
                run.pressed += 1
                pressed.append(key)
        return pressed

    @property
    def next_at(self) -> float | None:
        """When the next press becomes certain; None when none waits."""
        return self._waiting[0][1] if self._waiting else None

    def _run(self, key: str, now: float) -> _Run:
        run = self._runs.get(key)
        waits = any(waiting == key for waiting, _ in self._waiting)
        if run is None or (now - run.latest > SAME_PRESS_S and not waits):
            run = self._runs[key] = _Run()
        return run
