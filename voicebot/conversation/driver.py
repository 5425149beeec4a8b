"""`CallDriver`: runs one call from its first event to its last."""

from __future__ import annotations

import asyncio
from math import ceil
from typing import assert_never

import structlog

from audio.types import Recognition
from dialogs.events import (
    Action,
    AuthorisationResult,
    Authorise,
    CallStarted,
    CollectKeys,
    Conditions,
    ConditionsChanged,
    Decided,
    Event,
    Failed,
    HandOff,
    HandOffResult,
    HangUp,
    Heard,
    HungUp,
    Interrupted,
    KeyPressed,
    Listen,
    PromptFinished,
    Remember,
    Say,
    Silence,
    StopRecording,
    Wait,
)
from nlu.types import Hypothesis
from voicebot.conversation.facts import FactQueue
from voicebot.conversation.hold import Hold
from voicebot.conversation.rescue import RescueConversation
from voicebot.conversation.settings import DriverSettings
from voicebot.conversation.silence import SilenceTimer
from voicebot.conversation.stage import (
    Backchannel,
    Conversation,
    Fact,
    HandOver,
    HoldChanged,
    HoldTooLong,
    PlaybackStarted,
    PlaybackStopped,
    PutThroughNow,
    Recognised,
    SpeechLost,
    SpeechStarted,
    Stage,
    TimerRang,
    Understand,
)
from voicebot.records.journal import Journal
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

NOISE_S = 0.35
"""A sound shorter than this in which no words were found is no answer."""

IDLE_S = 6.0
"""How long the driver waits when the dialogue forgot to ask for anything."""


SPEECH_LOST_S = 35.0
"""A turn of the caller lasts 20 s at most, its recognition 8 s: what takes longer has been lost on the way."""


