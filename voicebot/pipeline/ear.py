"""The Ear: voice activity, turn taking and the recogniser's stream of one call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Protocol

import structlog
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InputAudioRawFrame, InputDTMFFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from audio.errors import AudioError, RecogniserBusy, RecogniserError
from audio.types import Reading, Recogniser, RecogniserStream, Recognition
from dialogs.events import Expect, Listen
from voicebot.pipeline.frames import (
    EarFailedFrame,
    HeardFrame,
    LegHoldFrame,
    ListenFrame,
    PausePlaybackFrame,
    PlaybackStartedFrame,
    PlaybackStoppedFrame,
    SpeechStartedFrame,
)
from voicebot.pipeline.turns import Signal, TurnHint, TurnSettings, TurnTracker, turn_hint

log = structlog.get_logger(__name__)

PRE_ROLL_S = 0.4
SLICE_S = 0.06
FINISH_DEADLINE_S = 8.0

Recognisers = Callable[[str], Recogniser | None]
"""The recogniser of a language, or None when there is none."""

Measured = Callable[[str, str, float], None]
"""Told of every turn that was recognised or not: its language, how it went ("ok", "busy", "late", "failed"), and the seconds from
its end to that."""

Decides = Callable[[str, str], bool]
"""Whether these words (text, language) already decide the matter, so that the turn may end sooner."""


class Activity(Protocol):
    """Voice activity of one call; see `audio.vad.VoiceActivity`."""

    sample_rate: int

    def feed(self, pcm: bytes) -> list[float]:
        """The probability of speech in each window of 32 ms that this PCM completes."""
        ...


class Ear(FrameProcessor):
    """Turns the caller's audio into `HeardFrame`s. Audio goes no further than here.

    Speech over the bot pauses it at once; whether it was an answer, Steering decides when it is known what was said.
    """

    def __init__(
        self,
        *,
        recognisers: Recognisers,
        activity: Activity,
        decides: Decides,
        settings: TurnSettings | None = None,
        measured: Measured = lambda language, result, seconds: None,
    ) -> None:
        super().__init__(enable_direct_mode=True)
        self._recognisers = recognisers
        self._activity = activity
        self._decides = decides
        self._measured = measured
        self._turn = TurnTracker(settings or TurnSettings())
        self._listen = Listen()
        self._deaf = False
        self._broken = False
        self._bot_speaks = False
        self._bot_yields = True
        self._over_bot = False
        self._patience = TurnHint.NEUTRAL
        self._stream: RecogniserStream | None = None
        self._recent = bytearray()
        self._finishing: set[asyncio.Task[None]] = set()
        self._latest_turn: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Hear audio; follow what the bot says and what kind of answer is awaited."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            try:
                await self._hear(frame.audio)
            except Exception:  # voice activity may raise anything: the call goes on with keys
                log.exception("the caller cannot be heard", code=AudioError.code)
                await self._fail(AudioError.code)
            return
        if isinstance(frame, ListenFrame):
            self._listen_for(frame.listen)
            return
        if isinstance(frame, PlaybackStartedFrame):
            self._bot_speaks, self._bot_yields = True, frame.barge_in
        elif isinstance(frame, PlaybackStoppedFrame):
            self._bot_speaks = False
        elif isinstance(frame, InputDTMFFrame | LegHoldFrame):
            self._forget_turn()
        elif isinstance(frame, EndFrame | CancelFrame):
            await self._stop()
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Drop the utterance under way."""
        await self._stop()
        await super().cleanup()  # type: ignore[no-untyped-call]

    # ------------------------------------------------------------------ listening

    def _listen_for(self, listen: Listen | None) -> None:
        if listen is None:
            self._deaf = True
            self._forget_turn()
            return
        self._deaf = self._broken
        self._listen = listen

    async def _hear(self, pcm: bytes) -> None:
        if self._deaf or self._recognisers(self._listen.language) is None:
            return
        step = int(SLICE_S * self._activity.sample_rate) * 2
        for start in range(0, len(pcm), step):  # after a delay much arrives at once; a turn may begin in its middle
            if self._deaf:
                return
            await self._hear_slice(pcm[start : start + step])

    async def _hear_slice(self, pcm: bytes) -> None:
        if self._stream is not None:
            await self._tell_stream(lambda stream: stream.feed(pcm))
        self._remember(pcm)
        for probability in self._activity.feed(pcm):
            signal = self._turn.window(probability, self._listen.expect, self._patience)
            if signal is not None:
                await self._on_signal(signal)

    def _remember(self, pcm: bytes) -> None:
        """Keep the last moments, so that the first sounds of a turn are not lost to the time it takes to notice speech."""
        self._recent += pcm
        excess = len(self._recent) - int(PRE_ROLL_S * self._activity.sample_rate) * 2
        if excess > 0:
            del self._recent[:excess]

    async def _on_signal(self, signal: Signal) -> None:
        if signal is Signal.STARTED:
            await self._start_turn()
        elif signal is Signal.ENDED:
            self._end_turn()
        elif signal is Signal.PAUSED:
            await self._tell_stream(lambda stream: stream.pause())
        elif signal is Signal.RESUMED:
            await self._tell_stream(lambda stream: stream.resume())

    async def _tell_stream(self, tell: Callable[[RecogniserStream], None]) -> None:
        """Tell the utterance's stream something. One that is too busy is let go: the turn ends as one that was not understood."""
        if self._stream is None:
            return
        try:
            tell(self._stream)
        except RecogniserBusy:
            self._measured(self._listen.language, "busy", 0.0)
            stream, self._stream = self._stream, None
            _close(stream)
        except Exception as error:  # an engine may raise anything
            await self._fail(error.code if isinstance(error, AudioError) else RecogniserError.code)

    async def _start_turn(self) -> None:
        self._over_bot = self._bot_speaks and self._bot_yields
        self._patience = TurnHint.NEUTRAL
        if self._over_bot:
            await self.push_frame(PausePlaybackFrame())
        await self.push_frame(SpeechStartedFrame(over_bot=self._over_bot))
        recogniser = self._recognisers(self._listen.language)
        if recogniser is None:
            return
        try:
            self._stream = recogniser.open(
                language=self._listen.language,
                sample_rate=self._activity.sample_rate,
                expect=self._listen.expect.value,
                on_partial=self._on_partial,
            )
        except RecogniserBusy:
            self._measured(self._listen.language, "busy", 0.0)
            return  # the turn goes on without a stream, and ends as one that was not understood
        except Exception as error:  # an engine may raise anything
            await self._fail(error.code if isinstance(error, AudioError) else RecogniserError.code)
            return
        recent = bytes(self._recent)
        await self._tell_stream(lambda stream: stream.feed(recent))

    def _on_partial(self, text: str) -> None:
        self._patience = turn_hint(text, self._decided_by(text))
        partial = HeardFrame(recognition=Recognition((Reading(text, 0.0),)), final=False, over_bot=self._over_bot)
        self._spawn(self.push_frame(partial))

    def _decided_by(self, text: str) -> bool:
        """Whether the words so far decide the matter; a classifier that fails is no reason to hear no more."""
        try:
            return self._listen.expect is Expect.OPEN and self._decides(text, self._listen.language)
        except Exception:
            log.exception("a partial result cannot be judged", code="nlu.failed")
            return False

    def _end_turn(self) -> None:
        stream, self._stream = self._stream, None
        ended_at = time.monotonic() - self._turn.silence_s
        heard = HeardFrame(over_bot=self._over_bot, speech_s=self._turn.speech_s, ended_at=ended_at)
        self._latest_turn = self._spawn(self._finish(stream, heard, after=self._latest_turn))

    async def _finish(self, stream: RecogniserStream | None, heard: HeardFrame, *, after: asyncio.Task[None] | None) -> None:
        """Report the turn with its words; without words the dialogue asks again. Turns are recognised at the same time, and
        reported in the order in which they were spoken.
        """
        result = heard if stream is None else await self._recognise(stream, heard)
        if after is not None:
            await asyncio.wait({after})
        if isinstance(result, HeardFrame):
            await self.push_frame(result)
        else:
            await self._fail(*result)

    async def _recognise(self, stream: RecogniserStream, heard: HeardFrame) -> HeardFrame | tuple[str, str]:
        """`heard` with its words, or the code of what failed and how that is counted."""
        began, language = time.monotonic(), self._listen.language
        try:
            heard.recognition = await asyncio.wait_for(stream.finish(), FINISH_DEADLINE_S)
        except RecogniserBusy:  # for a moment only: the next sentence may be heard
            self._measured(language, "busy", time.monotonic() - began)
            return heard
        except AudioError as error:
            return error.code, "failed"
        except Exception as error:  # it hangs, or raises anything; the call goes on with keys
            log.exception("the recogniser failed", code=RecogniserError.code)
            return RecogniserError.code, "late" if isinstance(error, TimeoutError) else "failed"
        finally:
            _close(stream)
        self._measured(language, "ok", time.monotonic() - began)
        return heard

    async def _fail(self, code: str, result: str = "failed") -> None:
        """The recogniser is of no use to this call any more: never listen again, let the dialogue go on with keys."""
        if self._broken:
            return
        self._measured(self._listen.language, result, 0.0)
        self._deaf = self._broken = True
        self._forget_turn()
        await self.push_frame(EarFailedFrame(code=code))

    def _forget_turn(self) -> None:
        self._turn.reset()
        stream, self._stream = self._stream, None
        if stream is not None:
            _close(stream)

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self.create_task(work)
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        return task

    async def _stop(self) -> None:
        self._deaf = True
        self._forget_turn()
        for task in list(self._finishing):
            await self.cancel_task(task)


def _close(stream: RecogniserStream) -> None:
    """Let a stream go. One that fails at it has no say in what happens next: a key, the end of the call."""
    try:
        stream.close()
    except Exception:
        log.exception("a recogniser's stream cannot be closed", code=RecogniserError.code)
