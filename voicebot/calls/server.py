"""Telephone calls: each leg is served from its offer to its record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from audio.recording import StereoRecording
from audio.types import Recogniser
from caller_id.types import Caller
from dialogs import Dialog
from dialogs.data.bundle import Bundle
from dialogs.events import (
    Action,
    CallStarted,
    CodeResult,
    CollectKeys,
    Event,
    HandOff,
    HandOffResult,
    HangUp,
    Listen,
    Prompt,
    Say,
)
from voicebot.calls.app_screen import AppScreen, ShownStage
from voicebot.calls.bridging import Bridging, CallSwitchboard
from voicebot.calls.last_words import speak_on
from voicebot.calls.load import LoadLevel, LoadMeter
from voicebot.calls.tying import Tie, TypedCodes
from voicebot.conversation.driver import CallDriver
from voicebot.conversation.limits import DEFAULTS, LAST_WORDS_S
from voicebot.conversation.rescue import APOLOGY, is_transfer
from voicebot.conversation.session import ASIDE_S, VOICE, Session, SessionServices, aside, new_call_id
from voicebot.conversation.settings import DriverSettings
from voicebot.conversation.stage import Conversation, Stage
from voicebot.endpoints.bridge import Bridged, Way
from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.errors import TelephonyError
from voicebot.endpoints.leg import Leg
from voicebot.files import erase
from voicebot.logs import call_logged
from voicebot.pipeline.call import CallPipeline
from voicebot.pipeline.ear import Ear
from voicebot.pipeline.media_tick import MediaTick
from voicebot.pipeline.steering import Steering
from voicebot.pipeline.transport import LegTransport
from voicebot.pipeline.turns import TurnSettings, is_backchannel
from voicebot.pipeline.voice import Voice
from voicebot.prompts.speaking import Speaker
from voicebot.state.admission import Admission, Admitted

log = structlog.get_logger(__name__)

IDENTIFY_S = 1.0
"""How long finding out who calls may take; after that the caller is unknown."""


@dataclass(frozen=True, slots=True)
class CallServices:
    """What every call shares, beside what all conversations share (`session`)."""

    session: SessionServices
    speaker: Speaker
    recognisers: Mapping[str, Recogniser]
    """By language; a language without one is served with keys."""
    media: MediaTick[Any]
    """Reads all calls of the process together."""
    admission: Admission
    mark: Callable[[Caller], Awaitable[Caller]] | None = None
    """Marks a caller for the agent, and for who goes before; None marks nobody."""
    recording_dir: Callable[[str], Path | None] = lambda line: None
    """The folder for a line's recordings, None where nothing is recorded."""
    record_bridged: bool = False
    """A recording goes on while the caller is with an agent through us."""
    bridging: Bridging | None = None
    """How queues are called from here; None: never, callers are transferred."""
    max_call_s: float = DEFAULTS.max_call_s
    max_say_s: float = DEFAULTS.max_say_s
    max_hold_s: float = DEFAULTS.max_hold_s
    still_s: float = 0.0
    """See `DriverSettings.still_s`."""
    turns: TurnSettings = field(default_factory=TurnSettings)
    load: LoadMeter | None = None
    """How loaded the process is; None: nobody measures."""
    tie: Tie | None = None
    """Ties a call to the customer whose ticket it brings; None: no call brings one."""
    codes: TypedCodes | None = None
    """Takes the codes that callers type; None: nobody types any."""
    tell_app: Callable[[str, str], Awaitable[None]] | None = None
    """Tells the app, by its name for the call; None where no app can call."""
    new_dialog: Callable[[Bundle, str], Conversation] = lambda bundle, call_id: Dialog(bundle, call_id=call_id)
    """The conversation of one call, by its id."""