class CallDriver:
    """Takes facts in the order they happened; methods that report facts return at once and may be called from any task."""

    def __init__(
        self,
        *,
        conversation: Conversation,
        stage: Stage,
        understand: Understand,
        hand_over: HandOver,
        backchannel: Backchannel,
        journal: Journal,
        settings: DriverSettings,
    ) -> None:
        self.outcome = "open"
        self._conversation = conversation
        self._stage = stage
        self._understand = understand
        self._hand_over = hand_over
        self._backchannel = backchannel
        self._journal = journal
        self._settings = settings
        self._facts = FactQueue()
        self._hold = Hold()
        self._silence = SilenceTimer(self._facts.put)
        self._known_conditions = Conditions()
        self._listen = Listen(language=settings.language)
        self._keys: CollectKeys | None = None
        self._speaking: dict[str, Say] = {}
        self._caller_talks = False
        self._turns = 0
        self._bot_paused = False
        self._speech_ended_at: float | None = None
        self._hang_up_reason: str | None = None
        self._handing_over: asyncio.Task[None] | None = None
        self._rescued = False
        self._over = False

    # ------------------------------------------------------------------ facts from outside

    def start(self, started: CallStarted) -> None:
        """The call is answered. What happened before is taken after it, in order."""
        self._known_conditions = started.conditions
        self._facts.put_later(self._settings.max_call_s, Failed("max_length", "telephony.max_length"))
        self._facts.begin(started)

    def speech_started(self, *, over_bot: bool) -> None:
        """The caller began to speak; the bot, if it spoke, is paused."""
        self._facts.put(SpeechStarted(over_bot))

    def recognised(self, fact: Recognised) -> None:
        """What was heard, so far or in the whole turn."""
        self._facts.put(fact)

    def key(self, key: str) -> None:
        """A key was pressed."""
        self._facts.put(KeyPressed(key))

    def hold(self, held: bool) -> None:
        """The far end holds the call, or took it back."""
        self._facts.put(HoldChanged(held))

    def playback_started(self, mark: str, at: float) -> None:
        """The first sample of a mark has been sent."""
        self._facts.put(PlaybackStarted(mark, at))

    def playback_stopped(self, mark: str, *, finished: bool, played_s: float) -> None:
        """A mark was played to its end, or stopped."""
        self._facts.put(PlaybackStopped(mark, finished, played_s))

    def failed(self, stage: str, code: str) -> None:
        """A stage failed; the call goes on without it."""
        self._facts.put(Failed(stage, code))

    def hung_up(self, cause: str) -> None:
        """The leg is gone."""
        self._facts.put(HungUp(cause))

    def put_through_now(self, why: str) -> None:
        """The caller must go to the default queue now, with a sentence; a hand-off under way is awaited instead."""
        self._facts.put(PutThroughNow(why))

    # ------------------------------------------------------------------ the one loop

    async def run(self) -> None:
        """Take facts in order until the call is over."""
        try:
            while not self._over:
                fact = await self._facts.take()
                try:
                    await self._take(fact)
                    self._never_idle()
                except Exception as error:  # anything at all: the caller still reaches a human
                    await self._rescue(error)
        finally:
            self._silence.stop()
            self._facts.close()
            await cancelled(self._handing_over)

    async def _take(self, fact: Fact) -> None:
        if self._hold.keeps(fact):
            return
        match fact:
            case Recognised():
                await self._on_recognised(fact)
            case SpeechStarted():
                self._on_speech_started(fact)
            case SpeechLost():
                await self._on_speech_lost(fact)
            case PlaybackStarted():
                self._on_playback_started(fact)
            case PlaybackStopped():
                await self._on_playback_stopped(fact)
            case TimerRang():
                if self._silence.accept(fact):
                    await self._happened(Silence(fact.seconds))
            case KeyPressed():
                await self._on_key(fact)
            case HoldChanged():
                await self._on_hold_changed(fact)
            case HoldTooLong():
                await self._on_hold_too_long(fact)
            case PutThroughNow():
                await self._on_put_through_now(fact)
            case HungUp():
                await self._on_hung_up(fact)
            case Failed():
                await self._on_failed(fact)
            case _:
                await self._happened(fact)

    async def _happened(self, event: Event) -> None:
        """Give the dialogue an event and do what it answers."""
        await self._tell_conditions(event)
        if not (isinstance(event, KeyPressed) and self._keys is not None and self._keys.secret):
            self._journal.happened(event)
        await self._do_all(self._conversation.handle(event, self._settings.clock()))

    async def _tell_conditions(self, event: Event) -> None:
        """Switches and waits that changed while the call runs are told before what they may decide."""
        if self._settings.conditions is None or isinstance(event, CallStarted | HungUp):
            return
        try:
            now = self._settings.conditions()
        except Exception as error:  # the last conditions known hold
            log.error("live conditions cannot be read", code="state.failed", error=error)
            return
        if _as_told(now) == _as_told(self._known_conditions):
            return
        self._known_conditions = now
        changed = ConditionsChanged(now)
        self._journal.happened(changed)
        await self._do_all(self._conversation.handle(changed, self._settings.clock()))

    async def _do_all(self, actions: list[Action]) -> None:
        for action in actions:
            self._journal.did(action)
            await self._do(action)

    async def _do(self, action: Action) -> None:
        match action:
            case Say():
                self._speaking[action.mark] = action
                self._silence.stop()
                self._facts.put_later(self._settings.max_say_s, PlaybackStopped(action.mark, finished=True))
                await self._stage.say(action)
            case Listen():
                self._listen, self._keys = action, None
                await self._stage.listen(action)
                self._await_answer(action.no_input_s)
            case CollectKeys():
                self._keys = action
                self._caller_talks = self._bot_paused = False  # the ear is closed: nothing of a turn under way will come
                await self._stage.listen(None)
                self._await_answer(action.timeout_s)
            case Wait():
                self._await_answer(action.seconds)
            case HandOff():
                self._silence.stop()
                self._handing_over = asyncio.create_task(self._hand_over_and_tell(action))
            case HangUp():
                self._hang_up_reason = action.reason
                await self._hang_up_when_silent()
            case StopRecording():
                await self._stage.stop_recording()
            case Authorise():
                self._facts.put(AuthorisationResult(confirmed=False, reason="not_available"))
            case Decided() | Remember():
                pass  # for the journal and the session
            case _:
                assert_never(action)

    # ------------------------------------------------------------------ speech, keys, playback

    async def _on_recognised(self, fact: Recognised) -> None:
        text = fact.recognition.text
        if not fact.final:
            self._journal.note("partial", text=text)
            return
        self._caller_talks = False
        bot_paused, self._bot_paused = self._bot_paused, False
        ignored = self._why_ignored(fact)
        if ignored is not None:
            self._journal.note("ignored", text=text, why=ignored)
            if bot_paused:
                await self._stage.resume_speaking()
            self._await_answer()
            return
        if fact.over_bot:
            await self._interrupt()
        self._speech_ended_at = fact.ended_at or None
        await self._happened(await self._understood(fact.recognition))

    def _why_ignored(self, fact: Recognised) -> str | None:
        if not fact.recognition.text.strip():
            return "noise" if fact.over_bot or fact.speech_s < NOISE_S else None
        return "backchannel" if fact.over_bot and self._backchannel(fact.recognition.text, self._listen) else None

    async def _understood(self, recognition: Recognition) -> Heard:
        hypotheses = [Hypothesis(reading.text, reading.confidence) for reading in recognition.readings if reading.text.strip()]
        if not hypotheses:
            return Heard(text="")
        try:
            async with asyncio.timeout(self._settings.understand_s):
                understanding = await self._understand(hypotheses, self._listen.language)
        except Exception as error:  # a TimeoutError is one like the others
            log.error("understanding failed", code="nlu.failed", error=error)
            self._facts.put(Failed("classifier", "nlu.failed"))
            return Heard(text="", confidence=hypotheses[0].confidence)
        return Heard(text=understanding.text, understanding=understanding, confidence=hypotheses[0].confidence)

    def _on_speech_started(self, fact: SpeechStarted) -> None:
        if self._keys is not None:
            return  # it began before the ear was closed; its end will not be reported
        self._turns += 1
        self._caller_talks, self._bot_paused = True, fact.over_bot
        self._silence.stop()
        self._facts.put_later(SPEECH_LOST_S, SpeechLost(self._turns))

    async def _on_speech_lost(self, fact: SpeechLost) -> None:
        """No call waits for ever for the end of a sentence."""
        if not self._caller_talks or fact.number != self._turns:
            return
        self._journal.note("speech_lost")
        self._caller_talks = False
        if self._bot_paused:
            self._bot_paused = False
            await self._stage.resume_speaking()
        self._await_answer()

    async def _on_key(self, fact: KeyPressed) -> None:
        self._caller_talks = self._bot_paused = False
        await self._interrupt()
        await self._happened(fact)

    async def _interrupt(self) -> None:
        """Stop what is being said; the dialogue hears of it before it hears what the caller did."""
        if not self._speaking:
            return
        await self._stage.stop_speaking()
        stopped = {fact.mark: fact.played_s for fact in self._facts.take_out(PlaybackStopped)}
        said = list(self._speaking)
        self._speaking.clear()
        for mark in said:
            await self._happened(Interrupted(mark, stopped.get(mark, 0.0)))

    def _on_playback_started(self, fact: PlaybackStarted) -> None:
        if self._speech_ended_at is not None:
            self._journal.note("latency", response_ms=round((fact.at - self._speech_ended_at) * 1000))
            self._speech_ended_at = None

    async def _on_playback_stopped(self, fact: PlaybackStopped) -> None:
        if self._speaking.pop(fact.mark, None) is None:
            return
        await self._happened(PromptFinished(fact.mark) if fact.finished else Interrupted(fact.mark, fact.played_s))
        self._await_answer()
        await self._hang_up_when_silent()

    async def _on_failed(self, fact: Failed) -> None:
        log.warning("stage failed", stage=fact.stage, code=fact.code)
        if fact.stage == "voice":
            self._speaking.clear()
        if fact.stage == "recogniser":
            self._caller_talks = False
            if self._bot_paused:
                self._bot_paused = False
                await self._stage.resume_speaking()
        await self._happened(fact)
        await self._hang_up_when_silent()

    # ------------------------------------------------------------------ waiting for an answer

    def _await_answer(self, seconds: float | None = None) -> None:
        """Count silence from now, as soon as nobody speaks."""
        if seconds is not None:
            self._silence.seconds = seconds
        self._silence.stop()
        if not (self._speaking or self._caller_talks or self._handing_over or self._hang_up_reason):
            self._silence.start()

    def _never_idle(self) -> None:
        """No call ends in silence: when nothing at all is under way, a silence is counted that wakes the dialogue."""
        busy = self._speaking or self._caller_talks or self._handing_over or self._hang_up_reason or self._over
        if not busy and not self._silence.running and self._facts.empty:
            self._silence.start(self._silence.seconds or IDLE_S)

    # ------------------------------------------------------------------ hold

    async def _on_hold_changed(self, fact: HoldChanged) -> None:
        """On hold everything waits; after it the question is put again. What the caller did not hear was not said."""
        if fact.held == self._hold.on or self._over:
            return
        if fact.held:
            self._hold.begin(self._speaking)
            self._journal.note("held")
            self._silence.stop()
            self._speaking.clear()
            self._caller_talks = self._bot_paused = False
            await self._stage.stop_speaking()
            self._facts.put_later(self._settings.max_hold_s, HoldTooLong(self._hold.number))
            return
        resumed, kept = self._hold.end()
        if self._rescued and self._handing_over is None:
            await self._switch_to_rescue("error")  # whoever listens now has not heard it
        elif self._hang_up_reason is None and self._handing_over is None:
            await self._happened(resumed)
        for waited in kept:
            await self._take(waited)
        await self._hang_up_when_silent()

    async def _on_hold_too_long(self, fact: HoldTooLong) -> None:
        if not self._hold.on or fact.number != self._hold.number:
            return
        self._journal.note("held_too_long", seconds=self._settings.max_hold_s)
        await self._end_call("held_too_long")

    # ------------------------------------------------------------------ hand-off and the end

    async def _on_put_through_now(self, fact: PutThroughNow) -> None:
        """The service stops: a caller who is not on the way to a human already is told and handed over."""
        if self._over or self._handing_over is not None or self._hang_up_reason is not None or self._rescued:
            return
        self._journal.note("put_through_now", why=fact.why)
        self._hold.forget()  # on hold or not: there is no later
        await self._switch_to_rescue(fact.why)

    async def _hand_over_and_tell(self, action: HandOff) -> None:
        try:
            result = await self._hand_over(action)
        except Exception as error:
            log.error("hand-off failed", code="handoff.failed", error=error)
            result = HandOffResult(ok=False, queue=action.queue, reason="failed")
        self._handing_over = None
        self._facts.put(result)

    async def _on_hung_up(self, fact: HungUp) -> None:
        """The leg is gone. A transfer's result that comes with the end of the leg counts before it."""
        self._speaking.clear()
        self._hold.forget()
        if self._handing_over is not None:
            await asyncio.wait({self._handing_over}, timeout=1.0)
        for result in self._facts.take_out(HandOffResult):
            await self._happened(result)
        if not self._over:
            await self._happened(fact)
            self._finish(self._hang_up_reason or _OUTCOME_OF_END.get(fact.by, "caller_hung_up"))

    async def _hang_up_when_silent(self) -> None:
        if self._hang_up_reason is not None and not self._speaking and not self._over and not self._hold.on:
            await self._end_call(self._hang_up_reason)

    async def _end_call(self, outcome: str) -> None:
        """Hang up. A leg that does not end in time is let go: the call is over, whatever becomes of it."""
        self._finish(outcome)
        try:
            await self._stage.hang_up()
        except Exception as error:
            log.warning("the leg did not end in time", code="telephony.failed", error=error)

    def _finish(self, outcome: str) -> None:
        self.outcome = outcome
        self._over = True

    async def _rescue(self, error: Exception) -> None:
        """Something broke in here: the conversation of last resort takes over; if that breaks too, the leg is let go."""
        log.error("call rescued", code="call.rescued", error=error, exc_info=error)
        self._journal.note("error", code="call.rescued", error=type(error).__name__)
        if self._over:
            return
        if self._rescued:
            await self._end_call("failed")
            return
        try:
            await self._switch_to_rescue("error")
        except Exception as second:
            await self._rescue(second)

    async def _switch_to_rescue(self, why: str) -> None:
        """The conversation of last resort: one sentence, then the default queue."""
        self._rescued = True
        self._silence.stop()
        self._speaking.clear()
        self._hang_up_reason = None
        rescue = RescueConversation(self._settings.default_queue, self._listen.language, why)
        self._conversation = rescue
        await self._stage.stop_speaking()
        self._facts.take_out(PlaybackStopped)
        await self._do_all(rescue.begin())


_OUTCOME_OF_END = {"shutdown": "shutdown", "failed": "failed", "media_timeout": "media_timeout", "max_length": "max_length"}
"""Ends of a leg that were not the caller's doing, as outcomes."""


def _as_told(conditions: Conditions) -> tuple[object, ...]:
    """What callers hear of the conditions: the switches, and waits in whole minutes."""
    return conditions.switches, tuple((queue, ceil(seconds / 60)) for queue, seconds in conditions.waits)
