"""So many in a minute, by whoever asks: an address, a customer, everybody together."""

from __future__ import annotations

from collections import OrderedDict, deque

_MINUTE_S = 60.0
_MOST_KEPT = 10_000


class Budget:
    """Counts by name in any minute. Only so many names are kept: those that asked last. Time is monotonic seconds."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._taken: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, name: str, now: float) -> bool:
        """Whether one more is within the budget; what is not costs nothing."""
        taken = self._taken.setdefault(name, deque(maxlen=self._per_minute))
        self._taken.move_to_end(name)
        while len(self._taken) > _MOST_KEPT:
            self._taken.popitem(last=False)
        if len(taken) == self._per_minute and now - taken[0] < _MINUTE_S:
            return False
        taken.append(now)
        return True
