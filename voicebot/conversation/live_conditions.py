"""`LiveConditions`: switches and waits as the dialogue of one call knows them."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import structlog

from dialogs.events import Conditions, ConditionsChanged

log = structlog.get_logger(__name__)


class LiveConditions:
    """Tells of a change that a caller could hear of."""

    def __init__(self, now: Callable[[], Conditions] | None) -> None:
        """`now` gives the conditions; None: they never change."""
        self._now = now
        self.known = Conditions()
        """What the dialogue was told last."""

    def changed(self) -> ConditionsChanged | None:
        """What changed since the dialogue was told, if anything. Conditions that cannot be read are the last ones known."""
        if self._now is None:
            return None
        try:
            now = self._now()
        except Exception as error:
            log.error("live conditions cannot be read", code="state.failed", error=error)
            return None
        if _as_told(now) == _as_told(self.known):
            return None
        self.known = now
        return ConditionsChanged(now)


def _as_told(conditions: Conditions) -> tuple[object, ...]:
    """What callers hear of the conditions: the switches, and waits in whole minutes."""
    return conditions.switches, tuple((queue, ceil(seconds / 60)) for queue, seconds in conditions.waits)
