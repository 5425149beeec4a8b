"""The Ear: turn taking and the recogniser's stream of one call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine

import structlog
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InputDTMFFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from audio.errors import AudioError, RecogniserBusy, RecogniserError
from audio.recognisers.settings import LONGEST_DECODE_S
from audio.types import Reading, Recogniser, RecogniserStream, Recognition
from dialogs.events import Expect, Listen
from voicebot.pipeline.frames import (
    CallerAudioFrame,
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
SPOKEN_S = 0.8  # less of what sounds like speech, without a word in it, may be a cough: it tells nothing of the recogniser
FINISH_DEADLINE_S = LONGEST_DECODE_S + 0.5  # the recogniser's own deadline comes first: it knows what failed

Recognisers = Callable[[str], Recogniser | None]
"""The recogniser of a language, or None when there is none."""

Measured = Callable[[str, str, float, int], None]
"""Told of every turn that was recognised or not: its language, how it went ("ok", "wordless", "noise", "busy", "late", "failed"),
the seconds from its end to that, and how often it was decoded."""

Decides = Callable[[str, str], bool]
"""Whether these words (text, language) already decide the matter, so that the turn may end sooner."""


class Ear(FrameProcessor):
    """Turns the caller's audio into `HeardFrame`s. Audio goes no further than here.

    Speech over the bot pauses it at once; whether it was an answer, Steering decides when it is known what was said.
    """

    def __init__(
        self,
        *,
        recognisers: Recognisers,
        sample_rate: int,
        decides: Decides,
        settings: TurnSettings | None = None,
        measured: Measured = lambda language, result, seconds, decodes: None,
    ) -> None:
        """`sample_rate` is that of the caller's audio, in Hz."""
        super().__init__(enable_direct_mode=True)
        self._recognisers = recognisers
        self._sample_rate = sample_rate
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
        if isinstance(frame, CallerAudioFrame):
            try:
                await self._hear(frame)
            except Exception:  # whatever it is, the call goes on with keys
                log.exception("the caller cannot be heard", code=AudioError.code)
                await self._fail(AudioError.code)
            return
        if isinstance(frame, ListenFrame):
            self._listen_for(frame.listen)
            return
        if isinstance(frame, EarFailedFrame):
            await self._fail(frame.code)
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

    def is_listening(self) -> bool:
        """Whether speech matters now: somebody waits for it, and can recognise it."""
        return not self._deaf and self._recognisers(self._listen.language) is not None

    async def _hear(self, frame: CallerAudioFrame) -> None:
        """Window by window: after a delay much arrives at once, and a turn may begin in its middle."""
        windows = frame.speech
        samples, count = len(frame.audio) // 2, max(1, len(windows))
        for number in range(count):
            if not self.is_listening():
                return
            pcm = frame.audio[2 * (samples * number // count) : 2 * (samples * (number + 1) // count)]
            if self._stream is not None:
                await self._tell_stream(lambda stream, pcm=pcm: stream.feed(pcm))  # type: ignore[misc]
            self._remember(pcm)
            if not windows:
                return
            signal = self._turn.window(windows[number], self._listen.expect, self._patience)
            if signal is not None:
                await self._on_signal(signal)

    def _remember(self, pcm: bytes) -> None:
        """Keep the last moments, so that the first sounds of a turn are not lost to the time it takes to notice speech."""
        self._recent += pcm
        excess = len(self._recent) - int(PRE_ROLL_S * self._sample_rate) * 2
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
            if self._patience is TurnHint.DECIDED:
                self._patience = TurnHint.NEUTRAL  # by words that are not all any more
            await self._tell_stream(lambda stream: stream.resume())

    async def _tell_stream(self, tell: Callable[[RecogniserStream], None]) -> None:
        """Tell the utterance's stream something. One that is too busy is let go: the turn ends as one that was not understood."""
        if self._stream is None:
            return
        try:
            tell(self._stream)
        except RecogniserBusy:
            self._measured(self._listen.language, "busy", 0.0, 0)
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
                sample_rate=self._sample_rate,
                expect=self._listen.expect.value,
                on_partial=self._on_partial,
            )
        except RecogniserBusy:
            self._measured(self._listen.language, "busy", 0.0, 0)
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
            self._measured(language, "busy", time.monotonic() - began, 0)
            return heard
        except AudioError as error:
            return error.code, "failed"
        except Exception as error:  # it hangs, or raises anything; the call goes on with keys
            log.exception("the recogniser failed", code=RecogniserError.code)
            return RecogniserError.code, "late" if isinstance(error, TimeoutError) else "failed"
        finally:
            _close(stream)
        went = "ok" if heard.recognition.text else "wordless" if heard.speech_s >= SPOKEN_S else "noise"
        self._measured(language, went, time.monotonic() - began, heard.recognition.decodes)
        return heard

    async def _fail(self, code: str, result: str = "failed") -> None:
        """The recogniser is of no use to this call any more: never listen again, let the dialogue go on with keys."""
        if self._broken:
            return
        self._measured(self._listen.language, result, 0.0, 0)
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
