"""One chat from its first message to its record: the call driver between a WebSocket and the dialogue."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from audio.types import Reading, Recognition
from caller_id.types import Caller
from dialogs import Dialog
from dialogs.events import CallStarted, HandOff, HandOffResult
from voicebot.chat.limits import MessageBudget
from voicebot.chat.messages import LanguageChosen, Left, Message, MessageRefused, Pressed, Said, StillHere, parse_message
from voicebot.chat.room import ChatRoom
from voicebot.chat.stage import ChatStage, PatientConversation
from voicebot.conversation.driver import CallDriver, DriverSettings
from voicebot.conversation.journal import Journal, Line
from voicebot.conversation.stage import Recognised
from voicebot.endpoints.leg import CallOffer, TransferOutcome
from voicebot.records.summarise import summarise
from voicebot.state.live_calls import LiveCall

log = structlog.get_logger(__name__)

SEND_TIMEOUT_S = 10.0
TERMINATOR = "#"
POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1
_SEPARATORS = str.maketrans("", "", " -+().")


class ChatParty:
    """The customer at the desk: there is no leg to transfer, the record is what the agent takes over."""

    def __init__(self, chat_id: str) -> None:
        self.offer = CallOffer(call_ref=f"chat:{chat_id}", from_uri="", to_uri="")

    async def transfer(self, uri: str, timeout_s: float) -> TransferOutcome:
        """Taken over as soon as the record is kept."""
        return TransferOutcome(ok=True, reason="chat")


class ChatSession:
    """Holds one chat. `run` returns when it is over; its record is kept by then."""

    def __init__(self, socket: WebSocket, room: ChatRoom, language: str | None) -> None:
        self.chat_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        self._socket = socket
        self._room = room
        self._services = room.services
        self._limits = room.settings
        self._language = language if language in room.languages else None
        self._caller = Caller()
        self._party = ChatParty(self.chat_id)
        self._started = datetime.now(UTC)
        self._journal = Journal(self.chat_id, started=self._started, sinks=[*self._services.sinks, self._watch])
        self._budget = MessageBudget(self._limits.max_messages_per_minute)
        self._dialog = Dialog(self._services.bundle, call_id=self.chat_id)
        self._stage = ChatStage(self._dialog, self._send, clock=self._services.clock, settings=self._limits)
        self._driver = self._new_driver()
        self._stage.drive(self._driver)
        self._heard_at = time.monotonic()

    def _new_driver(self) -> CallDriver:
        return CallDriver(
            conversation=PatientConversation(self._dialog, self._limits),
            stage=self._stage,
            understand=self._services.understand,
            hand_over=self._hand_over,
            backchannel=lambda text, listen: False,  # what is written is meant
            journal=self._journal,
            settings=DriverSettings(
                default_queue=self._services.bundle.default_queue,
                language=self._language or self._room.languages[0],
                max_call_s=self._limits.max_chat_s,
                understand_s=self._services.understand_s,
                clock=self._services.clock,
            ),
        )

    async def run(self) -> None:
        """Converse until either side ends it, and keep the record."""
        with structlog.contextvars.bound_contextvars(call_id=self.chat_id):
            line, language = self._room.line, self._language or self._room.languages[0]
            self._services.live.began(LiveCall(self.chat_id, self._started, line, language))
            started = CallStarted(
                self._caller,
                line=line,
                language=self._language,
                without=self._services.without,
                channel="chat",
                recorded=self._services.keeps_words,
                conditions=self._services.conditions(),
            )
            helpers = [asyncio.create_task(self._read()), asyncio.create_task(self._watch_idle())]
            try:
                self._driver.start(started)
                await self._driver.run()
                await self._send({"type": "ended", "reason": self._driver.outcome})
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.gather(*helpers, return_exceptions=True)
                self._close()

    async def hang_up(self) -> None:
        """Close the connection; harmless when it is closed already."""
        if self._socket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
                await self._socket.close()

    # ------------------------------------------------------------------ from the customer

    async def _read(self) -> None:
        """Take messages until the connection ends."""
        try:
            while True:
                frame = await self._socket.receive()
                if frame["type"] == "websocket.disconnect":
                    break
                if not await self._take_frame(frame.get("text")):
                    break
        except (WebSocketDisconnect, RuntimeError):
            pass  # the connection went away while being read
        self._driver.hung_up("customer")

    async def _take_frame(self, raw: str | None) -> bool:
        """Take one message; False when the sender is shown out."""
        if not self._budget.take(time.monotonic()):
            if self._budget.abusive:
                with contextlib.suppress(RuntimeError):
                    await self._socket.close(POLICY_VIOLATION, "too many messages")
                return False
            await self._send({"type": "error", "code": "too_many"})
            return True
        try:
            if raw is None:
                raise MessageRefused("bad_message", "not text")
            message = parse_message(raw, self._limits.max_message_chars)
        except MessageRefused as refused:
            await self._send({"type": "error", "code": refused.code, "detail": str(refused)})
            return True
        self._heard_at = time.monotonic()
        self._take(message)
        return True

    def _take(self, message: Message) -> None:
        match message:
            case Said(text):
                self._say(text)
            case Pressed(key):
                self._driver.key(key)
            case LanguageChosen(language):
                phrase = self._phrase_for(language)
                if phrase:
                    self._say(phrase)
            case StillHere():
                pass
            case Left():
                self._driver.hung_up("customer")

    def _say(self, text: str) -> None:
        """Words; or keys, when a number is being asked for or a single key was written."""
        digits = text.translate(_SEPARATORS)
        if self._stage.collecting and digits.isascii() and digits.isdigit():
            for key in digits + TERMINATOR:
                self._driver.key(key)
        elif len(text) == 1 and text in "0123456789*#":
            self._driver.key(text)
        else:
            written = Recognition((Reading(text, 1.0),))
            self._driver.recognised(Recognised(written, final=True, over_bot=self._stage.speaking, speech_s=1.0))

    def _phrase_for(self, language: str) -> str | None:
        """What a customer would write to change the language: the bundle's first set phrase for it."""
        phrases = self._services.bundle.flow.commands.get(f"language_{language}", {})
        written = phrases.get(self._dialog.state.language, ())
        return written[0] if written and language != self._dialog.state.language else None

    async def _watch_idle(self) -> None:
        """Ask a customer who went quiet whether they are still there; without an answer the chat ends."""
        warned_for = 0.0
        while True:
            quiet = time.monotonic() - self._heard_at
            if quiet >= self._limits.idle_s:
                self._journal.note("idle", seconds=round(quiet))
                self._driver.hung_up("idle")
                return
            left = self._limits.idle_s - quiet
            if left <= self._limits.idle_warning_s and warned_for != self._heard_at:
                warned_for = self._heard_at
                await self._send({"type": "idle", "seconds": round(left)})
            until_warning = left - self._limits.idle_warning_s
            await asyncio.sleep(max(0.01, until_warning if until_warning > 0 else left))

    # ------------------------------------------------------------------ to the customer and the house

    async def _send(self, message: Mapping[str, Any]) -> None:
        """Send one message. A customer who is gone, or does not read, has left."""
        if self._socket.application_state is not WebSocketState.CONNECTED:
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.send_json(dict(message))
        except (TimeoutError, RuntimeError, WebSocketDisconnect, OSError):
            self._driver.hung_up("gone")

    async def _hand_over(self, action: HandOff) -> HandOffResult:
        desk = self._services.desk
        self._services.live.changed(self.chat_id, phase="handing over", queue=action.queue, intent=action.intent)
        result = await desk.hand_off(action, leg=self._party, caller=self._caller, call_id=self.chat_id)
        ref = desk.last_ref(self.chat_id)
        self._journal.note("hand_off", ref=ref, ok=result.ok, queue=result.queue)
        if result.ok and action.kind == "transfer":
            await self._send({"type": "handed_over", "queue": result.queue, "ref": ref})
        return result

    def _watch(self, call_id: str, line: Line) -> None:
        """Keep the live list and the figures up to date."""
        match line.get("type") or line.get("kind"):
            case "Decided" if line.get("intent"):
                self._services.live.changed(call_id, intent=line["intent"], phase=line["kind"])
            case "HandOffResult":
                self._services.metrics.count("voicebot_handoffs_total", queue=str(line["queue"]), ok=str(line["ok"]).lower())
            case "error" | "Failed":
                self._services.metrics.count("voicebot_errors_total", code=str(line.get("code")))
            case "closed":
                self._services.metrics.count("voicebot_chats_total", outcome=str(line["outcome"]))

    def _close(self) -> None:
        self._stage.close()
        self._journal.close(self._driver.outcome)
        summary = summarise(
            self._journal, caller=self._caller, line=self._room.line, bundle_version=self._services.bundle.version
        )
        lines = without_words(self._journal.lines) if self._stage.words_dropped else self._journal.lines
        self._services.records.save(summary, lines)
        self._services.live.ended(self.chat_id)
        log.info("chat ended", outcome=self._driver.outcome)


def without_words(lines: list[Line]) -> list[Line]:
    """The journal of a customer who did not want the conversation stored: what happened stays, what they wrote does not."""
    return [_wordless(line) for line in lines]


def _wordless(line: Line) -> Line:
    match line.get("type"):
        case "Heard":
            understanding = line.get("understanding")
            kept = {**understanding, "text": "", "entities": []} if isinstance(understanding, dict) else understanding
            return {**line, "text": "", "understanding": kept}
        case "HandOff":
            return {**line, "words": "", "entities": []}
    return {**line, "text": ""} if "text" in line else line
