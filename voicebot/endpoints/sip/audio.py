"""The sound of one SIP call: the stack's buffers as mono PCM at one rate, whatever a re-INVITE makes of the codec."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import soxr
from baresip import AudioNotActive, AudioRestarted
from baresip.audio import AudioInfo, CallAudio

from voicebot.endpoints.errors import MediaError

_READ_BYTES = 4096
_POLL_S = 0.01
_KEPT_S = 2
"""How much of what was received waits for a reader at most."""


class LegAudio:
    """Signed 16-bit mono PCM at `sample_rate` (Hz), which is the rate first negotiated and stays.

    A re-INVITE (hold, another codec) replaces the stack's streams, perhaps at another rate: then the difference is resampled.
    The stack tells of it once, at the next reading or writing, and never when asked what is queued; so every method reads first.
    """

    def __init__(self, audio: CallAudio) -> None:
        self._audio = audio
        self.sample_rate = 0
        self._bound = False  # to the streams that are there now
        self._can_hear = False
        self._over = False
        self._tx_rate = 0  # 0: nothing can be sent
        self._from_wire: soxr.ResampleStream | None = None
        self._to_wire: soxr.ResampleStream | None = None
        self._received = b""
        self._unsent = b""
        self._queue_ends = 0.0  # monotonic time at which what is queued will have been sent
        self._lost = 0

    async def open(self, timeout_s: float) -> None:
        """Wait for both directions. Raises MediaError when they do not come up in time, or the call is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while (info := self._info()) is None or not (info.tx_ready and info.rx_ready):
            if self._over:
                raise MediaError("the call ended before its audio started")
            if loop.time() >= deadline:
                raise MediaError(f"the call's audio did not start within {timeout_s:g} s")
            await asyncio.sleep(_POLL_S)
        if info.rx_channels != 1 or info.tx_channels != 1:
            raise MediaError(f"the stack gives {info.rx_channels} channels: opus_stereo must be off")
        self.sample_rate = info.rx_sample_rate
        self._bind(info)

    def read(self) -> bytes:
        """All PCM that waits."""
        self._pull()
        pcm, self._received = self._received, b""
        return pcm

    def write(self, pcm: bytes) -> int:
        """Queue PCM; returns the bytes taken."""
        if not self._pull() or not self._can_send():
            return 0
        try:
            taken = self._send(pcm)
        except (AudioRestarted, AudioNotActive):
            self._streams_gone()
            return 0
        if taken:
            self._queue_ends = max(self._queue_ends, time.monotonic()) + taken / 2 / self.sample_rate
        return taken

    def lost(self) -> int:
        """Bytes taken that a renegotiation dropped, since this was asked last."""
        self._pull()
        lost, self._lost = self._lost, 0
        return lost

    def end(self) -> None:
        """The call is over: what is queued is lost."""
        self._over = True
        self._streams_gone()

    def drop(self) -> None:
        """Drop what is queued, as lost: whoever should hear it does not listen now."""
        self._pull()
        self._lost += self._unheard()
        self.flush()

    def flush(self) -> None:
        """Drop what is queued and not yet sent."""
        self._pull()
        self._unsent = b""
        self._queue_ends = 0.0
        if self._bound:
            try:
                self._audio.flush_tx()
            except (AudioRestarted, AudioNotActive):
                self._streams_gone()  # with all that was queued

    def buffered(self) -> int:
        """Bytes (at `sample_rate`) queued and not yet sent."""
        if not self._pull() or not self._tx_rate or (info := self._info()) is None:
            return 0
        waiting = info.tx_buffered + len(self._unsent)
        return waiting if self._to_wire is None else waiting * self.sample_rate // self._tx_rate // 2 * 2

    def _pull(self) -> bool:
        """Take in what has been received; whether streams are there."""
        if not self._bound:
            info = self._info()
            if info is None:
                return False
            self._bind(info)
        try:
            while part := self._audio.read(_READ_BYTES):
                self._received += self._heard(part)
        except (AudioRestarted, AudioNotActive):
            self._streams_gone()
        self._received = self._received[-_KEPT_S * 2 * self.sample_rate :]
        return self._bound

    def _heard(self, pcm: bytes) -> bytes:
        if not self._can_hear:
            return b""
        return pcm if self._from_wire is None else _resample(self._from_wire, pcm)

    def _can_send(self) -> bool:
        if not self._tx_rate and (info := self._info()) is not None:
            self._bind(info)
        return self._tx_rate > 0

    def _send(self, pcm: bytes) -> int:
        if self._to_wire is None:
            return self._audio.write(pcm)
        self._unsent += _resample(self._to_wire, pcm)
        self._unsent = self._unsent[self._audio.write(self._unsent) :]
        return len(pcm)

    def _info(self) -> AudioInfo | None:
        """What the stack says of both directions; None while there are none."""
        try:
            return self._audio.info()
        except AudioNotActive:
            return None

    def _unheard(self) -> int:
        """Bytes queued that have not been sent yet, by the clock."""
        return max(0, int((self._queue_ends - time.monotonic()) * self.sample_rate)) * 2

    def _streams_gone(self) -> None:
        """The streams were replaced or stopped: what was queued is lost."""
        self._lost += self._unheard()
        self._queue_ends = 0.0
        self._unsent = b""
        self._bound = False
        self._tx_rate = 0

    def _bind(self, info: AudioInfo) -> None:
        """A direction that is not ready, or not mono, is not used."""
        self._bound = True
        self._can_hear = info.rx_ready and info.rx_channels == 1
        self._tx_rate = info.tx_sample_rate if info.tx_ready and info.tx_channels == 1 else 0
        self._unsent = b""
        self._from_wire = _resampler(info.rx_sample_rate or self.sample_rate, self.sample_rate)
        self._to_wire = _resampler(self.sample_rate, self._tx_rate or self.sample_rate)


def _resampler(rate_in: int, rate_out: int) -> soxr.ResampleStream | None:
    return None if rate_in == rate_out else soxr.ResampleStream(rate_in, rate_out, 1, dtype="int16", quality="LQ")


def _resample(stream: soxr.ResampleStream, pcm: bytes) -> bytes:
    return bytes(stream.resample_chunk(np.frombuffer(pcm, dtype=np.int16)).tobytes())
