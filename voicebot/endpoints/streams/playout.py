"""What a leg says on its way out: a frame every 20 ms, little ahead of its time, so that a barge-in silences at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from voicebot.endpoints.streams.media import FRAME_S

_MOST_S = 30.0
"""Sound that waits at most; more is not taken."""


class Playout:
    """The queue of one leg's sound, sent by `run` in real time."""

    def __init__(self, rate: int, send: Callable[[bytes], Awaitable[None]], *, ahead_s: float, fills: bool) -> None:
        """`fills`: silence is sent when nothing waits."""
        self._rate = rate
        self._frame = int(rate * FRAME_S) * 2
        self._send = send
        self._ahead_s = ahead_s
        self._fills = fills
        self._pcm = bytearray()
        self._sent_until = 0.0  # when the last frame sent will have been played
        self._spoken_until = 0.0  # the same of the last frame that was no silence
        self._wake = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()

    def write(self, pcm: bytes) -> int:
        """Queue PCM; returns the bytes taken."""
        room = max(0, int(_MOST_S * self._rate) * 2 - len(self._pcm))
        taken = min(len(pcm), room) // 2 * 2
        self._pcm += pcm[:taken]
        self._wake.set()
        return taken

    def waiting(self) -> int:
        """Bytes that nobody has heard yet, sent or not."""
        ahead_s = self._spoken_until - asyncio.get_running_loop().time()
        return len(self._pcm) + max(0, int(ahead_s * self._rate)) * 2

    def drop(self, *, taken_back: bool) -> int:
        """Forget what waits; returns its bytes. `taken_back`: the far end forgets what it was sent; else that is heard."""
        dropped = self.waiting() if taken_back else len(self._pcm)
        self._pcm.clear()
        self._spoken_until = 0.0
        if taken_back:
            self._sent_until = 0.0
        return dropped

    def stall(self, full: bool) -> None:
        """The far end takes nothing (True), or takes more again."""
        self._flowing.clear() if full else self._flowing.set()

    async def run(self) -> None:
        """Send until cancelled. Raises ConnectionError when the connection is gone."""
        loop = asyncio.get_running_loop()
        while True:
            await self._flowing.wait()
            now = loop.time()
            ahead_s = max(0.0, self._sent_until - now)
            if ahead_s >= self._ahead_s:
                await asyncio.sleep(ahead_s - self._ahead_s + FRAME_S / 4)
                continue
            frame = self._next(ahead_s)
            if frame is None:
                await self._more(FRAME_S / 4 if self._pcm else None)
                continue
            self._sent_until = max(self._sent_until, now) + FRAME_S
            await self._send(frame)

    def _next(self, ahead_s: float) -> bytes | None:
        """The next frame. A part of one waits for the rest as long as it can."""
        if len(self._pcm) >= self._frame or (self._pcm and ahead_s < FRAME_S):
            frame = bytes(self._pcm[: self._frame])
            del self._pcm[: self._frame]
            now = asyncio.get_running_loop().time()
            self._spoken_until = max(self._sent_until, now) + len(frame) / 2 / self._rate
            return frame.ljust(self._frame, b"\0")
        return bytes(self._frame) if self._fills and not self._pcm else None

    async def _more(self, within_s: float | None) -> None:
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), within_s)
        except TimeoutError:
            return
