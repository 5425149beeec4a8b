"""One conversation being served, whatever its channel: its journal, its place among the live ones, metrics, hand-offs and record.
A telephone call and a chat are thin edges around it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from caller_id.types import Authentication, Caller
from dialogs.data.bundle import Bundle
from dialogs.events import (
    Action,
    AuthorisationAsked,
    AuthorisationResult,
    Authorise,
    CallStarted,
    Conditions,
    HandOff,
    HandOffResult,
    Remember,
)
from nlu.types import Hypothesis, Understanding
from voicebot.conversation.limits import DEFAULTS
from voicebot.conversation.rescue import RescueConversation, Speak, hold_rescue, is_transfer
from voicebot.conversation.stage import HandOver
from voicebot.errors import code_of
from voicebot.handoff.service import HandOffService, Transferable
from voicebot.metrics.registry import Metrics
from voicebot.records.journal import Journal, JournalSink, Line, wordless
from voicebot.records.store import RecordStore
from voicebot.records.summarise import SURVEY, summarise
from voicebot.records.summary import CallSummary
from voicebot.state.caller_memory import CallerMemory, Remembered
from voicebot.state.live_calls import LiveCall, LiveCalls
from voicebot.understanding.service import UnderstandingService
from voicebot.understanding.shadow import ShadowLine

log = structlog.get_logger(__name__)

ASIDE_S = 1.0
"""What is remembered or looked up beside a conversation may take so long; after that it goes on without."""


@contextmanager
def aside(what: str) -> Iterator[None]:
    """What is done in here is not worth a conversation: an error is logged, and it goes on."""
    try:
        yield
    except Exception as error:
        log.error("something beside the conversation failed", code=code_of(error), what=what, error=error)


def utc_now() -> datetime:
    """The time of day, where nobody gives another."""
    return datetime.now(UTC)


def new_call_id(now: datetime) -> str:
    """The id of a conversation: sorts by time, and redaction knows its form."""
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


class Proofs(Protocol):
    """Asks the bank's app for proof of who calls."""

    def can_ask(self, caller: Caller) -> bool:
        """Whether there is an app to ask, or nothing more to ask."""
        ...

    async def prove(
        self, caller: Caller, call_id: str, action: Authorise, asked: Callable[[AuthorisationAsked], None]
    ) -> tuple[Caller, AuthorisationResult]:
        """The caller, as they are known now, and what came of it. `asked` is told when the app shows the request."""
        ...


@dataclass(frozen=True, slots=True)
class SessionServices:
    """What every conversation shares."""

    bundle: Bundle
    understanding: UnderstandingService
    hand_offs: HandOffService
    records: RecordStore
    live: LiveCalls
    memory: CallerMemory
    metrics: Metrics
    conditions: Callable[[], Conditions] = Conditions
    """The live switches and waits."""
    clock: Callable[[], datetime] = utc_now
    """The time of day that opening hours go by."""
    understand_s: float = DEFAULTS.understand_s
    proofs: Proofs | None = None
    """Asks the apps of customers for proof; None where there is none to ask."""
    sinks: Sequence[JournalSink] = ()
    """Told of every line of every journal."""
    release: str = ""
    """That they go by; "" for the configuration's own bundle."""
    recognised: Callable[[str, str], None] = lambda language, result: None
    """Told how recognising each turn went, for the health of the service."""
    shadow: Callable[[ShadowLine], None] | None = None
    """Takes each line after the caller was answered, for another release to decide on; None where there is never one."""


@dataclass(frozen=True, slots=True)
class Channel:
    """How a channel's conversations are counted."""

    name: str
    """As the dialogue knows it: "voice" or "chat"."""
    ended: str
    """The counter of conversations that ended, by outcome."""
    length: str
    """The histogram of how long they took."""


VOICE = Channel("voice", "voicebot_calls_total", "voicebot_call_seconds")
CHAT = Channel("chat", "voicebot_chats_total", "voicebot_chat_seconds")