class CallServer:
    """Serves legs; `serve` is what an endpoint calls for each."""

    def __init__(self, services: CallServices) -> None:
        self._services = services
        self._services_of: Callable[[Caller], CallServices] | None = None
        self._live: set[ServedCall] = set()

    def __len__(self) -> int:
        return len(self._live)

    @property
    def bridged(self) -> int:
        """Callers who are with an agent through this process."""
        return sum(call.with_agent for call in self._live)

    def use(self, services: CallServices, services_of: Callable[[Caller], CallServices] | None = None) -> None:
        """Serve calls that begin from now on with these, or with what `services_of` gives each caller; calls under way keep
        theirs.
        """
        self._services, self._services_of = services, services_of

    async def serve(self, leg: Leg, identify: Identify) -> None:
        """One call, from ringing to its record. Never raises but when cancelled."""
        call_id = new_call_id(self._services.session.clock())
        with call_logged(call_id):
            admitted = Admitted.YES
            with aside("admission"):  # a counter that broke refuses nobody
                admitted = await self._admitted(call_id)
            if admitted is not Admitted.YES:
                log.warning("call refused", code="telephony.limit", why=admitted.value)
                with aside("measures"):
                    self._services.session.metrics.count("voicebot_calls_refused_total", reason=admitted.value)
                await _hang_up(leg)
                return
            try:
                await self._serve(call_id, leg, await self._caller(call_id, leg, identify))
            except TelephonyError as error:
                log.info("call not served", code=error.code, why=str(error))
            except Exception:
                log.exception("call broke", code="call.broke")
            finally:
                with aside("admission"):
                    self._services.admission.release(call_id)
                await _hang_up(leg)
                with aside("measures"):
                    self._measure(leg)

    async def _admitted(self, call_id: str) -> Admitted:
        if self._load() is LoadLevel.REFUSE:
            return Admitted.OVERLOADED
        return await self._services.admission.admit(call_id)

    def _load(self) -> LoadLevel:
        return self._services.load.level if self._services.load is not None else LoadLevel.NORMAL

    async def _serve(self, call_id: str, leg: Leg, caller: Caller) -> None:
        services, level = self._services, self._load()
        if self._services_of is not None:
            services = self._services_of(caller)
        if level is not LoadLevel.NORMAL:
            services = replace(services, recognisers={})
        call = ServedCall(call_id, leg, caller, services)
        if level >= LoadLevel.QUEUE:
            call.put_through_now("overload")
        self._live.add(call)
        try:
            await call.run()
        finally:
            self._live.discard(call)
            call.over.set()

    async def _caller(self, call_id: str, leg: Leg, identify: Identify) -> Caller:
        caller, tie = await self._marked(await _identified(identify, leg)), self._services.tie
        return await tie(caller, leg.offer, call_id) if tie is not None else caller

    async def _marked(self, caller: Caller) -> Caller:
        if self._services.mark is not None:
            with aside("marks"):
                async with asyncio.timeout(ASIDE_S):
                    return await self._services.mark(caller)
        return caller

    def _measure(self, leg: Leg) -> None:
        stats, metrics = leg.stats, self._services.session.metrics
        if stats is not None:
            metrics.observe("voicebot_call_loss_ratio", stats.lost / max(1, stats.received + stats.lost))
            metrics.observe("voicebot_call_jitter_seconds", stats.jitter_s)
            metrics.observe("voicebot_call_mos", stats.mos)

    async def put_all_through(self, within_s: float) -> bool:
        """The service stops: every caller who is left is told and handed to the default queue, hand-offs under way are awaited.
        False when calls are left after `within_s`.
        """
        calls = list(self._live)
        for call in calls:
            call.put_through_now("shutdown")
        await _all_within(within_s, [call.let_go for call in calls])
        left = sum(not call.let_go.is_set() for call in calls)
        if left:
            log.error("calls are left at shutdown", code="telephony.shutdown", calls=left)
        return not left

    async def end_bridged(self, after_s: float) -> None:
        """The service stops, and with it every call that is joined here: after so long both sides are told, and it ends."""
        bridged = [call for call in self._live if call.with_agent]
        await _all_within(after_s, [call.over for call in bridged])
        left = [call for call in bridged if call.with_agent]
        for call in left:
            call.part("shutdown")
        if left:
            log.warning("bridged calls end with the service", code="telephony.shutdown", calls=len(left))
            await _all_within(LAST_WORDS_S, [call.over for call in left])


