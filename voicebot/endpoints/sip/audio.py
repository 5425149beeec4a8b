"""The sound of one SIP call: the stack's buffers as mono PCM at one rate, whatever a re-INVITE makes of the codec."""

from __future__ import annotations

import asyncio

import numpy as np
import soxr
from baresip import AudioNotActive, AudioRestarted
from baresip.audio import AudioInfo, CallAudio

from voicebot.endpoints.errors import MediaError

_READ_BYTES = 4096
_POLL_S = 0.01


class LegAudio:
    """Signed 16-bit mono PCM at `sample_rate` (Hz), which is the rate first negotiated and stays.

    A re-INVITE replaces the stack's streams (`AudioRestarted`), perhaps at another rate: then the difference is resampled.
    """

    def __init__(self, audio: CallAudio) -> None:
        self._audio = audio
        self.sample_rate = 0
        self._tx_rate = 0
        self._from_wire: soxr.ResampleStream | None = None
        self._to_wire: soxr.ResampleStream | None = None
        self._unsent = b""

    async def open(self, timeout_s: float) -> None:
        """Wait for both directions. Raises MediaError when they do not come up in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while (info := self._probe()) is None:
            if loop.time() >= deadline:
                raise MediaError(f"the call's audio did not start within {timeout_s:g} s")
            await asyncio.sleep(_POLL_S)
        self.sample_rate = info.rx_sample_rate
        self._bind(info)

    def read(self) -> bytes:
        """All PCM that waits."""
        parts = []
        try:
            while True:
                part = self._audio.read(_READ_BYTES)
                parts.append(part)
                if len(part) < _READ_BYTES:
                    break
        except AudioRestarted:
            self._rebind()
        except AudioNotActive:
            pass
        pcm = b"".join(parts)
        return _resample(self._from_wire, pcm) if pcm and self._from_wire is not None else pcm

    def write(self, pcm: bytes) -> int:
        """Queue PCM; returns the bytes taken."""
        try:
            if self._to_wire is None:
                return self._audio.write(pcm)
            self._unsent += _resample(self._to_wire, pcm)
            self._unsent = self._unsent[self._audio.write(self._unsent) :]
            return len(pcm)
        except AudioRestarted:
            self._rebind()
        except AudioNotActive:
            pass
        return 0

    def flush(self) -> None:
        """Drop what is queued and not yet sent."""
        self._unsent = b""
        try:
            self._audio.flush_tx()
        except AudioRestarted:
            self._rebind()  # the restart emptied the queue
        except AudioNotActive:
            pass

    def buffered(self) -> int:
        """Bytes (at `sample_rate`) queued and not yet sent."""
        try:
            waiting = self._audio.info().tx_buffered + len(self._unsent)
        except AudioNotActive:
            return 0
        return waiting if self._to_wire is None else waiting * self.sample_rate // self._tx_rate // 2 * 2

    def _probe(self) -> AudioInfo | None:
        """What the stack says of both directions; None while one of them is not ready."""
        try:
            info = self._audio.info()
        except AudioNotActive:
            return None
        return info if info.tx_ready and info.rx_ready else None

    def _rebind(self) -> None:
        info = self._probe()
        if info is not None:
            self._bind(info)

    def _bind(self, info: AudioInfo) -> None:
        if info.rx_channels != 1 or info.tx_channels != 1:
            raise MediaError(f"the stack gives {info.rx_channels} channels: opus_stereo must be off")
        self._tx_rate = info.tx_sample_rate
        self._unsent = b""
        self._from_wire = _resampler(info.rx_sample_rate, self.sample_rate)
        self._to_wire = _resampler(self.sample_rate, self._tx_rate)


def _resampler(rate_in: int, rate_out: int) -> soxr.ResampleStream | None:
    return None if rate_in == rate_out else soxr.ResampleStream(rate_in, rate_out, 1, dtype="int16", quality="LQ")


def _resample(stream: soxr.ResampleStream, pcm: bytes) -> bytes:
    return bytes(stream.resample_chunk(np.frombuffer(pcm, dtype=np.int16)).tobytes())
