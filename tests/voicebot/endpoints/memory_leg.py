"""A leg in memory: what the caller says is fed in, what the bot says piles up, at the speed of real time or as fast as asked."""

from __future__ import annotations

import asyncio
import time

from voicebot.endpoints.leg import CallOffer, LegEnded, LegEvent, LegKey, TransferOutcome

RATE = 8000


class MemoryLeg:
    """Implements `voicebot.endpoints.leg.Leg`. What is written drains in real time, as a telephone line does."""

    def __init__(self) -> None:
        self.offer = CallOffer("ref", "sip:+48600100200@trunk", "sip:802@bot")
        self.sample_rate = RATE
        self.sent = bytearray()
        self.hung_up = asyncio.Event()
        self.transferred_to: list[str] = []
        self.outcomes: list[TransferOutcome] = []
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._incoming = bytearray()
        self._empty_at = 0.0

    async def answer(self) -> None:
        """Media is up at once."""

    async def next_event(self) -> LegEvent:
        return await self._events.get()

    def read(self) -> bytes:
        pcm, self._incoming = bytes(self._incoming), bytearray()
        return pcm

    def write(self, pcm: bytes) -> int:
        self.sent += pcm
        self._empty_at = max(self._empty_at, time.monotonic()) + len(pcm) / 2 / RATE
        return len(pcm)

    def flush(self) -> None:
        unsent = self.buffered()
        if unsent:
            del self.sent[-unsent:]
        self._empty_at = 0.0

    def buffered(self) -> int:
        return max(0, int((self._empty_at - time.monotonic()) * RATE) * 2)

    async def transfer(self, uri: str, timeout_s: float) -> TransferOutcome:
        self.transferred_to.append(uri)
        return self.outcomes.pop(0) if self.outcomes else TransferOutcome(ok=True)

    async def hang_up(self) -> None:
        self.hung_up.set()

    # what the far end does

    def speak(self, seconds: float, loud: bool = True) -> None:
        self._incoming += (b"\x00\x40" if loud else b"\x00\x00") * int(seconds * RATE)

    def press(self, key: str) -> None:
        self._events.put_nowait(LegKey(key))

    def leave(self) -> None:
        self._events.put_nowait(LegEnded("hangup"))