async def _all_within(seconds: float, events: Sequence[asyncio.Event]) -> None:
    """Wait for all of them, for so long at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for event in events:
                await event.wait()


async def _hang_up(leg: Leg) -> None:
    with aside("hang-up"):
        await leg.hang_up()


async def _identified(identify: Identify, leg: Leg) -> Caller:
    try:
        async with asyncio.timeout(IDENTIFY_S):
            return await identify(leg.offer)
    except Exception as error:  # a caller who cannot be told is a caller like any other
        log.warning("who calls is not known", code="caller_id.failed", error=error)
        return Caller()


class ServedCall:
    """One call while it lasts."""

    def __init__(self, call_id: str, leg: Leg, caller: Caller, services: CallServices) -> None:
        shared = services.session
        self.session = Session(shared, VOICE, caller=caller, line=shared.bundle.routes.line_of(caller.dialled), call_id=call_id)
        self._leg = leg
        self._board: CallSwitchboard | None = None
        self._bridged: Bridged | None = None
        bridging = None if leg.offer.steered else services.bridging
        refer = bridging is None or bridging.settings.way is Way.REFER or leg.offer.only_refer
        if bridging is not None and not (refer and leg.offer.takes_refer):
            self._board = CallSwitchboard(bridging, shared.bundle, services.speaker, shared.metrics)
            self._leg = self._bridged = Bridged(leg, self._board)
        self.let_go = asyncio.Event()
        """Set when the conversation with the bot is over, whatever comes after it."""
        self.over = asyncio.Event()
        self._services = services
        self._shared = shared
        self._recording: StereoRecording | None = None
        self._unwanted: StereoRecording | None = None
        self._driver: CallDriver | None = None
        self._put_through: str | None = None
        self._queue = ""
        self._recorded: Path | None = None
        self._screen: AppScreen | None = None
        self._codes_taken = 0

    async def run(self) -> None:
        """Answer, converse, hand over, keep the record. Raises TelephonyError when the call could not be answered."""
        remembered = await self.session.remembered()
        await self._leg.answer()
        outcome = "failed"
        try:  # from here on the caller is with us: whatever breaks, they are handed over
            self.session.begin(self.session.languages[0])
            self.session.journal.note("offered", call_ref=self._leg.offer.headers.get("x-call-ref") or self._leg.offer.call_ref)
            self._screen = self._open_screen()
            self._recording = self._open_recording()
            started = self.session.started(
                recorded=self._recording is not None,
                without=self._out_of_order(),
                remembered=remembered,
                code=self._services.codes is not None,
            )
            outcome = await self._converse(started)
        except Exception as error:
            log.exception("conversation could not be held", code="call.pipeline")
            self.session.journal.note("error", code="call.pipeline", error=type(error).__name__)
            outcome = await self._hold_rescue()
        finally:
            try:
                await self._stay_between()
            finally:
                await self._close(outcome)

    def put_through_now(self, why: str) -> None:
        """The caller must go to the default queue now."""
        self._put_through = why
        if self._driver is not None:
            self._driver.put_through_now(why)

    @property
    def with_agent(self) -> bool:
        """The caller is with an agent through us."""
        return self._bridged is not None and self._bridged.joined and not self.over.is_set()

    def part(self, why: str) -> None:
        """End the call of a caller who is with an agent."""
        if self._bridged is not None:
            self._bridged.part(why)

    async def _stay_between(self) -> None:
        """While the caller is with an agent through us. The conversation, and its recording, are over."""
        self.let_go.set()
        if self._bridged is None or not self._bridged.joined:
            return
        if not self._services.record_bridged:
            await self._end_recording()
        with aside("live list"):
            self._shared.live.changed(self.session.call_id, phase="with an agent")
        self.session.journal.note("bridged", queue=self._queue)
        outcome = await self._bridged.parted()
        if outcome is None:
            return
        self.session.journal.note("bridge_ended", by=outcome.by, cause=outcome.cause, seconds=round(outcome.seconds, 1))
        log.info("bridge ended", by=outcome.by, cause=outcome.cause, seconds=round(outcome.seconds, 1), queue=self._queue)
        with aside("measures"):
            self._shared.metrics.observe("voicebot_bridge_seconds", outcome.seconds)
        if outcome.lost:
            with aside("last words"):
                language = self._driver.language if self._driver is not None else self.session.languages[0]
                sorry = Say((Prompt(APOLOGY),), language, mark=APOLOGY, barge_in=False)
                await speak_on(self._leg, self._services.speaker, sorry)

    async def _let_go(self) -> None:
        """The conversation is over: hang up, unless the caller is with an agent."""
        if self._bridged is None or not self._bridged.joined:
            await self._leg.hang_up()

    async def _converse(self, started: CallStarted) -> str:
        leg, services = self._leg, self._services
        steering = Steering(hang_up=self._let_go, drop_recording=self._drop_recording)
        ear = Ear(
            recognisers=services.recognisers.get,
            sample_rate=leg.sample_rate,
            decides=self._shared.understanding.decides,
            settings=services.turns,
            measured=self._recognised,
        )
        transport = LegTransport(leg, services.media, listening=ear.is_listening, heard=self._heard, spoken=self._spoken)
        voice = Voice(services.speaker.pcm, leg.sample_rate)
        self._driver = driver = self._new_driver(steering)
        steering.drive(driver)
        async with CallPipeline([transport.input(), ear, steering, voice, transport.output()], leg.sample_rate):
            driver.start(started)
            if self._put_through is not None:
                driver.put_through_now(self._put_through)
            await driver.run()
        return driver.outcome

    def _recognised(self, language: str, result: str, seconds: float, decodes: int) -> None:
        self.session.recognised(language, result, seconds, decodes)
        if self._services.load is not None:
            self._services.load.recognised(result)

    def _new_driver(self, steering: Steering) -> CallDriver:
        services, shared = self._services, self._shared
        dialog = services.new_dialog(shared.bundle, self.session.call_id)
        stage: Stage = steering
        if self._screen is not None and isinstance(dialog, Dialog):
            stage = ShownStage(steering, self._screen, dialog, shared.clock)
        return CallDriver(
            conversation=Observed(dialog, self._notice),
            stage=stage,
            understand=self.session.understand,
            hand_over=self._hand_over,
            authorise=self.session.authorise,
            take_code=self._take_code,
            typing=self._record_nothing,  # tones in the audio would tell the digits
            entertained=lambda: self._bridged is not None and self._bridged.connecting,
            backchannel=lambda text, listen: is_backchannel(text, listen.expect),
            journal=self.session.journal,
            settings=DriverSettings(
                default_queue=shared.bundle.default_queue,
                language=self.session.languages[0],
                max_call_s=services.max_call_s,
                max_say_s=services.max_say_s,
                max_hold_s=services.max_hold_s,
                still_s=services.still_s,
                understand_s=shared.understand_s,
                code_digits=services.codes.digits if services.codes is not None else 0,
                clock=shared.clock,
                conditions=shared.conditions,
            ),
        )

    async def _take_code(self, code: str) -> CodeResult:
        """From a right code on the caller is who its ticket says, for the agent and the record."""
        codes = self._services.codes
        if codes is None:
            return CodeResult(reason="unavailable")
        self._codes_taken += 1
        last = self._codes_taken >= codes.tries
        self.session.caller, result = await codes.take(self.session.caller, code, self.session.call_id, last=last)
        return result

    async def _hold_rescue(self) -> str:
        """The conversation could not be held: a sentence and the default queue, or an apology, without pipeline and driver."""
        return await self.session.hold_rescue(
            self._driver.language if self._driver is not None else self.session.languages[0],
            speak=lambda say: speak_on(self._leg, self._services.speaker, say),
            hand_over=self._hand_over,
        )

    async def _hand_over(self, action: HandOff) -> HandOffResult:
        if self._board is not None:
            self._board.handing_over = action
            self._board.taps = (self._heard, self._spoken) if self._services.record_bridged else None
        self._queue = action.queue
        self._show("waiting")
        result = await self.session.hand_over(action, self._leg)
        self._show("agent" if is_transfer(result) else "bot")
        return result

    def _show(self, state: str) -> None:
        """To the app, where one calls: whom the customer is with."""
        if self._screen is not None:
            self._screen.state(state)

    def _open_screen(self) -> AppScreen | None:
        """Of the app that calls; None for a telephone."""
        tell, call = self._services.tell_app, self._leg.offer.app_call
        if tell is None or not call:
            return None
        screen = AppScreen(lambda text: tell(call, text))
        screen.state("bot")
        return screen

    def _notice(self, action: Action) -> None:
        self.session.notice(action)
        match action:
            case CollectKeys(secret=True):
                self._record_nothing(True)  # tones in the audio would tell the keys
            case CollectKeys() | Listen() | HandOff() | HangUp():
                self._record_nothing(False)

    def _out_of_order(self) -> tuple[str, ...]:
        missing = [] if self._services.recognisers else ["recogniser"]
        if not self._shared.understanding.has_classifier:
            missing.append("classifier")
        return tuple(missing)

    # ------------------------------------------------------------------ recording

    def _open_recording(self) -> StereoRecording | None:
        try:
            folder = self._services.recording_dir(self.session.line)
            if folder is None:
                return None
            return StereoRecording(folder / f"{self.session.call_id}.wav", self._leg.sample_rate)
        except Exception as error:  # a full disk, no thread left: nothing of it must cost a call
            log.error("call is not recorded", code="records.recording", error=error)
            return None

    def _record_nothing(self, secret: bool) -> None:
        if self._recording is not None:
            self._recording.pause() if secret else self._recording.resume()

    def _heard(self, pcm: bytes) -> None:
        if self._recording is not None:
            self._recording.caller(pcm)

    def _spoken(self, pcm: bytes) -> None:
        if self._recording is not None:
            self._recording.bot(pcm)

    async def _drop_recording(self) -> None:
        """Stop at once. A file that cannot be deleted now is tried again at the end of the call: nobody may keep it."""
        recording, self._recording = self._recording, None
        self._unwanted = recording or self._unwanted
        if recording is not None:
            with aside("deleting a recording"):
                await asyncio.to_thread(recording.discard, erase)
                self._unwanted = None

    async def _close(self, outcome: str) -> None:
        if self._screen is not None:
            with aside("the app's screen"):
                await self._screen.close()
        if self._unwanted is not None:
            with aside("deleting a recording"):
                await asyncio.to_thread(self._unwanted.discard, erase)
        await self._end_recording()
        self.session.close(outcome, recording=self._recorded)

    async def _end_recording(self) -> None:
        recording, self._recording = self._recording, None
        if recording is None:
            return
        self._recorded = recording.path
        try:
            await asyncio.to_thread(recording.close)
        except Exception as error:
            log.error("the recording could not be closed", code="records.recording", error=error)


class Observed:
    """A conversation whose actions are also shown to somebody."""

    def __init__(self, conversation: Conversation, observer: Callable[[Action], None]) -> None:
        self._conversation = conversation
        self._observer = observer

    def handle(self, event: Event, now: datetime) -> list[Action]:
        """See `Conversation`. An observer that fails is logged: what it notes is not worth a call."""
        actions = self._conversation.handle(event, now)
        for action in actions:
            try:
                self._observer(action)
            except Exception:
                log.exception("an action could not be noted", code="call.notice", action=type(action).__name__)
        return actions
