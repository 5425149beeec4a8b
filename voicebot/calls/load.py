"""How loaded this process is, as measured, and what it does with a call that comes now: calls under way must stay good.

Pure but for `LoadSampler`: measures and the time (monotonic seconds) come in, a level comes out.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import structlog

from voicebot.conversation.limits import LoadLimits
from voicebot.tasks import cancelled

SAMPLE_S = 0.1
"""Between two measures of the event loop."""
_LEAST_LAGS = 2
_LEAST_TURNS = 5
_BUSY_SHARE = 0.2
"""So many of the turns without a free recogniser are an overload."""

log = structlog.get_logger(__name__)


class LoadLevel(IntEnum):
    """What becomes of a call that comes now; calls under way go on as they began."""

    NORMAL = 0
    KEYS_ONLY = 1
    """It is served with keys: recognising is what costs most."""
    QUEUE = 2
    """It is put through to the default queue at once."""
    REFUSE = 3
    """It is refused, so that the trunk takes another way."""


@dataclass(frozen=True, slots=True)
class _Measure:
    at: float
    value: float


class LoadMeter:
    """The level, from the lag of the event loop (its 95th percentile over half of `over_s`: a burst is out of it before it
    counts as lasting) and from turns that found no recogniser free.

    It rises by one level when a threshold was passed for `over_s`, and falls by one when all stayed under 70 % of the threshold
    of the level in force for `calm_s`: it does not flutter.
    """

    def __init__(self, limits: LoadLimits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._thresholds = (limits.keys_only_lag_ms / 1000, limits.queue_lag_ms / 1000, limits.refuse_lag_ms / 1000)
        self._lags: deque[_Measure] = deque()
        self._turns: deque[_Measure] = deque()
        self._level = LoadLevel.NORMAL
        self._cool_at = clock()
        """When less than the next level was wanted last."""
        self._hot_at = clock()
        """When the level in force was wanted last, or nearly."""

    @property
    def level(self) -> LoadLevel:
        """In force for calls that come now."""
        return self._level if self._limits.enabled else LoadLevel.NORMAL

    @property
    def lag_s(self) -> float:
        """The 95th percentile of the event loop's lag over the last seconds."""
        lags = sorted(each.value for each in self._lags)
        return lags[int(0.95 * (len(lags) - 1))] if lags else 0.0

    def lagged(self, seconds: float) -> None:
        """The event loop was late by so much."""
        if not self._lags:  # what was before the first measure is not known
            self._cool_at = self._hot_at = self._clock()
        self._note(self._lags, seconds, self._limits.over_s / 2)
        self._judge()

    def recognised(self, result: str) -> None:
        """A turn was recognised, or not: "busy" is one for which no recogniser was free."""
        self._note(self._turns, float(result == "busy"), self._limits.over_s)

    def _note(self, measures: deque[_Measure], value: float, keep_s: float) -> None:
        """Two stay, however old: a loop that is blocked for longer than `keep_s` each time is still judged."""
        now = self._clock()
        measures.append(_Measure(now, value))
        while len(measures) > _LEAST_LAGS and measures[0].at < now - keep_s:
            measures.popleft()

    def _judge(self) -> None:
        now, wanted = self._clock(), self._wanted(1.0)
        if self._wanted(0.7) >= self._level:
            self._hot_at = now
        if wanted <= self._level or len(self._lags) < _LEAST_LAGS:
            self._cool_at = now
        if now - self._cool_at >= self._limits.over_s:
            self._change(LoadLevel(self._level + 1))
        elif self._level and now - self._hot_at >= self._limits.calm_s:
            self._change(LoadLevel(self._level - 1))

    def _wanted(self, share: float) -> LoadLevel:
        """By this share of the thresholds."""
        lag = self.lag_s
        by_lag = LoadLevel(sum(lag > share * threshold for threshold in self._thresholds))
        return max(by_lag, LoadLevel.KEYS_ONLY) if self._recogniser_full(share) else by_lag

    def _recogniser_full(self, share: float) -> bool:
        turns = [each.value for each in self._turns if each.at >= self._clock() - self._limits.over_s]
        return len(turns) >= _LEAST_TURNS and sum(turns) / len(turns) > share * _BUSY_SHARE

    def _change(self, level: LoadLevel) -> None:
        lag_ms = round(self.lag_s * 1000)
        if level > self._level:
            log.warning("load is too high for more calls like these", code="calls.load", load=level.name.lower(), lag_ms=lag_ms)
        else:
            log.info("load has fallen", load=level.name.lower(), lag_ms=lag_ms)
        self._level = level
        self._cool_at = self._hot_at = self._clock()


class LoadSampler:
    """Measures the event loop it runs on: how much later than asked for it wakes."""

    def __init__(self, meter: LoadMeter) -> None:
        self._meter = meter
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin measuring."""
        self._task = asyncio.create_task(self._run(), name="load")

    async def close(self) -> None:
        """Stop."""
        task, self._task = self._task, None
        await cancelled(task)

    async def _run(self) -> None:
        while True:
            due = time.monotonic() + SAMPLE_S
            await asyncio.sleep(SAMPLE_S)
            self._meter.lagged(max(0.0, time.monotonic() - due))
