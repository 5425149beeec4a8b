"""A leg in memory: what the caller says is fed in, what the bot says piles up, at the speed of a telephone line."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from voicebot.endpoints.errors import CallGone
from voicebot.endpoints.leg import CallOffer, LegEnded, LegEvent, LegHold, LegKey, LegStats, TransferOutcome, TransferTarget

RATE = 8000


class MemoryLeg:
    """Implements `voicebot.endpoints.leg.Leg`. What is written drains in real time; on hold and at the end nothing is taken."""

    def __init__(self) -> None:
        self.offer = CallOffer("ref", "sip:+48600100200@trunk", "sip:802@bot")
        self.sample_rate = RATE
        self.stats: LegStats | None = None
        self.sent = bytearray()
        self.keys_sent = ""
        self.longest_s = 0.0
        self.answered = asyncio.Event()
        self.hung_up = asyncio.Event()
        self.transferred_to: list[str] = []
        self.outcomes: list[TransferOutcome] = []
        self.on_transfer: Callable[[TransferTarget], Awaitable[TransferOutcome]] | None = None
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._incoming = bytearray()
        self._empty_at = 0.0
        self._held = False
        self._over = False
        self._lost = 0
        self._ended = asyncio.Event()
        self._transferring = False
        self._handed_over = False

    async def answer(self) -> None:
        """Media is up at once. Raises CallGone when the caller has left."""
        if self._over:
            raise CallGone("the caller left before the call was answered")
        self.answered.set()

    async def next_event(self) -> LegEvent:
        return await self._events.get()

    def read(self) -> bytes:
        pcm, self._incoming = bytes(self._incoming), bytearray()
        return b"" if self._over else pcm

    def write(self, pcm: bytes) -> int:
        if self._over or self._held:
            return 0
        self.sent += pcm
        self._empty_at = max(self._empty_at, time.monotonic()) + len(pcm) / 2 / self.sample_rate
        return len(pcm)

    def flush(self) -> None:
        unsent = self._unsent()
        if unsent:
            del self.sent[-unsent:]
        self._empty_at = 0.0

    def buffered(self) -> int:
        return 0 if self._over else self._unsent()

    def lost(self) -> int:
        lost, self._lost = self._lost, 0
        return lost

    async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        if not target.address or any(odd in target.address for odd in ' <>"'):
            return TransferOutcome(False, "unreachable")
        if self._over:
            return TransferOutcome(False, "gone")
        if self._transferring:
            return TransferOutcome(False, "busy")
        self._transferring = True
        try:
            outcome = await self._judged(target, timeout_s)
        finally:
            self._transferring = False
        self._handed_over = self._handed_over or outcome.ok
        return outcome

    async def _judged(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        """What the far end says, unless it takes too long or leaves."""
        self.transferred_to.append(target.address)
        if self.on_transfer is None:
            return self.outcomes.pop(0) if self.outcomes else TransferOutcome(ok=True)
        verdict, end = asyncio.ensure_future(self.on_transfer(target)), asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({verdict, end}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if verdict.done():
                return verdict.result()
            return TransferOutcome(False, "gone" if end.done() else "timeout")
        finally:
            for waiting in (verdict, end):
                waiting.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await waiting

    async def send_key(self, key: str) -> None:
        self.keys_sent += key

    def may_last(self, seconds: float) -> None:
        self.longest_s = seconds

    async def hang_up(self) -> None:
        self.hung_up.set()
        self._end("hangup")

    # what the far end does

    def speak(self, seconds: float, loud: bool = True) -> None:
        self._incoming += (b"\x00\x40" if loud else b"\x00\x00") * int(seconds * self.sample_rate)

    def press(self, key: str) -> None:
        self._tell(LegKey(key))

    def hold(self) -> None:
        """The far end holds the call: what was queued is lost."""
        self._renegotiate()
        self._held = True
        self._tell(LegHold(True))

    def resume(self) -> None:
        self._held = False
        self._tell(LegHold(False))

    def renegotiate(self) -> None:
        """The far end changes the media: what was queued is lost, the call goes on, a hold is over."""
        self._renegotiate()
        if self._held:
            self.resume()

    def leave(self, cause: str = "hangup") -> None:
        self._end(cause)

    def _unsent(self) -> int:
        return max(0, int((self._empty_at - time.monotonic()) * self.sample_rate) * 2)

    def _tell(self, fact: LegKey | LegHold) -> None:
        if not self._over:
            self._events.put_nowait(fact)

    def _renegotiate(self) -> None:
        lost = self._unsent()
        self._lost += lost
        if lost:
            del self.sent[-lost:]
        self._empty_at = 0.0

    def _end(self, cause: str) -> None:
        if self._over:
            return
        self._renegotiate()  # nobody hears any more what was queued
        self._over = True
        self._ended.set()
        self._events.put_nowait(LegEnded("transferred" if self._handed_over and cause == "hangup" else cause))
