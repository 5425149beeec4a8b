"""One chat from its first message to its record: the call driver between a WebSocket and the dialogue."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from audio.types import Reading, Recognition
from caller_id.types import Caller
from dialogs import Dialog
from dialogs.events import HandOff, HandOffResult, Say
from voicebot.chat.limits import MessageBudget
from voicebot.chat.messages import LanguageChosen, Left, Message, MessageRefused, Pressed, Said, StillHere, parse_message
from voicebot.chat.server import ChatServer
from voicebot.chat.stage import ChatStage, PatientConversation
from voicebot.conversation.driver import CallDriver
from voicebot.conversation.rescue import TEXTS
from voicebot.conversation.session import CHAT, Session
from voicebot.conversation.settings import DriverSettings
from voicebot.conversation.stage import Recognised
from voicebot.endpoints.leg import CallOffer, TransferOutcome, TransferTarget
from voicebot.http.places import client_of
from voicebot.logs import call_logged
from voicebot.state.caller_memory import Remembered
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

SEND_TIMEOUT_S = 10.0
TERMINATOR = "#"
POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1
_SEPARATORS = str.maketrans("", "", " -+().")


class ChatParty:
    """The customer as hand-off sees them: there is no leg to transfer, the record is what the agent takes over."""

    def __init__(self, chat_id: str) -> None:
        self.offer = CallOffer(call_ref=f"chat:{chat_id}", from_uri="", to_uri="")

    async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        """Taken over as soon as the record is kept."""
        return TransferOutcome(ok=True, reason="chat")


class ChatSession:
    """Holds one chat. `run` returns when it is over; its record is kept by then."""

    def __init__(self, socket: WebSocket, server: ChatServer, language: str | None) -> None:
        services = server.services
        self._socket = socket
        self._server = server
        self._limits = server.settings
        self._language = language if language in server.languages else None
        self._session = Session(services.session, CHAT, caller=Caller(), line=server.line)
        self._party = ChatParty(self.chat_id)
        self._budget = MessageBudget(self._limits.max_messages_per_minute)
        self._dialog = Dialog(services.session.bundle, call_id=self.chat_id)
        self._stage = ChatStage(self._dialog, self._send, clock=services.session.clock, settings=self._limits)
        self._driver = self._new_driver()
        self._stage.drive(self._driver)
        self._heard_at = time.monotonic()
        self._spoke = False
        self.address = client_of(socket.client.host if socket.client else "")

    @property
    def silent_since(self) -> float | None:
        """See `LiveChat`."""
        return None if self._spoke else self._heard_at

    def give_way(self) -> None:
        """See `LiveChat`."""
        self._driver.hung_up("idle")

    @property
    def chat_id(self) -> str:
        """The conversation's id."""
        return self._session.call_id

    def _new_driver(self) -> CallDriver:
        shared = self._server.services.session
        return CallDriver(
            conversation=PatientConversation(self._dialog, self._limits),
            stage=self._stage,
            understand=self._session.understand,
            hand_over=self._hand_over,
            backchannel=lambda text, listen: False,  # what is written is meant
            journal=self._session.journal,
            settings=DriverSettings(
                default_queue=shared.bundle.default_queue,
                language=self._language or self._server.languages[0],
                max_call_s=self._limits.max_chat_s,
                understand_s=shared.understand_s,
                clock=shared.clock,
                conditions=shared.conditions,
            ),
        )

    async def run(self) -> None:
        """Converse until either side ends it, and keep the record."""
        with call_logged(self.chat_id):
            outcome, broke = "failed", False
            try:
                outcome = await self._converse()
            except Exception as error:
                broke = True
                log.exception("a chat could not be held", code="chat.failed")
                self._session.journal.note("error", code="chat.failed", error=type(error).__name__)
                outcome = await self._session.hold_rescue(self._driver.language, speak=self._say_last, hand_over=self._hand_over)
            finally:
                self._stage.close()
                # whoever sent nothing had no conversation: a machine that opens sockets must not fill the records
                self._session.close(outcome, words=not self._stage.words_dropped, kept=self._spoke or broke)
            await self._send({"type": "ended", "reason": outcome})

    async def _converse(self) -> str:
        services = self._server.services
        self._session.begin(self._language or self._server.languages[0])
        started = self._session.started(
            language=self._language, recorded=services.keeps_words, without=services.without, remembered=Remembered()
        )
        helpers = (asyncio.create_task(self._read()), asyncio.create_task(self._watch_idle()))
        try:
            self._driver.start(started)
            await self._driver.run()
        finally:
            await cancelled(*helpers)
        return self._driver.outcome

    def put_through_now(self, why: str) -> None:
        """The customer must go to the default queue now."""
        self._driver.put_through_now(why)

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
        except Exception:
            log.exception("a chat's messages cannot be read", code="chat.failed")
        self._driver.hung_up("customer")

    async def _take_frame(self, raw: str | None) -> bool:
        """Take one message; False when the connection was closed because too many came."""
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
        self._spoke = True
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
        phrases = self._server.services.session.bundle.flow.commands.get(f"language_{language}", {})
        written = phrases.get(self._dialog.state.language, ())
        return written[0] if written and language != self._dialog.state.language else None

    async def _watch_idle(self) -> None:
        """Ask a customer who went quiet whether they are still there; without an answer the chat ends."""
        warned_for = 0.0
        while True:
            quiet = time.monotonic() - self._heard_at
            if quiet >= self._limits.idle_s:
                self._session.journal.note("idle", seconds=round(quiet))
                self._driver.hung_up("idle")
                return
            left = self._limits.idle_s - quiet
            if left <= self._limits.idle_warning_s and warned_for != self._heard_at:
                warned_for = self._heard_at
                await self._send({"type": "idle", "seconds": round(left)})
            until_warning = left - self._limits.idle_warning_s
            await asyncio.sleep(max(0.01, until_warning if until_warning > 0 else left))

    # ------------------------------------------------------------------ to the customer

    async def _send(self, message: Mapping[str, Any]) -> None:
        """Send one message. A customer who is gone, or does not read, has left."""
        if self._socket.application_state is not WebSocketState.CONNECTED:
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.send_json(dict(message))
        except (TimeoutError, RuntimeError, WebSocketDisconnect, OSError):
            self._driver.hung_up("gone")

    async def _say_last(self, say: Say) -> None:
        """The words of the conversation of last resort, without the stage."""
        for prompt in say.prompts:
            text = TEXTS.get((prompt.id, say.language)) or TEXTS[(prompt.id, "pl")]
            await self._send({"type": "bot", "text": text, "lang": say.language})

    async def _hand_over(self, action: HandOff) -> HandOffResult:
        result = await self._session.hand_over(action, self._party)
        if result.ok and action.kind == "transfer":
            await self._send({"type": "handed_over", "queue": result.queue, "ref": self._session.hand_off_ref})
        return result
