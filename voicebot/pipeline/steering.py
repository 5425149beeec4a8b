"""Steering: what happened to the call goes to the driver, what the driver wants goes to the Ear, the Voice and the leg."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pipecat.frames.frames import Frame, InputDTMFFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from dialogs.events import Listen, Say
from voicebot.conversation.driver import CallDriver
from voicebot.conversation.stage import Recognised
from voicebot.pipeline.frames import (
    EarFailedFrame,
    HeardFrame,
    LegEndedFrame,
    LegHoldFrame,
    ListenFrame,
    PlaybackStartedFrame,
    PlaybackStoppedFrame,
    ResumePlaybackFrame,
    SayFrame,
    SpeechStartedFrame,
    StopPlaybackFrame,
    VoiceFailedFrame,
)

HANG_UP_DEADLINE_S = 3.0


class Steering(FrameProcessor):
    """The processor between Ear and Voice; it is the `Stage` of the call's driver.

    A key silences the bot right here, before the driver's queue is looked at.
    """

    def __init__(self, *, hang_up: Callable[[], Awaitable[None]], drop_recording: Callable[[], Awaitable[None]]) -> None:
        super().__init__(enable_direct_mode=True)
        self._hang_up_leg = hang_up
        self._drop_recording = drop_recording
        self._says: dict[str, Say] = {}
        self._driver: CallDriver | None = None

    def drive(self, driver: CallDriver) -> None:
        """Tell this driver what happens from now on."""
        self._driver = driver

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Turn frames into facts for the driver; let the rest pass."""
        await super().process_frame(frame, direction)
        driver = self._driver
        if driver is None:
            await self.push_frame(frame, direction)
            return
        match frame:
            case HeardFrame():
                driver.recognised(Recognised(frame.recognition, frame.final, frame.over_bot, frame.speech_s, frame.ended_at))
            case SpeechStartedFrame():
                driver.speech_started(over_bot=frame.over_bot)
            case InputDTMFFrame():
                await self.stop_speaking()
                driver.key(frame.button.value)
            case EarFailedFrame():
                driver.failed("recogniser", frame.code)
            case LegHoldFrame():
                driver.hold(frame.held)
            case LegEndedFrame():
                driver.hung_up(frame.cause)
            case PlaybackStartedFrame():
                driver.playback_started(frame.mark, frame.at)
                say = self._says.get(frame.mark)
                frame.barge_in = say is None or say.barge_in
                await self.push_frame(frame, direction)
            case PlaybackStoppedFrame():
                self._says.pop(frame.mark, None)
                driver.playback_stopped(frame.mark, finished=frame.finished, played_s=frame.played_s)
                await self.push_frame(frame, direction)
            case VoiceFailedFrame():
                self._says.pop(frame.mark, None)
                driver.failed("voice", frame.code)
            case _:
                await self.push_frame(frame, direction)

    # ------------------------------------------------------------------ Stage

    async def say(self, say: Say) -> None:
        """Begin to speak."""
        self._says[say.mark] = say
        await self.push_frame(SayFrame(say=say))

    async def stop_speaking(self) -> None:
        """Fall silent now."""
        await self.push_frame(StopPlaybackFrame())

    async def resume_speaking(self) -> None:
        """Go on with what was paused."""
        await self.push_frame(ResumePlaybackFrame())

    async def listen(self, listen: Listen | None) -> None:
        """Hear speech with these expectations from now on."""
        await self.push_frame(ListenFrame(listen=listen), FrameDirection.UPSTREAM)

    async def stop_recording(self) -> None:
        """Stop the recording and keep nothing of it."""
        await self._drop_recording()

    async def hang_up(self) -> None:
        """End the call; bounded, whatever the leg does."""
        await asyncio.wait_for(self._hang_up_leg(), HANG_UP_DEADLINE_S)
