"""One call of the softphone: the steps of its script in order, while it listens to the bot all the time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import assert_never

from baresip import AudioNotActive, AudioRestarted, BaresipError, Call, CallFailed, Event, StackEvent, TransferRequest

from audio.synthesis import Sound
from voicebot.softphone.hearing import BotSound
from voicebot.softphone.phone import Phone
from voicebot.softphone.report import CallReport, Moment
from voicebot.softphone.script import (
    CallScript,
    HangUp,
    Keys,
    OnTransfer,
    Pause,
    Play,
    Say,
    Step,
    UntilEnded,
    UntilSilent,
    UntilSpeaking,
    step_name,
)
from voicebot.softphone.speech import at_rate
from voicebot.softphone.timeline import Timeline

_TICK_S = 0.01
_CLOSE_S = 2.0
_SENT_S = 5.0
_SOUND_S = 5.0
_READ_BYTES = 8192

OnMoment = Callable[[Moment], None]


class ScriptedCall(ABC):
    """Follows one script. `sounds` holds every utterance of it, made before the call. How the call is placed is of its kind."""

    def __init__(self, script: CallScript, sounds: Mapping[Step, Sound], on_moment: OnMoment) -> None:
        self._script = script
        self._sounds = sounds
        self._timeline = Timeline(script.name, on_moment)
        self._ear: BotSound | None = None
        self._rate = 0
        self._ended = asyncio.Event()
        self._answered_at = 0.0
        self._close_reason = ""
        self._target = ""
        self._put_through = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> CallReport:
        """Dial, follow the steps, hang up; never raises for what the far end does."""
        await asyncio.sleep(self._script.delay_s)
        status = await self._connect()
        if self._answered_at:
            await self._talk()
        return self._report(status)

    @abstractmethod
    async def _connect(self) -> int:
        """Dial and wait for the answer; the status of a refusal, 0 when answered."""

    @abstractmethod
    def _send(self, pcm: bytes) -> int:
        """Queue sound at `_rate`; the bytes taken."""

    @abstractmethod
    def _unsent(self) -> int:
        """Bytes queued."""

    @abstractmethod
    def _receive(self) -> bytes:
        """What came in."""

    @abstractmethod
    async def _press_key(self, key: str) -> None:
        """One key."""

    @abstractmethod
    async def _hang_up(self) -> None:
        """End the call."""

    async def _talk(self) -> None:
        listening = asyncio.create_task(self._listen())
        steps = asyncio.create_task(self._follow())
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait({steps, ended}, timeout=self._script.max_s, return_when=asyncio.FIRST_COMPLETED)
        for task in (steps, ended):
            task.cancel()
        failures = await asyncio.gather(steps, return_exceptions=True)
        if not self._ended.is_set():
            await self._hang_up()
        listening.cancel()
        await asyncio.gather(listening, *self._tasks, return_exceptions=True)
        for failure in failures:
            if isinstance(failure, Exception) and not isinstance(failure, BaresipError):
                raise failure

    # ------------------------------------------------------------ steps

    async def _follow(self) -> None:
        for number, step in enumerate(self._script.steps, start=1):
            self._timeline.step = number
            self._timeline.note("step_began", detail=step_name(step))
            if not await self._do(step):
                self._timeline.timed_out.append(number)
                self._timeline.note("step_timed_out", detail=step_name(step))
            self._timeline.note("step_ended", detail=step_name(step))
            if isinstance(step, HangUp):
                return

    async def _do(self, step: Step) -> bool:
        """Do one step; False when what it waited for did not come."""
        match step:
            case Say() | Play():
                await self._utter(at_rate(self._sounds[step], self._rate))
            case Keys():
                await self._press(step)
            case Pause():
                await asyncio.sleep(step.seconds)
            case UntilSilent():
                return await self._until(lambda: self._timeline.has_fallen_silent(self._ear, step.seconds), step.at_most_s)
            case UntilSpeaking():
                return await self._until(lambda: self._timeline.has_spoken_for(self._ear, step.seconds), step.at_most_s)
            case UntilEnded():
                return await self._until(self._ended.is_set, step.at_most_s)
            case HangUp():
                pass
            case _:
                assert_never(step)
        return True

    async def _utter(self, pcm: bytes) -> None:
        self._timeline.own_sound_began(self._ear)
        while pcm:
            pcm = pcm[self._send(pcm) :]
            await asyncio.sleep(_TICK_S)
        await self._until(lambda: self._unsent() == 0, _SENT_S)
        self._timeline.own_sound_ended()

    async def _press(self, step: Keys) -> None:
        for at, key in enumerate(step.keys):
            if at:
                await asyncio.sleep(step.gap_s)
            self._timeline.own_sound_began(self._ear)
            self._timeline.own_sound_ended()
            await self._press_key(key)

    async def _until(self, condition: Callable[[], bool], at_most_s: float) -> bool:
        deadline = time.monotonic() + at_most_s
        while not condition():
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_TICK_S)
        return True

    # ------------------------------------------------------------ the bot

    async def _listen(self) -> None:
        self._ear = BotSound(self._rate)
        while True:
            for what, at in self._ear.feed(self._receive(), time.monotonic()):
                self._timeline.bot_changed(what, at)
            await asyncio.sleep(_TICK_S)

    # ------------------------------------------------------------ the report

    def _report(self, status: int) -> CallReport:
        recording = ""
        if self._script.record is not None and self._ear is not None:
            self._ear.save(self._script.record)
            recording = str(self._script.record)
        return CallReport(
            call=self._script.name,
            answered=bool(self._answered_at),
            status=status,
            close_reason=self._close_reason,
            transfer_target=self._target,
            put_through=self._put_through,
            duration_s=time.monotonic() - self._answered_at if self._answered_at else 0.0,
            heard_s=self._ear.spoken_s if self._ear is not None else 0.0,
            responses=tuple(self._timeline.responses),
            stops=tuple(self._timeline.stops),
            timed_out=tuple(self._timeline.timed_out),
            recording=recording,
            moments=tuple(sorted(self._timeline.moments, key=lambda moment: moment.at)),
        )


class SipScriptedCall(ScriptedCall):
    """Over SIP, on a phone."""

    def __init__(self, phone: Phone, script: CallScript, sounds: Mapping[Step, Sound], on_moment: OnMoment) -> None:
        super().__init__(script, sounds, on_moment)
        self._phone = phone
        self._call: Call | None = None

    async def _connect(self) -> int:
        """Dial and wait for the answer; the SIP status of a refusal, 0 when answered."""
        self._timeline.note("dialling", detail=self._script.target)
        try:
            self._call = await self._phone.dial(self._script)
            self._call.on(self._on_stack_event)
            self._call.on_transfer_request(self._on_transfer)
            await self._call.wait_established(min(self._script.ring_s, self._script.max_s))
        except CallFailed as error:
            self._close_reason = str(error)
            self._timeline.note("ended", detail=self._close_reason)
            return error.status or 408
        except BaresipError as error:
            self._close_reason = str(error)
            self._timeline.note("ended", detail=self._close_reason)
            return 503
        answered = self._timeline.answered()
        try:
            self._rate = await self._sound_of(self._call)
        except TimeoutError:
            self._close_reason = self._close_reason or "no sound came up"
            self._timeline.note("ended", detail=self._close_reason)
            await self._hang_up()
            return 503
        self._answered_at = answered
        return 0

    async def _sound_of(self, call: Call) -> int:
        """The rate of the sound (Hz), once there is any: DTLS-SRTP takes a moment after the answer. Raises TimeoutError."""
        async with asyncio.timeout(_SOUND_S):
            while not self._ended.is_set():
                with contextlib.suppress(AudioNotActive):
                    return int(call.audio.info().rx_sample_rate)
                await asyncio.sleep(_TICK_S)
        raise TimeoutError

    def _send(self, pcm: bytes) -> int:
        with contextlib.suppress(AudioRestarted):
            return self._call.audio.write(pcm) if self._call is not None else 0
        return 0

    def _unsent(self) -> int:
        try:
            return int(self._call.audio.info().tx_buffered) if self._call is not None else 0
        except AudioNotActive:
            return 0

    def _receive(self) -> bytes:
        try:
            return self._call.audio.read(_READ_BYTES) if self._call is not None else b""
        except (AudioRestarted, AudioNotActive):
            return b""

    async def _press_key(self, key: str) -> None:
        if self._call is not None:
            await self._call.send_dtmf(key)

    async def _hang_up(self) -> None:
        with contextlib.suppress(BaresipError, TimeoutError):
            if self._call is not None:
                await self._call.hangup()
            await asyncio.wait_for(self._ended.wait(), _CLOSE_S)

    # ------------------------------------------------------------ the stack

    def _on_stack_event(self, event: StackEvent) -> None:
        if event.event is Event.CALL_RINGING:
            self._timeline.note("ringing")
        elif event.event is Event.CALL_CLOSED:
            self._close_reason = event.text or ""
            self._ended.set()
            if self._answered_at:
                self._timeline.note("ended", detail=self._close_reason)

    def _on_transfer(self, request: TransferRequest) -> None:
        self._target = request.target
        self._timeline.note("transfer", detail=request.target)
        task = asyncio.get_running_loop().create_task(self._react(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _react(self, request: TransferRequest) -> None:
        call = self._call
        if call is None:
            return
        with contextlib.suppress(BaresipError):
            match self._script.on_transfer:
                case OnTransfer.ACCEPT:
                    if await self._phone.put_through(call, request.target):
                        await self._arrive()
                case OnTransfer.FOLLOW:
                    reached = await call.accept_transfer()
                    await self._arrive()
                    await reached.hangup()
                case OnTransfer.REFUSE:
                    await call.reject_transfer(603)
                case OnTransfer.HANG_UP:
                    await call.hangup()
                case OnTransfer.IGNORE:
                    pass
                case _:
                    assert_never(self._script.on_transfer)

    async def _arrive(self) -> None:
        """The new call was answered when the old one ends."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _CLOSE_S)
            self._put_through = True
            self._timeline.note("put_through", detail=self._target)
