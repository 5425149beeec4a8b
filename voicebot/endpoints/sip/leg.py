"""One SIP call as a leg: the stack's events become facts, the leg's commands become SIP."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from baresip import BaresipError, Call, CallStats, Event, StackEvent, StaleHandleError, TransferFailed

from voicebot.endpoints.errors import CallGone, MediaError, TelephonyError
from voicebot.endpoints.leg import CallOffer, LegEnded, LegEvent, LegHold, LegKey, TransferOutcome
from voicebot.endpoints.sip.audio import LegAudio
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.trace import SipTrace
from voicebot.endpoints.sip.transfer import TransferWatch, is_transfer_target

log = logging.getLogger(__name__)

_ESTABLISH_S = 32.0  # 64*T1: how long a 200 is repeated before the ACK is given up (RFC 3261, 13.3.1.4)
_AUDIO_S = 2.0
_CLOSE_S = 2.0
_LEAVE_S = 2.0
_TRACE_LAG_S = 0.1  # the stack's trace travels through its log thread and may come after the event it explains
# the stack's own words (its spelling)
_CLOSED_TRANSFERRED = "Call transfered"
_CLOSED_DEAD = "rtp stream error"


class SipLeg:
    """A call that came in over SIP; implements `voicebot.endpoints.leg.Leg`.

    `stats` is the stack's closing report (loss, jitter, MOS estimate), None before the end.
    """

    def __init__(self, call: Call, offer: CallOffer, settings: SipSettings, trace: SipTrace) -> None:
        self.offer = offer
        self.sample_rate = 0
        self._call = call
        self._settings = settings
        self._trace = trace
        self._audio = LegAudio(call.audio)
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._ended = asyncio.Event()
        self._cause = ""  # why we end the call ourselves
        self._handed_over = False
        self._media_came = False
        self._transfer: TransferWatch | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._closing: asyncio.Task[None] | None = None
        call.on(self._on_stack_event)

    def __repr__(self) -> str:
        return f"<SipLeg {self.offer.call_ref} {'ended' if self._ended.is_set() else 'alive'}>"

    @property
    def stats(self) -> CallStats | None:
        """Media statistics of the whole call, once it is over."""
        stats: CallStats | None = self._call.final_stats
        return stats

    @property
    def ended(self) -> asyncio.Event:
        """Set when the call is over."""
        return self._ended

    async def answer(self) -> None:
        """Answer and wait until media is up. Raises CallGone or MediaError."""
        try:
            if self._ended.is_set():
                raise CallGone("the caller left before the call was answered")
            await self._call.answer()
            await self._call.wait_established(_ESTABLISH_S)
            await self._audio.open(_AUDIO_S)
        except StaleHandleError:
            raise CallGone("the caller left while the call was being answered") from None
        except MediaError:
            await self.end("failed")
            raise
        except BaresipError as error:
            raise CallGone(f"the call was not established: {error}") from error
        self.sample_rate = self._audio.sample_rate
        self._start_timer(self._settings.max_call_s, "max_length")

    async def next_event(self) -> LegEvent:
        """The next fact, in order."""
        return await self._events.get()

    def read(self) -> bytes:
        """All received PCM that waits."""
        return b"" if self._ended.is_set() else self._audio.read()

    def write(self, pcm: bytes) -> int:
        """Queue PCM for sending; returns the bytes taken."""
        return 0 if self._ended.is_set() else self._audio.write(pcm)

    def flush(self) -> None:
        """Drop everything queued and not yet sent."""
        if not self._ended.is_set():
            self._audio.flush()

    def buffered(self) -> int:
        """Bytes queued and not yet sent."""
        return 0 if self._ended.is_set() else self._audio.buffered()

    async def transfer(self, uri: str, timeout_s: float) -> TransferOutcome:
        """Blind transfer by REFER; see `sip_transfer` for what counts as handed over.

        When it does, the far end usually hangs up by itself; `hang_up` ends the leg if it does not. Raises TelephonyError when a
        transfer is under way already.
        """
        if not is_transfer_target(uri):
            log.error("transfer: %r cannot be sent in a REFER; write it as sip:queue@host, without parameters", uri)
            return TransferOutcome(False, "unreachable")
        if self._ended.is_set():
            return TransferOutcome(False, "gone")
        if self._transfer is not None:
            raise TelephonyError("a transfer is under way on this call")
        self._transfer = watch = TransferWatch(self._settings.transfer_settle_s)
        self._trace.watch(self.offer.call_ref, watch.saw_message)
        refer = asyncio.create_task(self._refer(uri, timeout_s, watch), name="sip-refer")
        try:
            outcome = await watch.outcome(timeout_s)
        finally:
            self._transfer = None
            self._trace.unwatch(self.offer.call_ref)
            refer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await refer
        self._handed_over = self._handed_over or outcome.ok
        return outcome

    async def _refer(self, uri: str, timeout_s: float, watch: TransferWatch) -> None:
        """Send the REFER. What comes of it the watch judges: the stack's own verdict waits for a final NOTIFY only."""
        try:
            await self._call.transfer(uri, timeout=timeout_s + 1)
        except TransferFailed:
            pass  # reported by CALL_TRANSFER_FAILED, CALL_CLOSED or our own deadline
        except StaleHandleError:
            watch.call_ended(transferred=False)
        except BaresipError as error:
            log.warning("transfer: the REFER could not be sent: %s", error)
            watch.failed(0)

    async def hang_up(self) -> None:
        """End the call; harmless when it is over. A far end that took the call over is first given the time to leave itself."""
        if self._handed_over:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _LEAVE_S)
        await self.end("hangup")

    async def end(self, cause: str) -> None:
        """End the call at once, for a reason of our own: hangup, media_timeout, max_length, shutdown, failed."""
        if self._ended.is_set():
            return
        self._cause = self._cause or cause
        try:
            await self._call.hangup()
            await asyncio.wait_for(self._ended.wait(), _CLOSE_S)
        except (BaresipError, TimeoutError) as error:
            if not isinstance(error, StaleHandleError):
                log.warning("hang-up: %s", error, extra={"call_ref": self.offer.call_ref})
            self._end(self._cause, "")

    def stack_died(self) -> None:
        """The SIP stack is gone: so is the call."""
        self._end("failed", "the SIP stack died")

    def _start_timer(self, seconds: float, cause: str) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self._expire, cause))

    def _expire(self, cause: str) -> None:
        if cause == "media_timeout" and self._media_came:
            return
        log.warning("call ended: %s", cause, extra={"call_ref": self.offer.call_ref})
        self._closing = asyncio.get_running_loop().create_task(self.end(cause), name=f"sip-{cause}")

    def _on_stack_event(self, event: StackEvent) -> None:
        match event.event:
            case Event.CALL_DTMF_START if event.text:
                self._events.put_nowait(LegKey(event.text))
            case Event.CALL_HOLD:
                self._events.put_nowait(LegHold(True))
            case Event.CALL_RESUME:
                self._events.put_nowait(LegHold(False))
            case Event.CALL_ESTABLISHED:
                # the stack's own timeout counts from the last packet, so a call without any would live for ever
                self._start_timer(self._settings.rtp_timeout_s, "media_timeout")
            case Event.CALL_RTPESTAB:
                self._media_came = True
            case Event.CALL_TRANSFER_FAILED if self._transfer is not None:
                status = (event.text or "").partition(" ")[0]
                self._transfer.failed(int(status) if status.isdigit() else 0)
            case Event.CALL_CLOSED:
                self._closed(event.text or "")
            case _:
                pass

    def _closed(self, reason: str) -> None:
        transferred = reason == _CLOSED_TRANSFERRED
        if self._transfer is not None:
            watch = self._transfer
            asyncio.get_running_loop().call_later(_TRACE_LAG_S, lambda: watch.call_ended(transferred=transferred))
        if self._cause:
            self._end(self._cause, reason)
        elif reason.startswith(_CLOSED_DEAD):
            self._end("media_timeout", reason)
        elif transferred or self._handed_over:
            self._end("transferred", reason)
        else:
            self._end("hangup", reason)

    def _end(self, cause: str, detail: str) -> None:
        if self._ended.is_set():
            return
        for timer in self._timers:
            timer.cancel()
        self._ended.set()
        self._events.put_nowait(LegEnded(cause, detail))
