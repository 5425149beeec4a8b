"""CallServer: serves one leg from its offer to its record. What a call needs of the house is in `CallServices`."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from audio.recording import StereoRecording
from audio.types import Recogniser
from audio.vad import VadSession, VoiceActivity
from caller_id.types import Caller
from dialogs import Dialog
from dialogs.data.bundle import Bundle
from dialogs.events import (
    Action,
    CallStarted,
    CollectKeys,
    Conditions,
    Event,
    HandOff,
    HandOffResult,
    HangUp,
    Listen,
    Remember,
)
from nlu.types import Hypothesis, Understanding
from voicebot.conversation.driver import CallDriver, DriverSettings
from voicebot.conversation.journal import Journal, JournalSink, Line
from voicebot.conversation.stage import Conversation
from voicebot.endpoints.errors import TelephonyError
from voicebot.endpoints.leg import CallOffer, Leg
from voicebot.handoff.service import HandOffService
from voicebot.metrics.metrics import Metrics
from voicebot.pipeline.call import CallPipeline
from voicebot.pipeline.ear import Ear
from voicebot.pipeline.steering import Steering
from voicebot.pipeline.transport import LegTransport
from voicebot.pipeline.turns import TurnSettings, is_backchannel
from voicebot.pipeline.voice import Voice
from voicebot.prompts.speaking import Speaker
from voicebot.records import RecordStore
from voicebot.records.summarise import SURVEY, summarise
from voicebot.state.admission import Admission, Admitted
from voicebot.state.caller_memory import CallerMemory
from voicebot.state.live_calls import LiveCall, LiveCalls
from voicebot.understanding.service import UnderstandingService

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CallServices:
    """What every call shares. `identify` reads the offer, `conditions` the live switches and waits; `recording_dir` is the folder
    for a line's recordings, None where nothing is recorded.
    """

    bundle: Bundle
    speaker: Speaker
    understanding: UnderstandingService
    recognisers: Mapping[str, Recogniser]
    vad: VadSession
    desk: HandOffService
    records: RecordStore
    admission: Admission
    live: LiveCalls
    memory: CallerMemory
    metrics: Metrics
    identify: Callable[[CallOffer], Caller]
    conditions: Callable[[], Conditions]
    recording_dir: Callable[[str], Path | None] = lambda line: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    max_call_s: float = 600.0
    max_say_s: float = 90.0
    understand_s: float = 2.0
    turns: TurnSettings = field(default_factory=TurnSettings)
    sinks: Sequence[JournalSink] = ()


class CallServer:
    """Serves legs; `serve` is what an endpoint calls for each."""

    def __init__(self, services: CallServices) -> None:
        self._services = services

    async def serve(self, leg: Leg) -> None:
        """One call, from ringing to its record. Never raises but when cancelled."""
        call_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        with structlog.contextvars.bound_contextvars(call_id=call_id):
            admitted = await self._services.admission.admit(call_id)
            if admitted is not Admitted.YES:
                log.warning("call refused", code="telephony.limit", why=admitted.value)
                self._services.metrics.count("voicebot_calls_refused_total", reason=admitted.value)
                await leg.hang_up()
                return
            try:
                await ServedCall(call_id, leg, self._services).run()
            except TelephonyError as error:
                log.info("call not served", code=error.code, why=str(error))
            except Exception:
                log.exception("call broke", code="call.broke")
            finally:
                self._services.admission.release(call_id)
                self._services.live.ended(call_id)
                await leg.hang_up()


class ServedCall:
    """One call while it lasts."""

    def __init__(self, call_id: str, leg: Leg, services: CallServices) -> None:
        self._id = call_id
        self._leg = leg
        self._services = services
        self._caller = services.identify(leg.offer)
        self._line = services.bundle.routes.line_of(self._caller.dialled)
        self._started = datetime.now(UTC)
        # by the conversation's clock, so that a replay of the record meets the same opening hours
        self._journal = Journal(call_id, started=services.clock(), sinks=[*services.sinks, self._watch])
        self._recording: StereoRecording | None = None

    async def run(self) -> None:
        """Answer, converse, hand over, keep the record. Raises TelephonyError when the call could not be answered."""
        remembered = await self._services.memory.recall(self._caller.number)
        await self._leg.answer()
        self._services.live.began(LiveCall(self._id, self._started, self._line, segment=self._caller.segment.value))
        self._recording = self._open_recording()
        self._journal.note("offered", call_ref=self._leg.offer.headers.get("x-call-ref") or self._leg.offer.call_ref)
        started = CallStarted(
            self._caller,
            line=self._line,
            without=self._out_of_order(),
            last_queue=remembered.last_queue,
            preferences=remembered.preferences,
            recorded=self._recording is not None,
            conditions=self._services.conditions(),
        )
        outcome = "failed"
        try:
            outcome = await self._converse(started)
        except Exception as error:  # the pipeline could not be built or run: one thing is left to do
            log.exception("conversation could not be held", code="call.pipeline")
            self._journal.note("error", code="call.pipeline", error=type(error).__name__)
            outcome = await self._hand_over_unheard()
        finally:
            await self._close(outcome)

    async def _converse(self, started: CallStarted) -> str:
        leg, house = self._leg, self._services
        steering = Steering(hang_up=leg.hang_up, drop_recording=self._drop_recording)
        ear = Ear(
            recognisers=house.recognisers.get,
            activity=VoiceActivity(house.vad, leg.sample_rate),
            decides=house.understanding.decides,
            settings=house.turns,
        )
        transport = LegTransport(leg, heard=self._heard, spoken=self._spoken)
        voice = Voice(house.speaker.pcm, leg.sample_rate)
        driver = CallDriver(
            conversation=Noticing(Dialog(house.bundle, call_id=self._id), self._notice),
            stage=steering,
            understand=self._understand,
            hand_over=self._hand_over,
            backchannel=lambda text, listen: is_backchannel(text, listen.expect),
            journal=self._journal,
            settings=DriverSettings(
                default_queue=house.bundle.default_queue,
                language=house.bundle.routes.lines[self._line].languages[0],
                max_call_s=house.max_call_s,
                max_say_s=house.max_say_s,
                understand_s=house.understand_s,
                clock=house.clock,
            ),
        )
        steering.drive(driver)
        async with CallPipeline([transport.input(), ear, steering, voice, transport.output()], leg.sample_rate):
            driver.start(started)
            await driver.run()
        return driver.outcome

    # ------------------------------------------------------------------ what the call does to the house

    async def _understand(self, hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        began = time.monotonic()
        try:
            return await self._services.understanding.understand(hypotheses, language)
        finally:
            self._services.metrics.observe("voicebot_understand_seconds", time.monotonic() - began)

    async def _hand_over(self, action: HandOff) -> HandOffResult:
        self._services.live.changed(self._id, phase="handing over", queue=action.queue, intent=action.intent)
        result = await self._services.desk.hand_off(action, leg=self._leg, caller=self._caller, call_id=self._id)
        self._journal.note("hand_off", ref=self._services.desk.last_ref(self._id), ok=result.ok, queue=result.queue)
        if result.ok and action.kind == "transfer":
            now = self._services.bundle.calendar.local(self._services.clock())
            self._services.memory.put_through(self._caller.number, action.queue, now)
            for ref in await self._services.desk.rang_again(action.queue, caller=self._caller, call_id=self._id):
                self._journal.note("callback_served", ref=ref, queue=action.queue)
        return result

    async def _hand_over_unheard(self) -> str:
        action = HandOff(self._services.bundle.default_queue, reason="rescue")
        self._journal.did(action)
        result = await self._hand_over(action)
        self._journal.happened(result)
        return "handed_over" if result.ok else "failed"

    def _notice(self, action: Action) -> None:
        match action:
            case Remember():
                self._services.memory.prefer(self._caller.number, action.preference, on=action.on)
            case CollectKeys(secret=True):
                self._record_nothing(True)  # tones in the audio would tell the keys
            case CollectKeys() | Listen() | HandOff() | HangUp():
                self._record_nothing(False)

    def _watch(self, call_id: str, line: Line) -> None:
        """Keep the live list and the figures up to date."""
        metrics = self._services.metrics
        match line.get("type") or line.get("kind"):
            case "Decided":
                metrics.count("voicebot_decisions_total", kind=str(line["kind"]))
                if line["kind"] == SURVEY:
                    metrics.count("voicebot_survey_answers_total", answer=str(line["why"]), line=self._line)
                if line.get("intent"):
                    self._services.live.changed(call_id, intent=line["intent"], phase=line["kind"])
            case "latency":
                metrics.observe("voicebot_response_seconds", float(str(line["response_ms"])) / 1000)
            case "HandOff":
                metrics.observe("voicebot_steering_seconds", float(str(line["t"])))
            case "HandOffResult":
                metrics.count("voicebot_handoffs_total", queue=str(line["queue"]), ok=str(line["ok"]).lower())
            case "error" | "Failed":
                metrics.count("voicebot_errors_total", code=str(line.get("code")))
            case "closed":
                metrics.count("voicebot_calls_total", outcome=str(line["outcome"]))

    def _out_of_order(self) -> tuple[str, ...]:
        missing = [] if self._services.recognisers else ["recogniser"]
        if not self._services.understanding.has_classifier:
            missing.append("classifier")
        return tuple(missing)

    # ------------------------------------------------------------------ recording and record

    def _open_recording(self) -> StereoRecording | None:
        folder = self._services.recording_dir(self._line)
        if folder is None:
            return None
        try:
            return StereoRecording(folder / f"{self._id}.wav", self._leg.sample_rate)
        except OSError as error:  # a full disk must not cost a call
            log.error("call is not recorded", code="records.recording", error=str(error))
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
        recording, self._recording = self._recording, None
        if recording is not None:
            await asyncio.to_thread(recording.discard)

    async def _close(self, outcome: str) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            await asyncio.to_thread(recording.close)
        self._journal.close(outcome)
        summary = summarise(
            self._journal,
            caller=self._caller,
            line=self._line,
            bundle_version=self._services.bundle.version,
            recording=recording.path if recording is not None else None,
        )
        self._services.records.save(summary, self._journal.lines)
        log.info("call ended", outcome=outcome)


class Noticing:
    """A conversation whose actions are also shown to somebody."""

    def __init__(self, conversation: Conversation, notice: Callable[[Action], None]) -> None:
        self._conversation = conversation
        self._notice = notice

    def handle(self, event: Event, now: datetime) -> list[Action]:
        """See `Conversation`."""
        actions = self._conversation.handle(event, now)
        for action in actions:
            self._notice(action)
        return actions
