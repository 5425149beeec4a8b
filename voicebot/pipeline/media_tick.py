"""The media tick: all calls of the process are read at the same moment, and voice activity runs once for all of them.

A network's run costs three times as much for one call as for one of eight together (docs/hearing.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from audio.errors import AudioError
from audio.vad import VadError
from voicebot.error_text import error_text

EVERY_S = 0.02
"""A call costs 5 % less with 40 ms, and the bot falls silent up to 20 ms later."""


class Activity(Protocol):
    """Voice activity of one call; see `audio.vad.VoiceActivity`."""

    def feed(self, pcm: bytes) -> list[float]:
        """The probability of speech in each window of 32 ms that this PCM completes."""
        ...


A = TypeVar("A", bound=Activity)


class Source(Protocol):
    """One caller's sound, as the tick sees it."""

    def take(self) -> bytes:
        """The PCM that came since it was asked last; b"" for none. Never blocks; may raise anything."""
        ...

    def is_listening(self) -> bool:
        """Whether it matters now if the caller speaks."""
        ...


class Heard(NamedTuple):
    """What came of one call in one tick."""

    pcm: bytes
    speech: Sequence[float] = ()
    """The probability of speech (0..1) of each window of 32 ms that was completed; none while nobody listens."""


def _each_alone(calls: Sequence[tuple[A, bytes]]) -> list[list[float]]:
    return [activity.feed(pcm) for activity, pcm in calls]


class MediaTick(Generic[A]):
    """One for all calls of a process. It ticks while a call waits for it, and needs neither start nor end."""

    def __init__(
        self,
        new_activity: Callable[[int], A],
        together: Callable[[Sequence[tuple[A, bytes]]], list[list[float]]] = _each_alone,
        *,
        every_s: float = EVERY_S,
    ) -> None:
        """`new_activity` makes the voice activity of a call at a sample rate (Hz), `together` is its `feed` for many calls."""
        self._new_activity = new_activity
        self._together = together
        self._every_s = every_s
        self._waiting: list[tuple[Source, A, asyncio.Future[Heard]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def new_activity(self, sample_rate: int) -> A:
        """The voice activity of one call."""
        return self._new_activity(sample_rate)

    async def next(self, source: Source, activity: A) -> Heard:
        """What the next tick finds of this call. Raises what `source.take` raises, and VadError when voice activity fails."""
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[Heard] = loop.create_future()
        self._waiting.append((source, activity, heard))
        if self._timer is None:  # at the same moments for every call, whenever it began
            ticks = loop.time() // self._every_s + 1
            self._timer = loop.call_at(ticks * self._every_s, self._tick)
        return await heard

    def _tick(self) -> None:
        waiting, self._waiting, self._timer = self._waiting, [], None
        listening: list[tuple[A, bytes, asyncio.Future[Heard]]] = []
        for source, activity, heard in waiting:
            if heard.done():  # the call is over
                continue
            try:
                pcm = source.take()
                if pcm and source.is_listening():
                    listening.append((activity, pcm, heard))
                else:
                    heard.set_result(Heard(pcm))
            except Exception as error:
                heard.set_exception(error)
        if listening:
            self._judge(listening)

    def _judge(self, listening: list[tuple[A, bytes, asyncio.Future[Heard]]]) -> None:
        try:
            judged = self._together([(activity, pcm) for activity, pcm, _ in listening])
        except Exception as error:
            if len(listening) > 1:  # it may be one of them: the others go on, though they may hear this tick's sound twice
                for each in listening:
                    self._judge([each])
                return
            failed = error if isinstance(error, AudioError) else VadError(f"voice activity failed: {error_text(error)}")
            listening[0][2].set_exception(failed)
            return
        for (_, pcm, heard), speech in zip(listening, judged, strict=True):
            heard.set_result(Heard(pcm, speech))
