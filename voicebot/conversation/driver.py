"""`CallDriver`: runs one call from its first event to its last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

import structlog

from audio.types import Recognition
from dialogs.events import (
    Action,
    AuthorisationAsked,
    AuthorisationResult,
    Authorise,
    CallStarted,
    CheckCode,
    CodeResult,
    CollectKeys,
    Decided,
    Event,
    Expect,
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
from nlu.text.redaction.turns import TurnRedaction
from nlu.types import Hypothesis
from voicebot.conversation.authorising import Authorising
from voicebot.conversation.facts import FactQueue, Reports
from voicebot.conversation.handing_over import STILL, HandingOver, still_connecting
from voicebot.conversation.hold import Hold
from voicebot.conversation.live_conditions import LiveConditions
from voicebot.conversation.rescue import RescueConversation, is_transfer
from voicebot.conversation.settings import DriverSettings
from voicebot.conversation.silence import SilenceTimer
from voicebot.conversation.spoken_number import spoken_digits
from voicebot.conversation.stage import (
    Backchannel,
    Conversation,
    Fact,
    HandOver,
    HoldChanged,
    HoldTooLong,
    KeysPaused,
    PlaybackStarted,
    PlaybackStopped,
    Prove,
    PutThroughNow,
    Recognised,
    SpeechLost,
    SpeechStarted,
    Stage,
    StillConnecting,
    TakeCode,
    TimerRang,
    Understand,
)
from voicebot.conversation.typed_code import END, CodeCheck, TypedDigits
from voicebot.records.journal import Journal

log = structlog.get_logger(__name__)

NOISE_S = 0.35
"""A sound shorter than this in which no words were found is no answer."""

IDLE_S = 6.0
"""How long the driver waits when the dialogue forgot to ask for anything."""

LEG_WENT_S = 1.0
"""A transfer that takes the leg with it tells its result within so long."""

STILL_AGAIN_S = 1.0
"""Somebody speaks: that we are still connecting is said so much later."""

SPEECH_LOST_S = 35.0
"""A turn of the caller lasts 20 s at most, its recognition 8 s: what takes longer has been lost on the way."""


class CallDriver(Reports):
    """Takes the facts that are reported, in the order in which they happened."""

    def __init__(
        self,
        *,
        conversation: Conversation,
        stage: Stage,
        understand: Understand,
        hand_over: HandOver,
        backchannel: Backchannel,
        authorise: Prove | None = None,
        take_code: TakeCode | None = None,
        typing: Callable[[bool], None] = lambda _: None,
        entertained: Callable[[], bool] = lambda: False,
        journal: Journal,
        settings: DriverSettings,
    ) -> None:
        """`typing` is told when a number is being typed, and when it is over; `entertained` says whether somebody else speaks to
        the caller who is put through.
        """
        super().__init__(FactQueue())
        self.outcome = "open"
        self._conversation = conversation
        self._stage = stage
        self._understand = understand
        self._backchannel = backchannel
        self._journal = journal
        self._settings = settings
        self._hold = Hold()
        self._silence = SilenceTimer(self._facts.put)
        self._handing_over = HandingOver(hand_over, self._facts.put)
        self._authorising = Authorising(authorise, self._facts.put)
        self._typed = TypedDigits(settings.code_digits)
        self._code_check = CodeCheck(take_code, self._facts.put)
        self._typing = typing
        self._entertained = entertained
        self._said_while_typing = False
        self._after_speech: list[Fact] = []
        self._conditions = LiveConditions(settings.conditions)
        self._told = TurnRedaction()
        self._listen = Listen(language=settings.language)
        self._keys: CollectKeys | None = None
        self._speaking: dict[str, Say] = {}
        self._caller_talks = False
        self._turns = 0
        self._bot_paused = False
        self._speech_ended_at: float | None = None
        self._hang_up_reason: str | None = None
        self._handed_over = False
        self._rescued = False
        self._nobody_hears = False
        self._over = False

    @property
    def language(self) -> str:
        """The language in which the caller was asked last."""
        return self._listen.language

    def start(self, started: CallStarted) -> None:
        """The call is answered. What happened before is taken after it, in order."""
        self._conditions.known = started.conditions
        self._facts.put_later(self._settings.max_call_s, Failed("max_length", "telephony.max_length"))
        self._facts.begin(started)

    # ------------------------------------------------------------------ the one loop

    async def run(self) -> None:
        """Take facts in order until the call is over. Raises what broke when the conversation of last resort breaks as well."""
        try:
            while not self._over:
                fact = await self._facts.take()
                try:
                    await self._take(fact)
                    await self._take_what_waited()
                    self._never_idle()
                except Exception as error:  # anything at all: the caller still reaches a human
                    await self._rescue(error)
        finally:
            self._silence.stop()
            self._facts.close()
            self._typed.forget()
            await self._code_check.close()
            await self._authorising.close()
            await self._handing_over.close()

    async def _take(self, fact: Fact) -> None:
        if self._hold.keeps(fact):
            return
        if self._caller_talks and isinstance(fact, AuthorisationAsked | AuthorisationResult | CodeResult):
            self._after_speech.append(fact)  # nobody is talked over
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
            case KeysPaused():
                if self._typed.under_way and fact.number == self._typed.number:
                    await self._settle_keys()
            case HoldChanged():
                await self._on_hold_changed(fact)
            case HoldTooLong():
                await self._on_hold_too_long(fact)
            case StillConnecting():
                await self._on_still_connecting(fact)
            case PutThroughNow():
                await self._on_put_through_now(fact)
            case HungUp():
                await self._on_hung_up(fact)
            case Failed():
                await self._on_failed(fact)
            case _:
                await self._happened(fact)

    async def _take_what_waited(self) -> None:
        """What the app said while the caller spoke."""
        while self._after_speech and not self._caller_talks and not self._over:
            await self._take(self._after_speech.pop(0))

    async def _happened(self, event: Event) -> None:
        """Give the dialogue an event and do what it answers."""
        await self._tell_conditions(event)
        if isinstance(event, HandOffResult):
            self._handed_over = is_transfer(event)
        if not (isinstance(event, KeyPressed) and self._keys is not None and self._keys.secret):
            self._journal.happened(event)
        await self._do_all(self._conversation.handle(event, self._settings.clock()))

    async def _tell_conditions(self, event: Event) -> None:
        """Switches and waits that changed while the call runs are told before what they may decide."""
        changed = None if isinstance(event, CallStarted | HungUp) else self._conditions.changed()
        if changed is None:
            return
        self._journal.happened(changed)
        await self._do_all(self._conversation.handle(changed, self._settings.clock()))

    async def _do_all(self, actions: list[Action]) -> None:
        if any(isinstance(action, Say) for action in actions) and not any(isinstance(a, Listen | Wait) for a in actions):
            self._listen = replace(self._listen, code_s=0.0)  # something is announced: nothing is asked any more
        for action in actions:
            self._journal.did(action)
            await self._do(action)

    async def _do(self, action: Action) -> None:
        match action:
            case Say():
                self._speaking[action.mark] = action
                self._silence.stop()
                self._facts.put_later(self._settings.max_say_s, PlaybackStopped(action.mark, finished=True))
                await self._say(action)
            case Listen():
                self._listen, self._keys = action, None
                await self._stage.listen(action)
                self._await_answer(action.no_input_s)
            case CollectKeys():
                self._keys = action
                self._typed.forget()
                if action.by_voice:
                    self._listen = Listen(Expect.DIGITS, action.timeout_s, language=action.language)
                    await self._stage.listen(self._listen)
                else:
                    self._caller_talks = self._bot_paused = False  # the ear is closed: nothing of a turn under way will come
                    await self._stage.listen(None)
                self._await_answer(action.timeout_s)
            case Wait():
                self._await_answer(action.seconds)
            case HandOff():
                self._silence.stop()
                self._typed.forget()
                await self._authorising.close()
                self._handing_over.begin(action)
                if self._settings.still_s:
                    self._facts.put_later(self._settings.still_s, StillConnecting(self._handing_over.number))
            case CheckCode():
                await self._code_check.begin(self._typed.take_code())
            case HangUp():
                self._typed.forget()
                self._hang_up_reason = action.reason
                await self._hang_up_when_silent()
            case StopRecording():
                await self._stage.stop_recording()
            case Authorise():
                await self._authorising.begin(action, self._settings.authorise_s)
            case Decided() | Remember():
                pass  # for the journal and the session
            case _:
                assert_never(action)

    async def _say(self, say: Say) -> None:
        if self._nobody_hears:  # nor would anybody tell us that it was played
            self._facts.put(PlaybackStopped(say.mark, finished=False))
            return
        try:
            await self._stage.say(say)
        except Exception as error:  # whoever cannot be spoken to reaches a human
            log.error("nothing can be said", code="call.stage", error=error)
            self._facts.put(Failed("voice", "call.stage"))

    # ------------------------------------------------------------------ speech, keys, playback

    async def _on_recognised(self, fact: Recognised) -> None:
        text = fact.recognition.text
        if not fact.final:
            self._journal.note("partial", text=self._told.look(text))
            return
        self._caller_talks = False
        bot_paused, self._bot_paused = self._bot_paused, False
        if self._typed.under_way and not self._typed.row:
            await self._settle_keys()  # a key, and then words
        ignored = self._why_ignored(fact)
        self._said_while_typing = False
        if ignored is not None:
            self._journal.note("ignored", text=self._told.look(text), why=ignored)
            if bot_paused:
                await self._stage.resume_speaking()
            self._await_answer()
            return
        if fact.over_bot:
            await self._interrupt()
        self._speech_ended_at = fact.ended_at or None
        await self._happened(await self._understood(fact.recognition))

    def _why_ignored(self, fact: Recognised) -> str | None:
        if self._said_while_typing or self._typed.row:
            return "typing"  # whoever types a code reads it aloud
        if not fact.recognition.text.strip():
            return "noise" if fact.over_bot or fact.speech_s < NOISE_S else None
        return "backchannel" if fact.over_bot and self._backchannel(fact.recognition.text, self._listen) else None

    async def _understood(self, recognition: Recognition) -> Heard:
        hypotheses = [Hypothesis(reading.text, reading.confidence) for reading in recognition.readings if reading.text.strip()]
        if not hypotheses:
            return Heard(text="")
        said, by_voice = hypotheses[0], self._keys is not None and self._keys.by_voice
        number = spoken_digits(said.text, self._listen.language) if by_voice else ""
        told = self._told.only_by_turns(said.text)
        if told != said.text:  # it goes no further, in no other reading either
            hypotheses = [replace(said, text=told)]
        try:
            async with asyncio.timeout(self._settings.understand_s):
                understanding = await self._understand(hypotheses, self._listen.language)
        except Exception as error:  # a TimeoutError is one like the others
            log.error("understanding failed", code="nlu.failed", error=error)
            self._facts.put(Failed("classifier", "nlu.failed"))
            return Heard(text="", confidence=said.confidence)
        return Heard(understanding.text, understanding=understanding, confidence=said.confidence, number=number)

    def _on_speech_started(self, fact: SpeechStarted) -> None:
        if self._keys is not None and not self._keys.by_voice:
            return  # it began before the ear was closed; its end will not be reported
        self._turns += 1
        self._said_while_typing = self._typed.row
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
        if not self._may_be_code or not self._typed.takes(fact.key):
            for key in (*self._typed.settle(), fact):
                await self._interrupt()
                await self._happened(key)
            return
        self._silence.stop()
        if self._typed.row:
            self._typing(True)
        if fact.key == END:
            await self._settle_keys()
        else:
            self._facts.put_later(self._typed.pause_s(self._listen.code_s), KeysPaused(self._typed.number))

    @property
    def _may_be_code(self) -> bool:
        """Whether a digit may be the first, or another, of a code."""
        over = self._handing_over.under_way or self._hang_up_reason is not None
        return self._listen.code_s > 0 and self._keys is None and not over

    async def _settle_keys(self) -> None:
        """No more digits come: they were keys, or a code."""
        self._typing(False)
        for event in self._typed.settle():
            await self._interrupt()
            await self._happened(event)
        self._await_answer()

    async def _interrupt(self) -> None:
        """Stop what is being said; the dialogue hears of it before it hears what the caller did."""
        if not self._speaking:
            return
        await self._stage.stop_speaking()
        stopped = {fact.mark: fact.played_s for fact in self._facts.take_out(PlaybackStopped)}
        said = list(self._speaking)
        self._speaking.clear()
        for mark in said:
            if mark != STILL:
                await self._happened(Interrupted(mark, stopped.get(mark, 0.0)))

    def _on_playback_started(self, fact: PlaybackStarted) -> None:
        if self._speech_ended_at is not None:
            self._journal.note("latency", response_ms=round((fact.at - self._speech_ended_at) * 1000))
            self._speech_ended_at = None

    async def _on_playback_stopped(self, fact: PlaybackStopped) -> None:
        if self._speaking.pop(fact.mark, None) is None:
            return
        if fact.mark != STILL:
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
        if not self._something_is_under_way:
            self._silence.start()

    @property
    def _something_is_under_way(self) -> bool:
        """Something after which the caller's silence is counted."""
        waits_for = self._speaking or self._caller_talks or self._handing_over.under_way or self._hang_up_reason
        return bool(waits_for) or self._typed.under_way

    def _never_idle(self) -> None:
        """No call ends in silence: when nothing at all is under way, a silence is counted that wakes the dialogue."""
        if not self._something_is_under_way and not self._over and not self._silence.running and self._facts.empty:
            self._silence.start(self._silence.seconds or IDLE_S)

    # ------------------------------------------------------------------ hold

    async def _on_hold_changed(self, fact: HoldChanged) -> None:
        """On hold everything waits; after it the question is put again. What the caller did not hear was not said."""
        self._nobody_hears = self._nobody_hears and fact.held
        if fact.held == self._hold.on or self._over:
            return
        if fact.held:
            self._hold.begin(mark for mark in self._speaking if mark != STILL)
            self._journal.note("held")
            self._silence.stop()
            self._speaking.clear()
            self._caller_talks = self._bot_paused = False
            self._typed.forget()
            await self._stage.stop_speaking()
            self._facts.put_later(self._settings.max_hold_s, HoldTooLong(self._hold.number))
            return
        resumed, kept = self._hold.end()
        if self._rescued and not self._handing_over.under_way:
            await self._switch_to_rescue("error")  # whoever listens now has not heard it
        elif self._hang_up_reason is None and not self._handing_over.under_way:
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

    async def _on_still_connecting(self, fact: StillConnecting) -> None:
        """A transfer that takes its time: the caller hears once that we are still at it. Nobody is talked over."""
        if not self._handing_over.awaits(fact.number) or self._over or self._entertained():
            return
        if self._speaking or self._caller_talks:
            self._facts.put_later(STILL_AGAIN_S, fact)
            return
        self._journal.note("still_connecting")
        await self._do(still_connecting(self.language))

    async def _on_put_through_now(self, fact: PutThroughNow) -> None:
        """The service stops: a caller who is not on the way to a human already is told and handed over."""
        if self._over or self._handing_over.under_way or self._hang_up_reason is not None or self._rescued:
            return
        self._journal.note("put_through_now", why=fact.why)
        self._nobody_hears = self._hold.on
        self._hold.forget()  # on hold or not: there is no later
        await self._switch_to_rescue(fact.why)

    async def _on_hung_up(self, fact: HungUp) -> None:
        """The leg is gone. A transfer's result that comes with the end of the leg counts before it."""
        self._speaking.clear()
        self._hold.forget()
        try:
            if self._handing_over.under_way:
                await self._handing_over.wait(LEG_WENT_S)
            for result in self._facts.take_out(HandOffResult):
                await self._happened(result)
            if not self._over:
                await self._happened(fact)
        finally:  # whatever breaks now: nobody is there to be rescued
            if not self._over:
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
        """Something broke in here: the conversation of last resort takes over.

        If that breaks too, `error` is raised: whoever runs the call puts the caller through without us.
        """
        log.error("call rescued", code="call.rescued", error=error, exc_info=error)
        self._journal.note("error", code="call.rescued", error=type(error).__name__)
        if self._over:
            return
        if self._handed_over:
            await self._end_call("handed_over")
            return
        if self._rescued:
            raise error
        await self._switch_to_rescue("error")

    async def _switch_to_rescue(self, why: str) -> None:
        """The conversation of last resort: one sentence, then the default queue."""
        self._rescued = True
        self._silence.stop()
        self._typed.forget()
        self._listen = replace(self._listen, code_s=0.0)
        self._speaking.clear()
        self._hang_up_reason = None
        rescue = RescueConversation(self._settings.default_queue, self.language, why, waits=self._handing_over.under_way)
        self._conversation = rescue
        try:
            await self._stage.stop_speaking()
        except Exception as error:
            log.error("the bot cannot be silenced", code="call.stage", error=error)
        self._facts.take_out(PlaybackStopped)
        await self._do_all(rescue.begin())


_OUTCOME_OF_END = {"shutdown": "shutdown", "failed": "failed", "media_timeout": "media_timeout", "max_length": "max_length"}
"""Ends of a leg that were not the caller's doing, as outcomes."""
