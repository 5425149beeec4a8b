"""A release in the shadow: it decides on the lines of real calls and chats after the live one has, and nothing comes of it but
rows to compare. No caller waits for it or hears of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

import nlu
from nlu.model.scorer import Scorer
from nlu.pack.pack import BANK_PACK, Pack
from nlu.types import Hypothesis, Understander, Understanding
from nlu.understanding.classifier import Classifier
from voicebot.memory import give_back
from voicebot.metrics.registry import Metrics
from voicebot.records.shadow import ShadowDecision
from voicebot.records.store import RecordStore
from voicebot.tasks import cancelled
from voicebot.understanding.settings import NluSettings

log = structlog.get_logger(__name__)

MOST_WAITING = 100
"""Lines that wait for their turn; what comes then is dropped."""
BATCH = 50
"""Decisions that are written at once."""
BATCH_S = 2.0
"""A decision waits so long for others at most."""


@dataclass(frozen=True, slots=True)
class ShadowLine:
    """What a caller said, exactly as the live classifier took it."""

    call_id: str
    position: int
    """Of the line in the journal."""
    hypotheses: tuple[Hypothesis, ...]
    """Best first; without numbers of persons where turns together told one."""
    language: str


async def load_shadow(settings: NluSettings, languages: Sequence[str]) -> Classifier:
    """The classifier of a release, one language after the other in a thread, so that the loop is never kept for long. What a
    release has no model of is trained: look first, with `trained`. Raises PackError.
    """
    pack = Pack(settings.pack or BANK_PACK)
    scorers: dict[str, Scorer] = {}
    for language in languages:
        loaded = await asyncio.to_thread(nlu.load, pack, [language], cache=settings.cache_dir, semantic=settings.semantic)
        scorers |= loaded.scorers
    return await asyncio.to_thread(Classifier, pack, scorers)


class LiveShadow:
    """Takes lines, and decides them one after the other in a thread of its own while there is a release in the shadow."""

    def __init__(
        self,
        records: RecordStore,
        metrics: Metrics,
        *,
        loaded: Callable[[], bool] = lambda: False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`loaded`: whether the process has enough to do without it."""
        self._records = records
        self._metrics = metrics
        self._loaded = loaded
        self._clock = clock
        self._lines: asyncio.Queue[ShadowLine] = asyncio.Queue(MOST_WAITING)
        self._deciding: asyncio.Task[None] | None = None
        self.release = ""
        """In the shadow; "" for none."""

    def begin(self, release: str, understander: Understander, languages: Sequence[str]) -> None:
        """Lines are decided by this release, too, from now on. Nothing may be in the shadow already."""
        self.release = release
        self._lines = asyncio.Queue(MOST_WAITING)
        deciding = self._decide_all(self._lines, release, understander, tuple(languages))
        self._deciding = asyncio.create_task(deciding, name="shadow")

    async def end(self) -> None:
        """No lines are decided any more, and the memory is given back; harmless when there is no shadow."""
        self.release = ""
        deciding, self._deciding = self._deciding, None
        if deciding is not None:
            await cancelled(deciding)
            del deciding  # it holds the classifier
            await asyncio.to_thread(give_back)

    def offer(self, line: ShadowLine) -> None:
        """A caller has been answered; `line` is what they had said. Returns at once, never raises."""
        if not self.release:
            return
        if self._loaded():
            self._dropped("load")
            return
        try:
            self._lines.put_nowait(line)
        except asyncio.QueueFull:
            self._dropped("busy")

    def _dropped(self, reason: str, lines: int = 1) -> None:
        self._metrics.count("voicebot_shadow_dropped_total", lines, reason=reason)

    async def _decide_all(
        self, lines: asyncio.Queue[ShadowLine], release: str, understander: Understander, languages: tuple[str, ...]
    ) -> None:
        """Until cancelled; what was decided by then is kept."""
        decided: list[ShadowDecision] = []
        write_at = 0.0
        thread = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        try:
            while True:
                line = await _next(lines, write_at - time.monotonic() if decided else None)
                found = await self._decide(line, understander, languages, thread) if line is not None else None
                if line is not None and found is not None:
                    write_at = write_at if decided else time.monotonic() + BATCH_S
                    decided.append(_decision(line, release, found, self._clock()))
                if len(decided) >= BATCH or (decided and time.monotonic() >= write_at):
                    self._keep(decided)
                    decided = []
        finally:
            self._keep(decided)
            thread.shutdown(wait=False)

    async def _decide(
        self, line: ShadowLine, understander: Understander, languages: tuple[str, ...], thread: ThreadPoolExecutor
    ) -> Understanding | None:
        language = line.language if line.language in languages else languages[0]
        began = time.monotonic()
        try:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(thread, understander.understand, line.hypotheses, language)
        except Exception as error:  # whatever is wrong with the release: that is what a shadow is for
            log.warning("a release in the shadow cannot decide", code="nlu.failed", release=self.release, error=error)
            self._dropped("failed")
            return None
        self._metrics.observe("voicebot_shadow_understand_seconds", time.monotonic() - began)
        self._metrics.count("voicebot_shadow_decided_total")
        return found

    def _keep(self, decided: Sequence[ShadowDecision]) -> None:
        self._records.keep_shadow(tuple(decided), lambda lines: self._dropped("unwritten", lines))


async def _next(lines: asyncio.Queue[ShadowLine], within_s: float | None) -> ShadowLine | None:
    """None when none came in time."""
    try:
        async with asyncio.timeout(within_s):
            return await lines.get()
    except TimeoutError:
        return None


def _decision(line: ShadowLine, release: str, found: Understanding, at: datetime) -> ShadowDecision:
    return ShadowDecision(line.call_id, line.position, release, found.intent, found.decision.value, found.confidence, at)
