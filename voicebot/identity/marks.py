"""What the agent should know of a number before answering: it is barred, or calls more often than is usual."""

from __future__ import annotations

from dataclasses import replace

from caller_id.types import Caller
from voicebot.identity.barred import BarredNumbers
from voicebot.metrics.registry import Metrics
from voicebot.state.call_rates import CallRates


class CallerMarks:
    """Marks callers. Only a number that is vouched for is counted: nobody can slow another by showing their number."""

    def __init__(self, metrics: Metrics, *, barred: BarredNumbers | None = None, rates: CallRates | None = None) -> None:
        self._metrics = metrics
        self._barred = barred
        self._rates = rates

    async def mark(self, caller: Caller) -> Caller:
        """The caller with the marks of their number."""
        if caller.number is None:
            return caller
        barred = self._barred is not None and await self._barred.has(caller.number)
        too_often = await self._rates.count(caller.number) if self._rates is not None and caller.vouched else None
        for why, marked in (("barred", barred), ("too_often", too_often is not None)):
            if marked:
                self._metrics.count("voicebot_callers_marked_total", why=why)
        return replace(caller, barred=barred, too_often=too_often)
