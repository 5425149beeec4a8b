"""An utterance heard while the caller speaks, whatever the engine: pieces go to workers in order, partial results come back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from audio.errors import RecogniserBusy, RecogniserError
from audio.types import Reading, Recognition

from .pool import DecodePool

_STEP_S = 0.1  # of audio handed to the engine at a time


class Listener(Protocol):
    """An engine's state of one utterance. Called in workers, one call at a time; may take long and may raise anything."""

    def hear(self, pcm: bytes) -> str:
        """More 16-bit mono PCM, perhaps none; the text so far."""
        ...

    def conclude(self) -> tuple[Reading, ...]:
        """There is no more: the readings, best first."""
        ...


@dataclass(slots=True)
class _Hearing:
    """What one utterance's worker jobs share. Only one of them runs at a time; `lock` guards what the event loop adds to."""

    make: Callable[[], Listener]
    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: bytearray = field(default_factory=bytearray)
    listener: Listener | None = None

    def advance(self) -> str:
        """Hear what waits; the text so far."""
        return self._hear()[1]

    def conclude(self) -> tuple[Reading, ...]:
        """Hear what waits and make up one's mind."""
        return self._hear()[0].conclude()

    def _hear(self) -> tuple[Listener, str]:
        if self.listener is None:
            self.listener = self.make()
        with self.lock:
            pcm, self.waiting = bytes(self.waiting), bytearray()
        return self.listener, self.listener.hear(pcm)


class HearingStream:
    """One utterance. See `audio.types.RecogniserStream`."""

    def __init__(
        self, make: Callable[[], Listener], pool: DecodePool, sample_rate: int, on_partial: Callable[[str], None] | None
    ) -> None:
        """`make` is called in a worker before the first piece is heard."""
        self._hearing = _Hearing(make)
        self._pool = pool
        self._step = round(_STEP_S * sample_rate) * 2
        self._on_partial = on_partial
        self._text = ""
        self._closed = False
        self._failure: RecogniserError | None = None
        self._job: asyncio.Task[None] | None = None

    def feed(self, pcm: bytes) -> None:
        """Audio, silence too: the engine knows a pause when it hears one."""
        if self._closed:
            return
        with self._hearing.lock:
            self._hearing.waiting += pcm
        self._advance(self._step)

    def pause(self) -> None:
        """Hear the rest of what was fed, so that the text so far is complete."""
        self._advance(1)

    def resume(self) -> None:
        """Nothing to do: the engine never stopped."""

    async def finish(self) -> Recognition:
        """The final result. Raises RecogniserError, also for what failed on the way, and RecogniserBusy."""
        ended = time.monotonic()
        if self._closed:
            return Recognition()
        self._closed = True
        if self._job is not None:
            await asyncio.wait([self._job])
        if self._failure is not None:
            raise self._failure
        readings = await self._pool.run(self._hearing.conclude)
        return Recognition(readings, late_s=time.monotonic() - ended)

    def close(self) -> None:
        """Forget the utterance; what the engine is hearing at the moment it hears out."""
        self._closed = True
        self._on_partial = None
        with self._hearing.lock:
            self._hearing.waiting.clear()

    def _advance(self, least: int) -> None:
        """Give the engine what waits, one job at a time so that it stays in order."""
        idle = self._job is None or self._job.done()
        if idle and self._failure is None and not self._closed and len(self._hearing.waiting) >= least:
            self._job = asyncio.get_running_loop().create_task(self._hear())

    async def _hear(self) -> None:
        try:
            text = await self._pool.run(self._hearing.advance)
        except RecogniserBusy:
            return  # the audio still waits: heard with the next piece, or at the end
        except RecogniserError as error:
            self._failure = error
            return
        if text and text != self._text and self._on_partial is not None:
            self._text = text
            self._on_partial(text)
