"""Whisper as a recogniser: whole utterances, decoded at a pause so that the result is there when the turn ends.

Nothing is decoded while the caller speaks: only a silence ends a turn, and how long it must be is decided by the words before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from audio.errors import RecogniserBusy
from audio.types import Reading, Recognition

from .pool import DecodePool

FIRST_S = 25.0  # of a very long utterance the first and the last so many seconds are kept
LAST_S = 25.0


class Decoder(Protocol):
    """What is needed of an engine: one utterance of 16-bit mono PCM to readings, best first, in a worker thread."""

    def readings(self, pcm: bytes, sample_rate: int, language: str, expect: str) -> tuple[Reading, ...]:
        """May take long and may raise anything."""
        ...


class WhisperRecogniser:
    """One model and one pool of workers for all calls."""

    def __init__(self, decoder: Decoder, pool: DecodePool, *, name: str = "whisper") -> None:
        self.name = name
        self._decoder = decoder
        self._pool = pool

    def open(
        self,
        *,
        language: str,
        sample_rate: int,
        expect: str = "open",
        on_partial: Callable[[str], None] | None = None,
    ) -> WhisperStream:
        """See `audio.types.Recogniser`."""
        return WhisperStream(self._decoder, self._pool, language, sample_rate, expect, on_partial)

    def close(self) -> None:
        """See `audio.types.Recogniser`."""
        self._pool.close()


class WhisperStream:
    """One utterance. See `audio.types.RecogniserStream`."""

    def __init__(
        self,
        decoder: Decoder,
        pool: DecodePool,
        language: str,
        sample_rate: int,
        expect: str,
        on_partial: Callable[[str], None] | None,
    ) -> None:
        self._decoder = decoder
        self._pool = pool
        self._language = language
        self._sample_rate = sample_rate
        self._expect = expect
        self._on_partial = on_partial
        self._pcm = bytearray()
        self._decodes = 0
        self._paused = False
        self._over = False  # finishing or finished: nothing more is taken or told
        self._closed = False
        self._ahead: asyncio.Task[tuple[Reading, ...]] | None = None  # the decode of everything said up to the pause

    def feed(self, pcm: bytes) -> None:
        """Speech; after `pause` it is taken for the silence behind it, until `resume`."""
        if self._over:
            return
        self._pcm += pcm
        over = len(self._pcm) - self._bytes(FIRST_S + LAST_S)
        if over > 0:
            first = self._bytes(FIRST_S)
            del self._pcm[first : first + over]

    def pause(self) -> None:
        """Decode now what will be the result if the turn ends here."""
        if self._paused or self._over:
            return
        self._paused = True
        if self._pcm:
            self._ahead = self._decode()

    def resume(self) -> None:
        """What was decoded at the pause was a partial result. One that is not there yet comes too late to decide anything, and if
        it has not started it never will.
        """
        if not self._paused:
            return
        self._paused = False
        self._drop()

    async def finish(self) -> Recognition:
        """The result of the decode at the pause, or of one made now. Raises RecogniserError, and RecogniserBusy when all workers
        are taken now: a decode that was refused at the pause is tried once more.
        """
        if self._over:
            return Recognition()
        self._over = True
        ended = time.monotonic()
        if self._ahead is None or _refused(self._ahead):
            self._ahead = self._decode()
        try:
            readings = await self._ahead
        except asyncio.CancelledError:
            if self._closed:  # closed by another task while this one waited
                return Recognition()
            raise
        return Recognition(readings, time.monotonic() - ended, self._decodes)

    def close(self) -> None:
        """Forget the utterance; a decode that has not started never will."""
        self._over = self._closed = True
        self._pcm.clear()
        if self._ahead is not None:
            self._ahead.cancel()

    def _bytes(self, seconds: float) -> int:
        return round(seconds * self._sample_rate) * 2

    def _drop(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()

    def _decode(self) -> asyncio.Task[tuple[Reading, ...]]:
        pcm = bytes(self._pcm)
        task = asyncio.get_running_loop().create_task(self._pool.run(lambda: self._read(pcm)))
        task.add_done_callback(self._show)
        return task

    def _read(self, pcm: bytes) -> tuple[Reading, ...]:
        """In a worker's thread: a decode that never starts does not count."""
        self._decodes += 1
        return self._decoder.readings(pcm, self._sample_rate, self._language, self._expect)

    def _show(self, task: asyncio.Task[tuple[Reading, ...]]) -> None:
        """Tell the text so far. A failed partial is no news: `finish` will say so."""
        if task.cancelled() or task.exception() is not None or self._over or self._on_partial is None:
            return
        readings = task.result()
        if readings and readings[0].text:
            self._on_partial(readings[0].text)


def _refused(task: asyncio.Task[tuple[Reading, ...]]) -> bool:
    """Whether a decode was not made because the workers were busy."""
    return task.done() and not task.cancelled() and isinstance(task.exception(), RecogniserBusy)
