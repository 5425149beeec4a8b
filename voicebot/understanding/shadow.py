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
from typing import TYPE_CHECKING, Protocol

import structlog

import nlu
from nlu.model.scorer import Scorer
from nlu.pack.pack import BANK_PACK, Pack
from nlu.types import Hypothesis, Understander, Understanding
from nlu.understanding.classifier import Classifier
from voicebot.errors import code_of
from voicebot.memory import give_back
from voicebot.metrics.registry import Metrics
from voicebot.records.shadow import ShadowDecision
from voicebot.records.store import RecordStore
from voicebot.tasks import cancelled
from voicebot.understanding.service import rasa_backend
from voicebot.understanding.settings import NluSettings

if TYPE_CHECKING:
    from voicebot.understanding.rasa import RasaBackend

log = structlog.get_logger(__name__)

MOST_WAITING = 100
"""Lines that wait for their turn; what comes then is dropped."""
BATCH = 50
"""Decisions that are written at once."""
BATCH_S = 2.0
"""A decision waits so long for others at most."""
_AWAY = "nlu.rasa_away"
"""The code of a Rasa server that failed a moment ago, which was told, and is not asked."""


@dataclass(frozen=True, slots=True)
class ShadowLine:
    """What a caller said, exactly as the live classifier took it."""

    call_id: str
    position: int
    """Of the line in the journal."""
    hypotheses: tuple[Hypothesis, ...]
    """Best first; without numbers of persons where turns together told one."""
    language: str
    backend: str = "local"
    """What ranked it for the caller, see `nlu.types.Understanding`."""


class Deciding(Protocol):
    """What understands for a release in the shadow."""

    async def __call__(self, hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        """See `nlu.types.Understander`. Raises whatever is wrong with it."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...


class InThread:
    """The in-process classifier, in a thread of its own."""

    def __init__(self, understander: Understander) -> None:
        self._understander = understander
        self._thread = _one_thread()

    async def __call__(self, hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        """See `Deciding`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._understander.understand, hypotheses, language)

    async def close(self) -> None:
        """End the thread; the next question would begin another."""
        self._thread.shutdown(wait=False)
        self._thread = _one_thread()


class ByRasa:
    """The release with the Rasa server of the calls, asked once more; where it does not answer, nobody does."""

    def __init__(self, backend: RasaBackend) -> None:
        self._backend = backend

    async def __call__(self, hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        """See `Deciding`."""
        return await self._backend.alone(hypotheses, language)

    async def close(self) -> None:
        """See `Deciding`."""
        await self._backend.close()


async def load_shadow(settings: NluSettings, languages: Sequence[str]) -> Deciding:
    """What would understand callers if the release were in force, by the same back end. Raises PackError, and RasaError when
    that is a Rasa server that cannot be used.
    """
    classifier = await _classifier(settings, languages)
    if settings.backend != "rasa":
        return InThread(classifier)
    from voicebot.understanding.rasa import RasaError

    rasa = rasa_backend(settings, classifier, languages)
    if problems := await rasa.warm():
        await rasa.close()
        raise RasaError(f"calls are understood by Rasa, and the shadow cannot be: {'; '.join(problems)}")
    return ByRasa(rasa)


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="shadow")


async def _classifier(settings: NluSettings, languages: Sequence[str]) -> Classifier:
    """The classifier of a release, one language after the other in a thread, so that the loop is never kept for long. What a
    release has no model of is trained: look first, with `trained`.
    """
    pack = Pack(settings.pack or BANK_PACK)
    scorers: dict[str, Scorer] = {}
    for language in languages:
        loaded = await asyncio.to_thread(nlu.load, pack, [language], cache=settings.cache_dir, semantic=settings.semantic)
        scorers |= loaded.scorers
    return await asyncio.to_thread(Classifier, pack, scorers)


class LiveShadow:
    """Takes lines, and decides them one after the other while there is a release in the shadow."""

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
        self._by: Deciding | None = None
        self.release = ""
        """In the shadow; "" for none."""

    def begin(self, release: str, by: Deciding, languages: Sequence[str]) -> None:
        """Lines are decided by this release, too, from now on; `by` is closed at the end. Nothing may be in the shadow yet."""
        self.release = release
        self._lines = asyncio.Queue(MOST_WAITING)
        self._by = by
        deciding = self._decide_all(self._lines, release, by, tuple(languages))
        self._deciding = asyncio.create_task(deciding, name="shadow")

    async def end(self) -> None:
        """No lines are decided any more, and the memory is given back; harmless when there is no shadow."""
        self.release = ""
        deciding, self._deciding = self._deciding, None
        by, self._by = self._by, None
        if deciding is not None and by is not None:
            await cancelled(deciding)
            await by.close()
            del deciding, by  # they hold the classifier
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

    async def _decide_all(self, lines: asyncio.Queue[ShadowLine], release: str, by: Deciding, languages: tuple[str, ...]) -> None:
        """Until cancelled; what was decided by then is kept."""
        decided: list[ShadowDecision] = []
        write_at = 0.0
        try:
            while True:
                line = await _next(lines, write_at - time.monotonic() if decided else None)
                found = await self._decide(line, by, languages) if line is not None else None
                if line is not None and found is not None:
                    write_at = write_at if decided else time.monotonic() + BATCH_S
                    decided.append(_decision(line, release, found, self._clock()))
                if len(decided) >= BATCH or (decided and time.monotonic() >= write_at):
                    self._keep(decided)
                    decided = []
        finally:
            self._keep(decided)

    async def _decide(self, line: ShadowLine, by: Deciding, languages: tuple[str, ...]) -> Understanding | None:
        """None when nothing came of it that could be compared: two releases are, and no two classifiers."""
        language = line.language if line.language in languages else languages[0]
        began = time.monotonic()
        try:
            found = await by(line.hypotheses, language)
        except Exception as error:  # whatever is wrong with the release: that is what a shadow is for
            if code_of(error) == _AWAY:
                self._dropped("backend")
                return None
            log.warning("a release in the shadow cannot decide", code="nlu.failed", release=self.release, error=error)
            self._dropped("failed")
            return None
        if found.backend != line.backend:
            self._dropped("backend")
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