class Session:
    """Keeps what belongs to one conversation, and tells the service what happens in it."""

    def __init__(self, services: SessionServices, channel: Channel, *, caller: Caller, line: str, call_id: str = "") -> None:
        """`line` is the dialled line's name in the bundle."""
        now = services.clock()
        self.call_id = call_id or new_call_id(now)
        self.caller = caller
        self.line = line
        # the journal begins at the conversation's own time, so that a replay of the record meets the same opening hours
        self.journal = Journal(self.call_id, started=now, sinks=[*services.sinks, services.records.noted, self._watch])
        self._services = services
        self._channel = channel
        self._started = now
        self._closed = False
        self._taken: tuple[tuple[Hypothesis, ...], str] | None = None
        self._unanswered: ShadowLine | None = None

    # ------------------------------------------------------------------ begin

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in which the conversation can be held, the first is the default."""
        return self._services.bundle.routes.lines[self.line].languages

    def begin(self, language: str) -> None:
        """The conversation is among the live ones from now on."""
        caller = self.caller
        self._services.records.began(
            CallSummary(
                self.call_id,
                self._started,
                self._started,
                "open",
                line=self.line,
                language=language,
                number=caller.number,
                segment=caller.segment.value,
                bundle_version=self._services.bundle.version,
                release=self._services.release,
            ),
            channel=self._channel.name,
        )
        live = LiveCall(self.call_id, self._started, self.line, language, caller.segment.value, caller.number or "")
        with aside("live list"):
            self._services.live.began(live)

    async def remembered(self) -> Remembered:
        """What is known of the caller's number from earlier; nothing of a number that nobody vouches for."""
        with aside("caller memory"):
            if self.caller.vouched:
                async with asyncio.timeout(ASIDE_S):
                    return await self._services.memory.recall(self.caller.number)
        return Remembered()

    def started(
        self, *, language: str | None = None, recorded: bool, without: tuple[str, ...], remembered: Remembered, code: bool = False
    ) -> CallStarted:
        """The first event of the conversation. `code`: codes of the bank's app can be typed."""
        conditions = Conditions()
        with aside("live conditions"):
            conditions = self._services.conditions()
        return CallStarted(
            self.caller,
            line=self.line,
            language=language,
            without=without,
            last_queue=remembered.last_queue,
            preferences=remembered.preferences,
            channel=self._channel.name,
            recorded=recorded,
            conditions=conditions,
            app_proof=self._services.proofs is not None and self._services.proofs.can_ask(self.caller),
            code=code and self.caller.authentication is Authentication.NONE,
        )

    # ------------------------------------------------------------------ while it lasts

    async def understand(self, hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        """The meaning of one utterance; how long that took is measured."""
        began = time.monotonic()
        self._taken = (tuple(hypotheses), language)
        try:
            return await self._services.understanding.understand(hypotheses, language)
        finally:
            with aside("measures"):
                self._services.metrics.observe("voicebot_understand_seconds", time.monotonic() - began)

    def recognised(self, language: str, result: str, seconds: float, decodes: int) -> None:
        """How recognising one turn went ("ok"; "wordless", "noise"), or why it could not be ("busy", "late", "failed"); how long
        that took, and how often it was decoded.
        """
        with aside("measures"):
            self._services.recognised(language, result)
            if result in ("busy", "late", "failed"):
                self._services.metrics.count("voicebot_recogniser_failures_total", language=language, reason=result)
            else:
                self._services.metrics.observe("voicebot_recogniser_seconds", seconds, language=language)
                self._services.metrics.observe("voicebot_recogniser_decodes", decodes, language=language)

    async def authorise(self, action: Authorise, asked: Callable[[AuthorisationAsked], None]) -> AuthorisationResult:
        """Have the caller's app asked for proof. From its answer on the caller is who it says, for the agent and the record."""
        proofs = self._services.proofs
        if proofs is None:
            return AuthorisationResult(confirmed=False, reason="unavailable")
        self.caller, result = await proofs.prove(self.caller, self.call_id, action, asked)
        return result

    async def hand_over(self, action: HandOff, party: Transferable) -> HandOffResult:
        """See a hand-off through; `party` is who is handed over."""
        services = self._services
        with aside("live list"):
            services.live.changed(self.call_id, phase="handing over", queue=action.queue, intent=action.intent)
        result = await services.hand_offs.hand_off(action, leg=party, caller=self.caller, call_id=self.call_id)
        with aside("hand-off"):  # whatever becomes of these notes, the result stands
            self.journal.note("hand_off", ref=self.hand_off_ref, ok=result.ok, queue=result.queue)
            if is_transfer(result):
                async with asyncio.timeout(ASIDE_S):
                    await self._put_through(action.queue)
        return result

    async def hold_rescue(self, language: str, *, speak: Speak, hand_over: HandOver) -> str:
        """The conversation of last resort where no driver can hold it; returns the outcome."""
        return await hold_rescue(
            RescueConversation(self._services.bundle.default_queue, language),
            speak=speak,
            hand_over=hand_over,
            journal=self.journal,
            now=self._services.clock(),
        )

    async def _put_through(self, queue: str) -> None:
        services = self._services
        if self.caller.vouched:
            with aside("caller memory"):
                services.memory.put_through(self.caller.number, queue, services.bundle.calendar.local(services.clock()))
        for ref in await services.hand_offs.rang_again(queue, caller=self.caller, call_id=self.call_id):
            self.journal.note("callback_served", ref=ref, queue=queue)

    @property
    def hand_off_ref(self) -> str | None:
        """The reference of the latest hand-off."""
        return self._services.hand_offs.last_ref(self.call_id)

    def notice(self, action: Action) -> None:
        """What an action of the dialogue asks of the service beside the conversation itself."""
        if isinstance(action, Remember) and self.caller.vouched:
            self._services.memory.prefer(self.caller.number, action.preference, on=action.on)

    def _watch(self, call_id: str, line: Line) -> None:
        """Keep the live list and the metrics up to date, and the shadow in lines."""
        self._tell_shadow(line)
        metrics, live = self._services.metrics, self._services.live
        match line.get("type") or line.get("kind"):
            case "Decided":
                metrics.count("voicebot_decisions_total", kind=str(line["kind"]))
                if line["kind"] == SURVEY:
                    metrics.count("voicebot_survey_answers_total", answer=str(line["why"]), line=self.line)
                live.changed(call_id, phase=line["kind"], **({"intent": line["intent"]} if line.get("intent") else {}))
            case "Listen":
                live.changed(call_id, language=line["language"])
            case "latency":
                metrics.observe("voicebot_response_seconds", float(str(line["response_ms"])) / 1000)
            case "HandOff":
                metrics.observe("voicebot_steering_seconds", float(str(line["t"])))
            case "HandOffResult":
                metrics.count("voicebot_handoffs_total", queue=str(line["queue"]), ok=str(line["ok"]).lower())
            case "error" | "Failed":
                metrics.count("voicebot_errors_total", code=str(line.get("code")))
            case "closed":
                metrics.count(self._channel.ended, outcome=str(line["outcome"]))
                metrics.observe(self._channel.length, float(str(line["t"])))

    def _tell_shadow(self, line: Line) -> None:
        """What was understood is told once the caller has been answered. The answer is actions: the first line behind them that
        is none comes when it has begun to play, or the call is over.
        """
        if self._services.shadow is None or line["what"] == "action":
            return
        if self._unanswered is not None:
            self._services.shadow(self._unanswered)
            self._unanswered = None
        if self._taken is not None and line.get("type") == "Heard":
            if understanding := line.get("understanding"):
                position, backend = len(self.journal.lines) - 1, str(understanding.get("backend"))
                self._unanswered = ShadowLine(self.call_id, position, *self._taken, backend=backend)
            self._taken = None

    # ------------------------------------------------------------------ end

    def close(self, outcome: str, *, recording: Path | None = None, words: bool = True, kept: bool = True) -> None:
        """Keep the record; harmless when closed. Without `words` what the caller said is left out of it; without `kept` there is
        no record at all.
        """
        if self._closed:
            return
        self._closed = True
        with aside("record"):
            self.journal.close(outcome)
            if kept:
                self._keep(recording, words)
            else:
                self._services.records.left_out(self.call_id)
        with aside("live list"):
            self._services.live.ended(self.call_id)
        log.info("call ended" if self._channel is VOICE else "chat ended", outcome=outcome)

    def _keep(self, recording: Path | None, words: bool) -> None:
        summary = summarise(
            self.journal,
            caller=self.caller,
            line=self.line,
            bundle_version=self._services.bundle.version,
            release=self._services.release,
            recording=recording,
            channel=self._channel.name,
        )
        lines = self.journal.lines if words else [wordless(line) for line in self.journal.lines]
        self._services.records.save(summary, lines)
