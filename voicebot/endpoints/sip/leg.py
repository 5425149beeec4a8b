"""One SIP call as a leg: the stack's events become facts, the leg's commands become SIP."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import time
from collections.abc import Iterable

from baresip import BaresipError, Call, CallState, CallStats, Event, StackEvent, StaleHandleError, TransferFailed

from voicebot.endpoints.errors import CallGone, MediaError
from voicebot.endpoints.leg import KEYS, CallOffer, LegEnded, LegEvent, LegHold, LegKey, LegStats, TransferOutcome, TransferTarget
from voicebot.endpoints.sip.audio import LegAudio
from voicebot.endpoints.sip.presses import KeyPresses
from voicebot.endpoints.sip.refusal import refuse_for_now
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.trace import SipMessage, SipTrace
from voicebot.endpoints.sip.transfer import TransferWatch, is_transfer_target
from voicebot.endpoints.sip.trunks import Trunk
from voicebot.tasks import ended

log = logging.getLogger(__name__)

_ESTABLISH_S = 32.0  # 64*T1: how long a 200 is repeated before the ACK is given up (RFC 3261, 13.3.1.4)
_AUDIO_S = 2.0
_CLOSE_S = 2.0
_PRACK_LOOK_S = 0.05
_LEAVE_S = 2.0
_TRACE_LAG_S = 0.1  # the stack's trace travels through its log thread and may come after the event it explains
# the stack's own words (its spelling)
_CLOSED_TRANSFERRED = "Call transfered"
_CLOSED_DEAD = "rtp stream error"

_now = time.monotonic


class SipLeg:
    """A call that came in over SIP; implements `voicebot.endpoints.leg.Leg`."""

    def __init__(self, call: Call, offer: CallOffer, settings: SipSettings, trace: SipTrace) -> None:
        self.offer = offer
        self.sample_rate = 0
        self._call = call
        self._settings = settings
        self._trace = trace
        self._rtp_timeout_s = settings.rtp_timeout_s
        self._longest: asyncio.TimerHandle | None = None
        self._audio = LegAudio(call.audio)
        self._media_s = _AUDIO_S  # how long the sound may take to begin
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._ended = asyncio.Event()
        self._answering = call.state is not CallState.INCOMING  # until then it can be refused
        self._cause = ""  # why we end the call ourselves
        self._handed_over = False
        self._will_leave = False  # the far end said that the caller is through: it hangs up by itself
        self._life_came = False  # a packet or a key: somebody is there
        self._established_at = 0.0
        self._said_s = 0.0  # while we speak nobody need answer
        self._held = False
        self._presses = KeyPresses()
        self._press_timer: asyncio.TimerHandle | None = None
        self._transfer: TransferWatch | None = None
        self._transfer_news = asyncio.Event()
        self._life_timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        call.on(self._on_stack_event)
        trace.watch(offer.call_ref, self._on_message)

    def __repr__(self) -> str:
        return f"<SipLeg {self.offer.call_ref} {'ended' if self._ended.is_set() else 'alive'}>"

    @property
    def stats(self) -> LegStats | None:
        """The stack's closing report."""
        stats: CallStats | None = self._call.final_stats
        if stats is None or not stats.rx_packets:
            return None
        return LegStats(stats.rx_packets, max(0, stats.rx_lost), stats.rx_jitter_ms / 1000, stats.mos_estimate)

    def follow(self, trunk: Trunk) -> None:
        """Go by the rules of the trunk that the call came from."""
        self._rtp_timeout_s = trunk.rtp_timeout_s or self._rtp_timeout_s

    @property
    def ended(self) -> asyncio.Event:
        """Set when the call is over."""
        return self._ended

    async def answer(self) -> None:
        """Answer and wait until media is up. Raises CallGone or MediaError."""
        try:
            if self._ended.is_set():
                raise CallGone("the caller left before the call was answered")
            self._answering = True
            await self._accept()
            await self._call.wait_established(_ESTABLISH_S)
            await self._audio.open(self._media_s)
        except StaleHandleError:
            raise CallGone("the caller left while the call was being answered") from None
        except MediaError:
            if self._ended.is_set():
                raise CallGone("the caller left while the call was being answered") from None
            await self.end("failed")
            raise
        except BaresipError as error:
            raise CallGone(f"the call was not established: {error}") from error
        self.sample_rate = self._audio.sample_rate
        self.may_last(self._settings.max_call_s)

    async def _accept(self) -> None:
        """Send the 200; a far end that must first acknowledge our 180 is waited for (RFC 3262, 3). Raises BaresipError."""
        deadline = _now() + _ESTABLISH_S
        while True:
            try:
                await self._call.answer()
                return
            except StaleHandleError:
                raise
            except BaresipError as error:
                if os.strerror(errno.EAGAIN) not in str(error) or _now() > deadline or not self._settings.prack:
                    raise
            await asyncio.sleep(_PRACK_LOOK_S)

    async def established(self, timeout_s: float) -> None:
        """Of a call that we placed: wait until it is answered and media is up. Raises BaresipError (the stack's verdict) or
        MediaError.
        """
        await self._call.wait_established(timeout_s)
        try:
            await self._audio.open(self._media_s)
        except MediaError:
            await self.end("failed")
            raise
        self.sample_rate = self._audio.sample_rate
        self.may_last(self._settings.max_call_s)

    def may_last(self, seconds: float) -> None:
        """The call may go on for so long from now."""
        if self._longest is not None:
            self._longest.cancel()
        if not self._ended.is_set():
            self._longest = asyncio.get_running_loop().call_later(seconds, self._expire, "max_length")

    async def next_event(self) -> LegEvent:
        """The next fact, in order."""
        return await self._events.get()

    def read(self) -> bytes:
        """All received PCM that waits."""
        return b"" if self._ended.is_set() else self._audio.read()

    def write(self, pcm: bytes) -> int:
        """Queue PCM for sending; returns the bytes taken."""
        taken = 0 if self._ended.is_set() else self._audio.write(pcm)
        self._said_s += taken / 2 / self.sample_rate if taken else 0.0
        return taken

    def flush(self) -> None:
        """Drop everything queued and not yet sent."""
        if not self._ended.is_set():
            self._audio.flush()

    def buffered(self) -> int:
        """Bytes queued and not yet sent."""
        return 0 if self._ended.is_set() else self._audio.buffered()

    def lost(self) -> int:
        """Bytes taken that a renegotiation or the end dropped, since this was asked last."""
        return self._audio.lost()

    async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        """Blind transfer by REFER; see `sip.transfer` for what counts as handed over.

        A far end that says so in the end hangs up by itself; `hang_up` ends the leg if it does not.
        """
        uri = self._settings.queue_uri(target)
        if not is_transfer_target(uri):
            log.error("transfer: %r cannot be sent in a REFER; write it as sip:queue@host, without parameters", uri)
            return TransferOutcome(False, "unreachable")
        if self._ended.is_set():
            return TransferOutcome(False, "gone")
        if self._transfer is not None:
            return TransferOutcome(False, "busy")
        self._transfer = watch = TransferWatch(_now(), timeout_s, self._settings.transfer_settle_s)
        refer = asyncio.create_task(self._refer(uri, watch), name="sip-refer")
        try:
            outcome = await self._judged(watch)
        finally:
            self._transfer = None
            refused = watch.outcome is not None and not watch.outcome.ok
            # the stack learns of a refusal a moment later, and complains when nobody asks it any more
            await ended((refer,), _TRACE_LAG_S if refused else 0.0)
        self._handed_over = self._handed_over or outcome.ok
        self._will_leave = outcome.ok and outcome.status >= 200
        return outcome

    async def _judged(self, watch: TransferWatch) -> TransferOutcome:
        """Wait until the watch has decided: something happens, or its deadline passes."""
        while watch.outcome is None:
            self._transfer_news.clear()
            left = (watch.deadline or 0.0) - _now()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._transfer_news.wait(), max(0.0, left))
            watch.time_passed(_now())
        return watch.outcome

    async def _refer(self, uri: str, watch: TransferWatch) -> None:
        """Send the REFER. What comes of it the watch judges: the stack's own verdict waits for a final NOTIFY only."""
        try:
            await self._call.transfer(uri, timeout=watch.accept_s + watch.settle_s + 1)
        except TransferFailed:
            pass  # reported by CALL_TRANSFER_FAILED, CALL_CLOSED or our own deadline
        except StaleHandleError:
            watch.call_ended(transferred=False)
        except BaresipError as error:
            log.warning("transfer: the REFER could not be sent: %s", error)
            watch.refused(0, _now())
        self._transfer_news.set()

    async def send_key(self, key: str) -> None:
        """Press a key: an RFC 4733 event, or an INFO where the account says so."""
        if self._ended.is_set() or key not in KEYS:
            return
        try:
            await self._call.send_dtmf(key)
        except BaresipError as error:  # the far end hung up while the key was down, or takes none
            log.info("a key could not be sent: %s", error, extra={"call_ref": self.offer.call_ref})

    async def hang_up(self) -> None:
        """End the call; harmless when it is over. A far end that has put the caller through is first given the time to leave."""
        if self._will_leave:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _LEAVE_S)
        await self.end("hangup")

    async def end(self, cause: str) -> None:
        """End the call at once, for a reason of our own: hangup, media_timeout, max_length, shutdown, failed."""
        if self._ended.is_set():
            return
        self._cause = self._cause or cause
        try:
            if self._answering:
                await self._call.hangup()
            else:
                await refuse_for_now(self._call)
            await asyncio.wait_for(self._ended.wait(), _CLOSE_S)
        except (BaresipError, TimeoutError) as error:
            if not isinstance(error, StaleHandleError):
                log.warning("hang-up: %s", error, extra={"call_ref": self.offer.call_ref})
            self._end(self._cause, "")

    def stack_died(self) -> None:
        """The SIP stack is gone: so is the call."""
        self._end("failed", "the SIP stack died")

    def _look_for_life(self) -> None:
        """End a call of which nothing has come in all the time that it was given to answer: what we said does not count, nor does
        a hold or a transfer. A caller whose sound does not reach us may still hear the keys being read out, and press one.
        """
        if self._life_came:
            return
        left = self._rtp_timeout_s - (_now() - self._established_at - self._said_s)
        if self._held or self._transfer is not None or self._handed_over:
            left = max(left, float(self._rtp_timeout_s))
        if left <= 0:
            self._expire("media_timeout")
        else:
            self._life_timer = asyncio.get_running_loop().call_later(left, self._look_for_life)

    def _expire(self, cause: str) -> None:
        log.warning("call ended: %s", cause, extra={"call_ref": self.offer.call_ref})
        self._closing = asyncio.get_running_loop().create_task(self.end(cause), name=f"sip-{cause}")

    def _on_stack_event(self, event: StackEvent) -> None:
        match event.event:
            case Event.CALL_DTMF_START if event.text and event.text in KEYS:
                self.key_came(event.text)
            case Event.CALL_DTMF_START:
                log.info("a key that no telephone has is ignored", extra={"call_ref": self.offer.call_ref})
            case Event.CALL_HOLD:
                self._held = True
                self._events.put_nowait(LegHold(True))
            case Event.CALL_RESUME:
                self._held = False
                self._events.put_nowait(LegHold(False))
            case Event.CALL_ESTABLISHED:
                # the stack's own timeout counts from the last packet, so a call without any would live for ever
                self._established_at = _now()
                self._look_for_life()
            case Event.CALL_RTPESTAB:
                self._life_came = True
            case Event.CALL_TRANSFER_FAILED if self._transfer is not None:
                status = (event.text or "").partition(" ")[0]
                # the trace tells whether this is the answer to the REFER, or news of the target
                refused = (self._transfer, int(status) if status.isdigit() else 0)
                asyncio.get_running_loop().call_later(_TRACE_LAG_S, self._tell_transfer_of_refusal, *refused)
            case Event.CALL_CLOSED:
                self._closed(event.text or "")
            case _:
                pass

    def _on_message(self, message: SipMessage) -> None:
        """The trace shows a message of this call."""
        if message.key:
            if message.received and message.key in KEYS:
                self._info_seen(message)
        elif self._transfer is not None:
            self._transfer.saw_message(message, _now())
            self._transfer_news.set()

    def _info_seen(self, message: SipMessage) -> None:
        if message.unreported:
            self._life_came = True
            self._pressed(self._presses.reported(message.key, _now()))
        self._pressed(self._presses.info_seen(message.key, _now()))

    def key_came(self, key: str) -> None:
        """One of KEYS was pressed: the stack, or the call's own packets, tell of it."""
        self._life_came = True
        self._pressed(self._presses.reported(key, _now()))

    def _pressed(self, keys: Iterable[str]) -> None:
        """Report presses, and look again when the next one becomes certain."""
        for key in keys:
            self._events.put_nowait(LegKey(key))
        if self._press_timer is not None:
            self._press_timer.cancel()
            self._press_timer = None
        if self._presses.next_at is not None:
            wait = max(0.0, self._presses.next_at - _now())
            self._press_timer = asyncio.get_running_loop().call_later(wait, self._look_for_presses)

    def _look_for_presses(self) -> None:
        self._press_timer = None
        self._pressed(self._presses.certain(_now()))

    def _closed(self, reason: str) -> None:
        transferred = reason == _CLOSED_TRANSFERRED
        if self._transfer is not None:
            asyncio.get_running_loop().call_later(_TRACE_LAG_S, self._tell_transfer_of_end, self._transfer, transferred)
        if self._cause:
            self._end(self._cause, reason)
        elif reason.startswith(_CLOSED_DEAD):
            self._end("media_timeout", reason)
        elif transferred or self._handed_over:
            self._end("transferred", reason)
        else:
            self._end("hangup", reason)

    def _tell_transfer_of_end(self, watch: TransferWatch, transferred: bool) -> None:
        watch.call_ended(transferred=transferred)
        self._transfer_news.set()

    def _tell_transfer_of_refusal(self, watch: TransferWatch, status: int) -> None:
        watch.refused(status, _now())
        self._transfer_news.set()

    def _end(self, cause: str, detail: str) -> None:
        if self._ended.is_set():
            return
        for key in self._presses.certain(float("inf")):  # what was pressed last is not lost with the call
            self._events.put_nowait(LegKey(key))
        for timer in (self._longest, self._life_timer, self._press_timer):
            if timer is not None:
                timer.cancel()
        # what explains the end may still be on its way
        asyncio.get_running_loop().call_later(2 * _TRACE_LAG_S, self._trace.unwatch, self.offer.call_ref, self._on_message)
        self._audio.end()
        self._ended.set()
        self._events.put_nowait(LegEnded(cause, detail))
