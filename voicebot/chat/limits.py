"""Who may open a chat, and how fast it may be written in."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from urllib.parse import urlsplit

MINUTE_S = 60.0


def may_connect(origin: str | None, host: str | None, others: Collection[str]) -> bool:
    """Whether a page of this origin may open the WebSocket (RFC 6455, section 10.2).

    Browsers always say where a page comes from; the page's own host and the configured `others` may. Behind a proxy that does not
    pass the Host header on, the public origin must be among the `others`.
    """
    if not origin:
        return False
    if origin in others:
        return True
    try:
        site = urlsplit(origin)
    except ValueError:
        return False
    return site.scheme in ("http", "https") and bool(host) and site.netloc.lower() == str(host).lower()


class MessageBudget:
    """At most so many messages in any minute. One who goes on all the same is `abusive`: after as many refused in a row again."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._taken: deque[float] = deque()
        self._refused = 0

    def take(self, now: float) -> bool:
        """Whether a message that came at `now` (monotonic seconds) is within the budget."""
        while self._taken and now - self._taken[0] >= MINUTE_S:
            self._taken.popleft()
        if len(self._taken) >= self._per_minute:
            self._refused += 1
            return False
        self._taken.append(now)
        self._refused = 0
        return True

    @property
    def abusive(self) -> bool:
        """Slowing down was asked for often enough."""
        return self._refused > self._per_minute
