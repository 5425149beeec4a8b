"""The Voice: what the dialogue says becomes sound, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, StartFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from audio.errors import AudioError
from dialogs.events import Say
from voicebot.pipeline.frames import PlaybackStoppedFrame, PlayFrame, SayFrame, StopPlaybackFrame, VoiceFailedFrame
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

SPEAK_DEADLINE_S = 6.0

Speaker = Callable[[Say, int], Awaitable[bytes]]
"""Everything a `Say` says as PCM at the given rate. Raises AudioError when it cannot be spoken."""


class Voice(FrameProcessor):
    """Speaks one `Say` after another; a stop drops those not yet begun.

    Speaking may take a moment (synthesis), so it is done aside; the order of marks is kept by a single task.
    """

    def __init__(self, speaker: Speaker, sample_rate: int) -> None:
        super().__init__(enable_direct_mode=True)
        self._speaker = speaker
        self._rate = sample_rate
        self._waiting: asyncio.Queue[Say] = asyncio.Queue()
        self._making: asyncio.Task[bytes] | None = None
        self._stopped = False
        self._worker: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take orders to speak; let everything else pass."""
        await super().process_frame(frame, direction)
        if isinstance(frame, SayFrame):
            if frame.say is not None:
                self._waiting.put_nowait(frame.say)
            return
        if isinstance(frame, StopPlaybackFrame):
            await self._drop_waiting()
            if self._making is not None:
                self._stopped = True  # it may be made already, and not yet passed on
                self._making.cancel()
        elif isinstance(frame, StartFrame):
            self._worker = self.create_task(self._speak_in_order())
        elif isinstance(frame, EndFrame | CancelFrame):
            await self._stop()
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Release the speaking task."""
        await self._stop()
        await super().cleanup()  # type: ignore[no-untyped-call]

    async def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await self.cancel_task(worker)

    async def _drop_waiting(self) -> None:
        while not self._waiting.empty():
            say = self._waiting.get_nowait()
            await self._push_stopped(say)

    async def _speak_in_order(self) -> None:
        while True:
            say = await self._waiting.get()
            try:
                await self._speak(say)
            except Exception:  # one sentence must not silence those that follow
                log.exception("a sentence could not be passed on", code="audio.synthesis")

    async def _speak(self, say: Say) -> None:
        """Make the sound and pass it on; a stop meanwhile abandons it, so that the next sentence need not wait."""
        self._stopped = False
        self._making = making = asyncio.create_task(self._made(say), name="speak")
        try:
            await asyncio.wait({making})
        finally:
            await cancelled(making)  # this task itself may have been cancelled
            self._making = None
        error = None if making.cancelled() else making.exception()
        if self._stopped or making.cancelled():
            await self._push_stopped(say)
        elif error is not None:  # a synthesiser may fail in any way; the dialogue must learn of it
            await self._fail(say, error.code if isinstance(error, AudioError) else "audio.synthesis")
        else:
            await self.push_frame(PlayFrame(mark=say.mark, pcm=making.result()))

    async def _made(self, say: Say) -> bytes:
        return await asyncio.wait_for(self._speaker(say, self._rate), SPEAK_DEADLINE_S)

    async def _fail(self, say: Say, code: str) -> None:
        await self.push_frame(VoiceFailedFrame(mark=say.mark, code=code), FrameDirection.UPSTREAM)

    async def _push_stopped(self, say: Say) -> None:
        await self.push_frame(PlaybackStoppedFrame(mark=say.mark, finished=False), FrameDirection.UPSTREAM)
