"""A pipecat transport over any telephone leg: audio and keys in, audio out with marks, pause and resume."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InputAudioRawFrame, InputDTMFFrame, StartFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_transport import BaseTransport, TransportParams

from voicebot.endpoints.leg import Leg, LegEnded, LegKey
from voicebot.pipeline.frames import (
    LegEndedFrame,
    PausePlaybackFrame,
    PlaybackStartedFrame,
    PlaybackStoppedFrame,
    PlayFrame,
    ResumePlaybackFrame,
    StopPlaybackFrame,
)

READ_EVERY_S = 0.04
CHUNK_S = 0.2
AHEAD_S = 0.4
RESUME_BACK_S = 0.35

AudioTap = Callable[[bytes], None]


class LegInput(FrameProcessor):
    """Reads the leg: audio every 40 ms, keys and the end of the call as they come, all in order."""

    def __init__(self, leg: Leg, tap: AudioTap | None = None) -> None:
        super().__init__(enable_direct_mode=True)
        self._leg = leg
        self._tap = tap
        self._readers: list[asyncio.Task[None]] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Start reading when the pipeline has started, stop when it ends."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self._readers = [self.create_task(self._read_audio()), self.create_task(self._read_facts())]
        elif isinstance(frame, EndFrame | CancelFrame):
            await self._stop()

    async def cleanup(self) -> None:
        """Release the reading tasks."""
        await self._stop()
        await super().cleanup()  # type: ignore[no-untyped-call]

    async def _stop(self) -> None:
        readers, self._readers = self._readers, []
        for task in readers:
            await self.cancel_task(task)

    async def _read_audio(self) -> None:
        rate = self._leg.sample_rate
        while True:
            await asyncio.sleep(READ_EVERY_S)
            pcm = self._leg.read()
            if not pcm:
                continue
            if self._tap is not None:
                self._tap(pcm)
            await self.push_frame(InputAudioRawFrame(audio=pcm, sample_rate=rate, num_channels=1))

    async def _read_facts(self) -> None:
        while True:
            fact = await self._leg.next_event()
            if isinstance(fact, LegKey):
                await self.push_frame(InputDTMFFrame(button=KeypadEntry(fact.key)))
            elif isinstance(fact, LegEnded):
                await self.push_frame(LegEndedFrame(cause=fact.cause))
                return


@dataclass
class _Playing:
    """One mark's audio: `position` counts bytes handed to the leg."""

    mark: str
    pcm: bytes
    position: int = 0


class LegOutput(FrameProcessor):
    """Plays marks in order, a little ahead of real time, and says when the last sample of each has gone out.

    Falling silent does not wait for what is queued: the leg is flushed, so barge-in is as fast as the network.
    """

    def __init__(self, leg: Leg, tap: AudioTap | None = None) -> None:
        super().__init__(enable_direct_mode=True)
        self._leg = leg
        self._tap = tap
        self._waiting: deque[_Playing] = deque()
        self._playing: _Playing | None = None
        self._wake = asyncio.Event()
        self._paused = False
        self._player: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take playback commands; let everything else pass."""
        await super().process_frame(frame, direction)
        if isinstance(frame, PlayFrame):
            self._waiting.append(_Playing(frame.mark, frame.pcm))
            self._wake.set()
        elif isinstance(frame, PausePlaybackFrame):
            self._pause()
        elif isinstance(frame, ResumePlaybackFrame):
            self._resume()
        elif isinstance(frame, StopPlaybackFrame):
            await self._forget()
        else:
            if isinstance(frame, StartFrame):
                self._player = self.create_task(self._play())
            elif isinstance(frame, EndFrame | CancelFrame):
                await self._stop()
            await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Release the playing task."""
        await self._stop()
        await super().cleanup()  # type: ignore[no-untyped-call]

    async def _stop(self) -> None:
        player, self._player = self._player, None
        if player is not None:
            await self.cancel_task(player)

    @property
    def _bytes_per_s(self) -> int:
        return self._leg.sample_rate * 2

    async def _play(self) -> None:
        while True:
            if self._paused or (self._playing is None and not self._waiting):
                self._wake.clear()
                await self._wake.wait()
                continue
            if self._playing is None:
                self._playing = self._waiting.popleft()
                await self.push_frame(PlaybackStartedFrame(mark=self._playing.mark, at=time.monotonic()), FrameDirection.UPSTREAM)
            await self._advance(self._playing)

    async def _advance(self, playing: _Playing) -> None:
        """Hand the leg one chunk, or when all is handed over wait until it has been sent."""
        ahead = self._leg.buffered()
        if playing.position < len(playing.pcm):
            if ahead < AHEAD_S * self._bytes_per_s:
                self._write(playing)
            else:
                await self._sleep(CHUNK_S / 2)
        elif ahead > 0:
            await self._sleep(max(0.02, ahead / self._bytes_per_s))
        else:
            self._playing = None
            await self._report(playing, finished=True)

    def _write(self, playing: _Playing) -> None:
        chunk = playing.pcm[playing.position : playing.position + int(CHUNK_S * self._bytes_per_s) // 2 * 2]
        taken = self._leg.write(chunk)
        if taken < len(chunk) and taken == 0:
            taken = len(chunk)  # the leg takes nothing any more (the call is over): do not spin
        if self._tap is not None:
            self._tap(chunk[:taken])
        playing.position += taken

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but wake at once for a pause or stop."""
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    def _pause(self) -> None:
        self._paused = True
        if self._playing is not None:
            unsent = min(self._leg.buffered(), self._playing.position)
            self._playing.position -= unsent
        self._leg.flush()
        self._wake.set()

    def _resume(self) -> None:
        if self._playing is not None:
            back = int(RESUME_BACK_S * self._bytes_per_s) // 2 * 2
            self._playing.position = max(0, self._playing.position - back)
        self._paused = False
        self._wake.set()

    async def _forget(self) -> None:
        if not self._paused:
            self._pause()
        dropped = [p for p in (self._playing, *self._waiting) if p is not None]
        self._playing = None
        self._waiting.clear()
        self._paused = False
        for playing in dropped:
            await self._report(playing, finished=False)

    async def _report(self, playing: _Playing, *, finished: bool) -> None:
        played_s = playing.position / self._bytes_per_s
        await self.push_frame(
            PlaybackStoppedFrame(mark=playing.mark, finished=finished, played_s=played_s), FrameDirection.UPSTREAM
        )


class LegTransport(BaseTransport):
    """Both halves of a leg as pipecat sees them; `heard` and `spoken` tap the PCM for the recording."""

    def __init__(self, leg: Leg, *, heard: AudioTap | None = None, spoken: AudioTap | None = None) -> None:
        super().__init__()
        self._in = LegInput(leg, heard)
        self._out = LegOutput(leg, spoken)

    def input(self) -> FrameProcessor:
        """The reading half."""
        return self._in

    def output(self) -> FrameProcessor:
        """The playing half."""
        return self._out


def transport_params() -> TransportParams:
    """Media parameters for a worker that carries only our own frames."""
    return TransportParams(audio_in_enabled=True, audio_out_enabled=True)
