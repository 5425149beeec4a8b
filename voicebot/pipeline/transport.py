"""A pipecat transport over any telephone leg: audio and keys in, audio out with marks, pause and resume."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never

import structlog
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InputDTMFFrame, StartFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_transport import BaseTransport

from audio.errors import AudioError
from voicebot.endpoints.leg import Leg, LegEnded, LegEvent, LegHold, LegKey
from voicebot.pipeline.frames import (
    CallerAudioFrame,
    EarFailedFrame,
    LegEndedFrame,
    LegHoldFrame,
    PausePlaybackFrame,
    PlaybackStartedFrame,
    PlaybackStoppedFrame,
    PlayFrame,
    ResumePlaybackFrame,
    StopPlaybackFrame,
    VoiceFailedFrame,
)
from voicebot.pipeline.media_tick import MediaTick

CHUNK_S = 0.2
AHEAD_S = 0.4
RESUME_BACK_S = 0.35
RETRY_S = 0.04
DEAF_AFTER = 25
"""So many pieces in a row that could not be read (a second of sound) are no hiccup any more."""
STARVED_S = 0.2
"""No packet for so long is no jitter any more: the caller is silent, and time passes."""

log = structlog.get_logger(__name__)

AudioTap = Callable[[bytes], None]


def _harmless(tap: AudioTap | None) -> AudioTap | None:
    """The tap, told nothing more once it has failed: whoever listens in must leave the bot neither deaf nor mute."""
    if tap is None:
        return None
    listener: AudioTap | None = tap

    def tell(pcm: bytes) -> None:
        nonlocal listener
        if listener is None:
            return
        try:
            listener(pcm)
        except Exception:
            listener = None
            log.exception("the sound of a call is no longer passed on", code="call.tap")

    return tell


class LegInput(FrameProcessor):
    """Reads the leg: audio with every media tick, keys, hold and the end of the call as they come, all in order.

    Time passes for the Ear also while no packets come (silence suppression at the PBX, mute): it is given silence instead.
    On hold it hears nothing: what comes then is the far end's music.
    """

    def __init__(
        self,
        leg: Leg,
        media: MediaTick[Any],
        listening: Callable[[], bool],
        tap: AudioTap | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(enable_direct_mode=True)
        self._leg = leg
        self._media = media
        self._activity = media.new_activity(leg.sample_rate)
        self.is_listening = listening
        self._tap = _harmless(tap)
        self._now = clock
        self._held = False
        self._heard_until = 0.0
        self._starving = False
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
        """A piece that cannot be read may be followed by one that can. A leg of which nothing can be read for long has no ear."""
        self._heard_until = self._now()
        failed = 0
        while True:
            try:
                heard = await self._media.next(self, self._activity)
                if heard.pcm and self.is_listening():
                    frame = CallerAudioFrame(
                        audio=heard.pcm, sample_rate=self._leg.sample_rate, num_channels=1, speech=heard.speech
                    )
                    await self.push_frame(frame)
            except AudioError as error:
                log.exception("the caller cannot be heard", code=error.code)
                await self.push_frame(EarFailedFrame(code=error.code))
            except Exception:
                failed += 1
                if failed == 1:  # once, not 25 times a second
                    log.exception("audio of the leg could not be read", code="call.audio")
                elif failed == DEAF_AFTER:
                    await self.push_frame(EarFailedFrame(code="call.audio"))
            else:
                failed = 0

    def take(self) -> bytes:
        """What came; silence in its place when nothing has come for long, nothing on hold."""
        pcm = self._leg.read()
        now = self._now()
        if self._held:
            self._heard_until = now
            return b""
        if pcm:
            self._starving = False
            if self._tap is not None:
                self._tap(pcm)
        else:
            gap_s = now - self._heard_until
            self._starving = self._starving or gap_s >= STARVED_S
            if not self._starving:
                return b""
            pcm = bytes(int(gap_s * self._leg.sample_rate) * 2)
        self._heard_until = now
        return pcm

    async def _read_facts(self) -> None:
        """Until the leg ends. One fact that cannot be passed on must not cost those that follow, the end above all."""
        over = False
        while not over:
            try:
                fact = await self._leg.next_event()
            except Exception:
                log.exception("facts of the leg cannot be read", code="call.leg")
                fact = LegEnded("failed")
            over = isinstance(fact, LegEnded)
            try:
                await self._pass_on(fact)
            except Exception:
                log.exception("a fact of the leg could not be passed on", code="call.leg", fact=type(fact).__name__)

    async def _pass_on(self, fact: LegEvent) -> None:
        match fact:
            case LegKey():
                await self.push_frame(InputDTMFFrame(button=KeypadEntry(fact.key)))
            case LegHold():
                self._held = fact.held
                await self.push_frame(LegHoldFrame(held=fact.held))
            case LegEnded():
                await self.push_frame(LegEndedFrame(cause=fact.cause))
            case _:
                assert_never(fact)


@dataclass
class _Playing:
    """The audio of one mark."""

    mark: str
    pcm: bytes
    position: int = 0
    """Bytes handed to the leg."""


class _InFlight:
    """What the leg has taken and may not have sent yet; what was sent goes to the tap, to the packet."""

    def __init__(self, leg: Leg, tap: AudioTap | None) -> None:
        self._leg = leg
        self._tap = _harmless(tap)
        self._pcm = bytearray()

    def took(self, pcm: bytes) -> None:
        """The leg has taken this."""
        if self._tap is not None:
            self._pcm += pcm

    def settle(self) -> int:
        """Tell the tap what has been sent since; returns the bytes that never will be (the media changed, the call ended)."""
        lost = self._leg.lost()
        if lost:
            self.drop(lost)
        if self._tap is not None and self._pcm:
            sent = len(self._pcm) - self._leg.buffered()
            if sent > 0:
                self._tap(bytes(self._pcm[:sent]))
                del self._pcm[:sent]
        return lost

    def drop(self, lost: int | None = None) -> None:
        """The last `lost` bytes (None: all that is left) will never be sent."""
        del self._pcm[-lost if lost else 0 :]


class LegOutput(FrameProcessor):
    """Plays marks in order, a little ahead of real time, and says when the last sample of each has gone out.

    Falling silent does not wait for what is queued: the leg is flushed, so barge-in is as fast as the network.
    """

    def __init__(self, leg: Leg, tap: AudioTap | None = None) -> None:
        super().__init__(enable_direct_mode=True)
        self._leg = leg
        self._in_flight = _InFlight(leg, tap)
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
            with contextlib.suppress(Exception):  # the last moment of a recording is not worth an error at the end of a call
                self._in_flight.settle()

    @property
    def _bytes_per_s(self) -> int:
        return self._leg.sample_rate * 2

    async def _play(self) -> None:
        while True:
            if self._paused or (self._playing is None and not self._waiting):
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                await self._play_on()
            except Exception:  # the leg may do anything: who waits for the end of a sentence must learn that it will not come
                log.exception("the leg cannot play", code="call.audio")
                await self._give_up()

    async def _play_on(self) -> None:
        if self._playing is None:
            self._playing = self._waiting.popleft()
            await self.push_frame(PlaybackStartedFrame(mark=self._playing.mark, at=time.monotonic()), FrameDirection.UPSTREAM)
        await self._advance(self._playing)

    async def _give_up(self) -> None:
        """What is being played, and what waits, is not spoken."""
        for playing in self._take_all():
            await self.push_frame(VoiceFailedFrame(mark=playing.mark, code="call.audio"), FrameDirection.UPSTREAM)

    async def _advance(self, playing: _Playing) -> None:
        """Hand the leg one chunk, or when all is handed over wait until it has been sent."""
        playing.position -= min(self._in_flight.settle(), playing.position)  # what was lost, nobody heard
        ahead = self._leg.buffered()
        if playing.position < len(playing.pcm):
            if ahead >= AHEAD_S * self._bytes_per_s:
                await self._sleep(CHUNK_S / 2)
            elif not self._write(playing):
                await self._sleep(RETRY_S)  # on hold, or while the media changes: nothing is heard, so nothing is played
        elif ahead > 0:
            await self._sleep(max(0.02, ahead / self._bytes_per_s))
        else:
            self._playing = None
            await self._report(playing, finished=True)

    def _write(self, playing: _Playing) -> int:
        """Hand the leg the next chunk; the bytes that it took."""
        chunk = playing.pcm[playing.position : playing.position + int(CHUNK_S * self._bytes_per_s) // 2 * 2]
        taken = self._leg.write(chunk)
        self._in_flight.took(chunk[:taken])
        playing.position += taken
        return taken

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but wake at once for a pause or stop."""
        self._wake.clear()
        timer = asyncio.get_running_loop().call_later(seconds, self._wake.set)  # ten times a second a call: no task for it
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _pause(self) -> None:
        """Fall silent. A leg that fails at it must not keep the dialogue from going on."""
        self._paused = True
        self._wake.set()
        try:
            lost = self._in_flight.settle()
            if self._playing is not None:
                unsent = min(self._leg.buffered() + lost, self._playing.position)
                self._playing.position -= unsent
            self._leg.flush()
        except Exception:
            log.exception("the leg cannot be silenced", code="call.audio")
        self._in_flight.drop()

    def _resume(self) -> None:
        if self._playing is not None:
            back = int(RESUME_BACK_S * self._bytes_per_s) // 2 * 2
            self._playing.position = max(0, self._playing.position - back)
        self._paused = False
        self._wake.set()

    async def _forget(self) -> None:
        if not self._paused:
            self._pause()
        self._paused = False
        for playing in self._take_all():
            await self._report(playing, finished=False)

    def _take_all(self) -> list[_Playing]:
        """What is being played and what waits, oldest first; nothing is left."""
        taken = [playing for playing in (self._playing, *self._waiting) if playing is not None]
        self._playing = None
        self._waiting.clear()
        return taken

    async def _report(self, playing: _Playing, *, finished: bool) -> None:
        played_s = playing.position / self._bytes_per_s
        await self.push_frame(
            PlaybackStoppedFrame(mark=playing.mark, finished=finished, played_s=played_s), FrameDirection.UPSTREAM
        )


class LegTransport(BaseTransport):
    """Both halves of a leg as pipecat sees them; `heard` and `spoken` tap the PCM for the recording."""

    def __init__(
        self,
        leg: Leg,
        media: MediaTick[Any],
        *,
        listening: Callable[[], bool],
        heard: AudioTap | None = None,
        spoken: AudioTap | None = None,
    ) -> None:
        """`listening` tells whether it matters now if the caller speaks."""
        super().__init__()
        self._in = LegInput(leg, media, listening, heard)
        self._out = LegOutput(leg, spoken)

    def input(self) -> FrameProcessor:
        """The reading half."""
        return self._in

    def output(self) -> FrameProcessor:
        """The playing half."""
        return self._out
