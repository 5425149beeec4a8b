"""A call whose sound comes as a stream, as a leg. What is asked of its network is left to each kind (`_pick_up`, `_steer`,
`_let_go`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

from voicebot.endpoints.errors import CallGone, MediaError, TelephonyError
from voicebot.endpoints.leg import KEYS, CallOffer, LegEnded, LegEvent, LegHold, LegKey, LegStats, TransferOutcome, TransferTarget
from voicebot.endpoints.streams.media import Media
from voicebot.endpoints.streams.playout import Playout
from voicebot.tasks import cancelled

log = logging.getLogger(__name__)

_HEARD_S = 5.0
"""Sound that waits for a reader at most; of more, the oldest is dropped."""
_PLAYED_S = 2.0
"""How long the far end may take to say that it has played all, beyond what the sound itself takes."""
_RELEASE_S = 5.0
_EXTENSION = re.compile(r"[A-Za-z0-9_.+*#-]{1,80}")
"""What a queue may be called: nothing that a dialplan, a URL or a header could misread."""


class StreamLeg(ABC):
    """Implements `voicebot.endpoints.leg.Leg` and `voicebot.endpoints.streams.media.MediaSink`."""

    def __init__(self, offer: CallOffer, *, max_call_s: float, silent_s: float, connect_s: float = 10.0) -> None:
        """Without any sound for `silent_s` the call is dead; its sound must be up `connect_s` after the answer."""
        self.offer = offer
        self.sample_rate = 0
        self.stats: LegStats | None = None
        self.ended = asyncio.Event()
        """Set when the call is over."""
        self._max_call_s = max_call_s
        self._silent_s = silent_s
        self._connect_s = connect_s
        self._media: Media | None = None
        self._playout: Playout | None = None
        self._up = asyncio.Event()
        self._heard = bytearray()
        self._heard_at = 0.0
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._held = False
        self._lost = 0
        self._answered = False
        self._steering = False
        self._handed_over = False
        self._letting_go = False
        self._cause = self._detail = ""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # what each kind of network does in its own way

    @abstractmethod
    async def _pick_up(self) -> None:
        """Answer, and have the sound connected. Raises TelephonyError."""

    @abstractmethod
    async def _steer(self, target: TransferTarget) -> TransferOutcome:
        """Put the caller through. Never raises; cancelled when it takes too long or the caller leaves."""

    @abstractmethod
    async def _let_go(self, cause: str) -> None:
        """End the call, or for any other cause than a hang-up hand it to whoever takes callers that we cannot serve."""

    # the leg

    async def answer(self) -> None:
        """Answer and wait until media is up. Raises CallGone or MediaError."""
        if self.ended.is_set():
            raise CallGone("the caller left before the call was answered")
        try:
            async with asyncio.timeout(self._connect_s):
                await self._unless_gone(self._pick_up())
                await self._unless_gone(self._media_up())
        except TimeoutError:
            await self.end("failed")
            raise MediaError(f"the sound did not come up within {self._connect_s:g} s") from None
        except CallGone:
            raise
        except TelephonyError:
            await self.end("failed")
            raise
        self._answered = True
        self.may_last(self._max_call_s)
        self._heard_at = asyncio.get_running_loop().time()
        self._look_for_silence()

    async def _unless_gone(self, work: Coroutine[Any, Any, None]) -> None:
        """Await the work; CallGone when the call ends first."""
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(self.ended.wait())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if self.ended.is_set():
                raise CallGone("the caller left while the call was being answered")
            await task
        finally:
            await cancelled(task, gone)

    async def _media_up(self) -> None:
        await self._up.wait()

    async def next_event(self) -> LegEvent:
        """The next fact, in order."""
        return await self._events.get()

    def read(self) -> bytes:
        """All received PCM that waits."""
        pcm = b"" if self.ended.is_set() else bytes(self._heard)
        self._heard.clear()
        return pcm

    def write(self, pcm: bytes) -> int:
        """Queue PCM for sending; returns the bytes taken."""
        if self._playout is None or self._held or self.ended.is_set():
            return 0
        return self._playout.write(pcm)

    def flush(self) -> None:
        """Drop everything queued and not yet played, at the far end as well where it can."""
        if self._playout is not None and self._media is not None and not self.ended.is_set():
            self._playout.drop(taken_back=self._media.flush())

    def buffered(self) -> int:
        """Bytes queued and not yet played."""
        return self._playout.waiting() if self._playout is not None and not self.ended.is_set() else 0

    def lost(self) -> int:
        """Bytes taken that a hold or the end dropped, since this was asked last."""
        lost, self._lost = self._lost, 0
        return lost

    async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        """Put the caller through once all that was said is heard; `timeout_s` is how long that may take then."""
        if not _EXTENSION.fullmatch(target.address):
            log.error("transfer: %r is no queue's name: letters, digits and _.+*#- only (routes.yml)", target.address)
            return TransferOutcome(False, "unreachable")
        if self.ended.is_set():
            return TransferOutcome(False, "gone")
        if self._steering:
            return TransferOutcome(False, "busy")
        self._steering = True
        try:
            outcome = await self._steered(target, timeout_s)
        finally:
            self._steering = False
        self._handed_over = self._handed_over or outcome.ok
        return outcome

    async def _steered(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        gone = asyncio.create_task(self.ended.wait())
        said = asyncio.create_task(self._all_heard())
        steer: asyncio.Task[TransferOutcome] | None = None
        try:
            await asyncio.wait({said, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not self.ended.is_set():
                steer = asyncio.create_task(self._steer(target), name="steer")
                await asyncio.wait({steer, gone}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if steer is not None and steer.done():
                return steer.result()
            if self.ended.is_set():
                handed = self._cause == "transferred"
                return TransferOutcome(handed, "" if handed else "gone", 200 if handed else 0)
            return TransferOutcome(False, "timeout")
        finally:
            await cancelled(steer, gone, said)

    async def send_key(self, key: str) -> None:
        """These streams carry no keys towards the caller."""
        log.debug("a key cannot be sent by this kind of call")

    def may_last(self, seconds: float) -> None:
        """The call may go on for so long from now."""
        self._later("longest", seconds, lambda: self._expire("max_length"))

    async def hang_up(self) -> None:
        """End the call; harmless when it is over."""
        await self.end("hangup")

    async def end(self, cause: str, detail: str = "") -> None:
        """End the call at once, for a reason of our own: hangup, media_timeout, max_length, shutdown, failed."""
        if self.ended.is_set():
            return
        if self._letting_go:
            await self.ended.wait()
            return
        self._letting_go = True
        self._cause, self._detail = cause, detail
        try:
            async with asyncio.timeout(_RELEASE_S):
                await self._let_go(cause)
        except Exception as error:  # whatever became of it, the leg is over
            log.warning("call could not be let go in order: %r", error, extra={"call_ref": self.offer.call_ref})
        self._over(cause, detail)

    # what the connection tells

    def connected(self, media: Media) -> bool:
        """The sound is up."""
        if self.ended.is_set() or self._media is not None:
            return False
        self._media = media
        self.sample_rate = media.sample_rate
        self._heard_at = asyncio.get_running_loop().time()
        self._playout = Playout(media.sample_rate, media.send, ahead_s=media.ahead_s, fills=media.fills)
        self._run(self._play(self._playout), "playout")
        self._up.set()
        return True

    def heard(self, pcm: bytes) -> None:
        """Sound came."""
        self._heard_at = asyncio.get_running_loop().time()
        self._heard += pcm
        most = int(_HEARD_S * self.sample_rate) * 2
        if len(self._heard) > most:
            del self._heard[: len(self._heard) - most]

    def pressed(self, key: str) -> None:
        """A key came; A to D and whatever else no telephone has are dropped."""
        if key in KEYS and len(key) == 1:
            self._tell(LegKey(key))

    def stalled(self, full: bool) -> None:
        """The far end takes no more for now, or does again."""
        if self._playout is not None:
            self._playout.stall(full)

    def closed(self, detail: str) -> None:
        """The sound is gone, and without it there is no conversation."""
        if not self.ended.is_set() and not self._letting_go:
            self._run(self.end("hangup" if self._handed_over else "failed", detail), "media-closed")

    def holds(self, held: bool) -> None:
        """The far end holds the call, or takes it back: what waits is never heard."""
        if held != self._held and not self.ended.is_set():
            self._held = held
            if held:
                self._lose()
            self._tell(LegHold(held))

    # inside

    async def _all_heard(self) -> None:
        """Wait until what was said has been heard."""
        media = self._media
        if media is None or self._held:
            return
        within_s = self.buffered() / 2 / max(1, self.sample_rate) + _PLAYED_S
        try:
            async with asyncio.timeout(within_s):
                while waiting := self.buffered():  # noqa: ASYNC110 - it empties by the clock
                    await asyncio.sleep(waiting / 2 / self.sample_rate)
                await media.played()
        except (TimeoutError, ConnectionError):
            log.info("not all that was said is known to be heard", extra={"call_ref": self.offer.call_ref})

    async def _play(self, playout: Playout) -> None:
        with contextlib.suppress(ConnectionError):  # whoever reads the connection tells of its end
            await playout.run()

    def _lose(self) -> None:
        if self._playout is not None and self._media is not None:
            self._lost += self._playout.drop(taken_back=self._media.flush())

    def _tell(self, fact: LegKey | LegHold) -> None:
        if not self.ended.is_set():
            self._events.put_nowait(fact)

    def _over(self, cause: str, detail: str = "") -> None:
        """Whatever ended the call, this is told once."""
        if self.ended.is_set():
            return
        if self._playout is not None:
            self._lost += self._playout.drop(taken_back=True)
        self._cause = "transferred" if self._handed_over and cause == "hangup" else cause
        for timer in self._timers.values():
            timer.cancel()
        self.ended.set()
        if self._media is not None:
            self._media.close()
        self._events.put_nowait(LegEnded(self._cause, detail))

    async def release(self) -> None:
        """End what runs for the leg, once it is over."""
        await cancelled(*self._tasks)

    def _expire(self, cause: str) -> None:
        log.warning("call ended: %s", cause, extra={"call_ref": self.offer.call_ref})
        self._run(self.end(cause), cause)

    def _look_for_silence(self) -> None:
        """Streams carry sound all the time: one that stops is dead, whatever its connection says. A hold is no silence."""
        loop = asyncio.get_running_loop()
        if self._held:
            self._heard_at = loop.time()
        left = self._silent_s - (loop.time() - self._heard_at)
        if left <= 0:
            self._expire("media_timeout")
        else:
            self._later("silence", max(0.1, left), self._look_for_silence)

    def _later(self, name: str, seconds: float, what: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        if not self.ended.is_set():
            self._timers[name] = asyncio.get_running_loop().call_later(seconds, what)

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"leg-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
