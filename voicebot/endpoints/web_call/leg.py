"""One call of the app as a leg: a SIP leg of our own stack that listens for the app's first packet, and for its silence."""

from __future__ import annotations

import asyncio
import contextlib
import time

from baresip import Call, Event, StackEvent

from voicebot.endpoints.errors import MediaError
from voicebot.endpoints.leg import CallOffer, LegHold, TransferOutcome, TransferTarget
from voicebot.endpoints.sip.leg import SipLeg
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.trace import SipMessage, SipTrace
from voicebot.endpoints.web_call.settings import WebCallSettings

_now = time.monotonic


class WebLeg(SipLeg):
    """Implements `voicebot.endpoints.leg.Leg`.

    A page that is closed without a word, and a telephone that loses its network, say nothing: only what comes in tells of them.
    """

    def __init__(self, call: Call, offer: CallOffer, settings: SipSettings, trace: SipTrace, web: WebCallSettings) -> None:
        super().__init__(call, offer, settings, trace)
        self._web = web
        self._media_s = web.connect_s  # ICE and DTLS come first
        self._arrived = asyncio.Event()
        self._heard_at = self._asked_at = 0.0
        self._silence: asyncio.TimerHandle | None = None
        call.on(self._on_media)

    async def answer(self) -> None:
        """Answer and wait for the app's first packet: what is said before would not be heard. Raises CallGone or MediaError."""
        until = _now() + self._web.connect_s
        await super().answer()
        waiting = [asyncio.create_task(event.wait()) for event in (self._arrived, self.ended)]
        try:
            await asyncio.wait(waiting, timeout=max(0.0, until - _now()), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        if not self._arrived.is_set():
            await self.end("media_timeout")
            raise MediaError(f"nothing came from the app within {self._web.connect_s:g} s")
        self._heard_at = self._asked_at = _now()
        self._look_for_silence()

    def read(self) -> bytes:
        """All received PCM that waits."""
        pcm = super().read()
        self._asked_at = _now()
        if pcm:
            self._heard_at = self._asked_at
        return pcm

    def write(self, pcm: bytes) -> int:
        """Queue PCM for sending; returns the bytes taken."""
        return 0 if self._held else super().write(pcm)

    def buffered(self) -> int:
        """Bytes queued and not yet sent."""
        return 0 if self._held else super().buffered()

    async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        """An app cannot be sent to another address (no REFER): refused. Whoever bridges puts it through."""
        return TransferOutcome(False, "gone" if self.ended.is_set() else "refused")

    async def release(self) -> None:
        """Look for silence no more."""
        if self._silence is not None:
            self._silence.cancel()

    def _on_message(self, message: SipMessage) -> None:
        """The app holds the call, or takes it back; its packets go on, and so does what ICE and DTLS agreed on."""
        super()._on_message(message)
        if message.received and message.hold is not None and message.hold != self._held and not self.ended.is_set():
            self._held = message.hold
            self._audio.drop()
            self._events.put_nowait(LegHold(message.hold))

    def _on_media(self, event: StackEvent) -> None:
        match event.event:
            case Event.CALL_RTPESTAB:
                self._arrived.set()
            case Event.CALL_CLOSED if self._silence is not None:
                self._silence.cancel()

    def _look_for_silence(self) -> None:
        """Whoever reads has heard nothing for too long: the app is gone. While nobody reads nothing can be known."""
        silent = self._asked_at - self._heard_at
        if silent >= self._web.silent_s:
            self._expire("media_timeout")
            return
        left = self._web.silent_s - silent
        with contextlib.suppress(RuntimeError):
            self._silence = asyncio.get_running_loop().call_later(max(0.1, left), self._look_for_silence)
