"""One chat from its first message to its record: the call driver between a WebSocket and the dialogue."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import structlog
from starlette.websockets import WebSocket

from audio.types import Reading, Recognition
from caller_id.types import Caller
from dialogs import Dialog
from dialogs.events import CallStarted, Conditions, HandOff, HandOffResult, Say
from voicebot.chat.connection import ELSEWHERE, SERVICE_RESTART, CustomerConnection
from voicebot.chat.desks import without_people
from voicebot.chat.handed import HandedChat, Line, hash_of, new_token, patiently
from voicebot.chat.hotline import hotline_message
from voicebot.chat.idle import IdleWatch
from voicebot.chat.messages import CameBack, LanguageChosen, Left, Message, Pressed, Said, StillHere, Typing
from voicebot.chat.offers import label_of
from voicebot.chat.server import ChatServer
from voicebot.chat.stage import ChatStage, PatientConversation
from voicebot.chat.talk import GOES_ON, NOBODY_CAME, How, Talk
from voicebot.conversation.driver import CallDriver
from voicebot.conversation.rescue import ANNOUNCE, TEXTS
from voicebot.conversation.session import CHAT, Session
from voicebot.conversation.settings import DriverSettings
from voicebot.conversation.stage import Recognised
from voicebot.endpoints.leg import CallOffer, TransferOutcome, TransferTarget
from voicebot.errors import StateError
from voicebot.logs import call_logged
from voicebot.redaction import redact_text
from voicebot.state.caller_memory import Remembered
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

TERMINATOR = "#"
_SEPARATORS = str.maketrans("", "", " -+().")
_MOST_LINES = 200


class ChatSession:
    """Holds one chat, with the bot and with the agent after it. `run` returns when it is over; its record is kept by then."""

    def __init__(self, socket: WebSocket, server: ChatServer, language: str | None) -> None:
        services = server.services
        self._server = server
        self._limits = server.settings
        self._language = language if language in server.languages else None
        self._session = Session(services.session, CHAT, caller=Caller(), line=server.line)
        self._connection = CustomerConnection(socket, self._limits)
        self.offer = CallOffer(call_ref=f"chat:{self.chat_id}", from_uri="", to_uri="")
        self._dialog = Dialog(services.session.bundle, call_id=self.chat_id)
        self._stage = ChatStage(
            self._dialog, self._send, clock=services.session.clock, settings=self._limits, there=self._is_there
        )
        self._driver = self._new_driver()
        self._stage.drive(self._driver)
        self._idle = IdleWatch(self._limits, warn=self._warn_idle, over=self._idle_over)
        self._spoke = False
        self._lines: list[Line] = []
        self._talk: Talk | None = None
        self._handing: HandOff | None = None
        self._in_vain: set[str] = set()
        self._hotline_shown = False
        self._stopping = False
        self._moved: How | None = None
        self._quiet = False
        self.address = self._connection.address

    # ------------------------------------------------------------------ see `LiveChat`

    @property
    def silent_since(self) -> float | None:
        """See `LiveChat`."""
        return None if self._spoke else self._idle.heard_at

    def give_way(self) -> None:
        """See `LiveChat`."""
        self._driver.hung_up("idle")

    def put_through_now(self, why: str) -> None:
        """See `LiveChat`."""
        self._stopping = True
        if self._talk is not None:
            self._talk.move()
        else:
            self._driver.put_through_now(why)

    @property
    def talk(self) -> Talk | None:
        """See `LiveChat`."""
        return self._talk

    async def serve_again(self, socket: WebSocket) -> None:
        """See `LiveChat`."""
        await self._connection.serve_until_over(socket)

    # ------------------------------------------------------------------ the whole

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
                conditions=self._conditions,
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
                outcome = await self._rescue()
            finally:
                self._stage.close()
                # whoever sent nothing had no conversation: a machine that opens sockets must not fill the records
                self._session.close(outcome, words=not self._stage.words_dropped, kept=self._spoke or broke)
            if self._moved is None:
                await self._send({"type": "ended", "reason": "idle" if self._quiet else outcome})

    async def _converse(self) -> str:
        self._session.begin(self._language or self._server.languages[0])
        helpers = (asyncio.create_task(self._read()), asyncio.create_task(self._idle.run()))
        try:
            self._driver.start(self._started())
            await self._driver.run()
        finally:
            await cancelled(*helpers)
        return self._driver.outcome

    async def _rescue(self) -> str:
        """The conversation of last resort, in which the customer can still write to an agent, and leave."""
        reading = asyncio.create_task(self._read())
        try:
            return await self._session.hold_rescue(self._driver.language, speak=self._say_last, hand_over=self._hand_over)
        finally:
            await cancelled(reading)

    def _started(self) -> CallStarted:
        services = self._server.services
        started = self._session.started(
            language=self._language, recorded=services.keeps_words, without=services.without, remembered=Remembered()
        )
        return replace(started, conditions=self._for_chat(started.conditions))

    async def hang_up(self) -> None:
        """Close the connection; harmless when it is closed already."""
        await self._connection.close(*close_code(self._moved))

    # ------------------------------------------------------------------ who is there

    def _conditions(self) -> Conditions:
        return self._for_chat(self._server.services.session.conditions())

    def _for_chat(self, conditions: Conditions) -> Conditions:
        shared = self._server.services.session
        there = self._server.services.talks.desks.queues - self._in_vain
        return without_people(conditions, shared.bundle, there, since=self._session.journal.started, now=shared.clock())

    def _is_there(self, queue: str) -> bool:
        return queue in self._server.services.talks.desks.queues and queue not in self._in_vain

    async def _show_hotline(self) -> None:
        """Once: the number to call, where nobody is there to write to, or waiting may be too long."""
        if not self._hotline_shown:
            self._hotline_shown = True
            await self._send_hotline()

    async def _send_hotline(self) -> None:
        message = hotline_message(self._dialog.bundle, self._driver.language)
        if message is not None:
            await self._send(message)

    # ------------------------------------------------------------------ from the customer

    async def _read(self) -> None:
        """Take messages until the customer leaves, or is away for too long."""
        try:
            while True:
                async for message in self._connection.messages():
                    self._idle.heard()
                    self._spoke = True
                    await self._take(message)
                if self._talk is None or not await self._returns(self._talk):
                    break
        except Exception:
            log.exception("a chat's messages cannot be read", code="chat.failed")
        if self._talk is not None:
            self._talk.gone()
        self._driver.hung_up("customer")

    async def _returns(self, talk: Talk) -> bool:
        """Whether a customer who was handed over and lost the connection is back in time."""
        if not self._connection.replaced:
            await talk.away()
        back = await self._connection.comes_back(self._limits.resume_s)
        if back:
            await talk.back()
            if self._hotline_shown:  # a page that was loaded anew has forgotten it
                await self._send_hotline()
        return back

    async def _take(self, message: Message) -> None:
        if self._talk is not None:
            if isinstance(message, Said):
                self._keep_line("you", message.text)
            await take_in_talk(self._talk, message)
            if not isinstance(message, Left):
                return
        match message:
            case Said(text):
                self._keep_line("you", text)
                self._say(text)
            case Pressed(key):
                self._keep_line(
                    "you", label_of(self._dialog.bundle, self._dialog.state, key, self._server.services.session.clock())
                )
                self._driver.key(key)
            case LanguageChosen(language):
                phrase = self._phrase_for(language)
                if phrase:
                    self._say(phrase)
            case StillHere() | Typing() | CameBack():
                pass
            case Left():
                self._driver.hung_up("customer")

    def _keep_line(self, who: Literal["bot", "you"], text: str, language: str = "") -> None:
        """For the agent, redacted."""
        if len(self._lines) < _MOST_LINES:
            self._lines.append(Line(who, redact_text(text), language))

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

    async def _warn_idle(self, left: float) -> None:
        await self._send({"type": "idle", "seconds": round(left)})

    def _idle_over(self, quiet: float) -> None:
        self._session.journal.note("idle", seconds=round(quiet))
        self._quiet = True
        if self._talk is not None:
            self._talk.gone()
        self._driver.hung_up("idle")

    # ------------------------------------------------------------------ to the customer

    async def _send(self, message: Mapping[str, Any]) -> None:
        """Send one message. A customer who is gone, or does not read, has left, unless they may still come back."""
        if message["type"] == "bot":
            self._keep_line("bot", message["text"], message["lang"])
        if not await self._connection.send(message) and self._talk is None:
            self._driver.hung_up("gone")
        target = self._dialog.state.target
        if message["type"] == "options" and target is not None and not target.open and not self._is_there(target.queue):
            await self._show_hotline()

    async def _say_last(self, say: Say) -> None:
        """The words of the conversation of last resort, without the stage."""
        for prompt in say.prompts:
            if prompt.id == ANNOUNCE and not self._is_there(self._dialog.bundle.default_queue):
                continue  # nobody is told that they are put through to nobody
            text = TEXTS.get((prompt.id, say.language)) or TEXTS[(prompt.id, "pl")]
            await self._send({"type": "bot", "text": text, "lang": say.language})

    # ------------------------------------------------------------------ to the agent

    async def _hand_over(self, action: HandOff) -> HandOffResult:
        if action.kind != "transfer":
            return await self._session.hand_over(action, self)
        spec = self._dialog.bundle.queues.get(action.queue)
        if (spec is not None and spec.emergency) or not self._is_there(action.queue):
            await self._show_hotline()
        if not self._is_there(action.queue):
            self._session.journal.note("nobody_there", queue=action.queue)
            return HandOffResult(ok=False, queue=action.queue, reason=How.NOBODY.value)
        self._handing = action
        return await self._session.hand_over(action, self)

    async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        """See `voicebot.handoff.service.Transferable`: lasts until the agent has ended the chat, or nobody came."""
        action = self._handing
        if action is None:
            return TransferOutcome(ok=False, reason=How.FAILED.value)
        token, owner = new_token(), f"{self.chat_id}-{secrets.token_hex(4)}"
        chat = HandedChat(
            ref=target.ref,
            call_id=self.chat_id,
            queue=target.queue,
            priority=action.priority,
            language=action.language,
            intent=action.intent,
            since=self._server.services.session.clock(),
            resume=hash_of(token),
            keeps_words=self._server.services.keeps_words and not self._stage.words_dropped,
        )
        lines = tuple(self._lines)
        try:
            chats = self._server.services.talks.chats
            await patiently(lambda: chats.put(chat, lines, owner))
        except StateError as error:
            log.warning("a chat could not be handed over", code=error.code, ref=chat.ref, queue=chat.queue)
            await self._show_hotline()
            return TransferOutcome(ok=False, reason=How.FAILED.value)
        talk = Talk(
            chat,
            self._server.services.talks,
            self._connection,
            owner=owner,
            note=self._session.journal.note,
            seen=len(lines),
            changed=self._talk_changed,
        )
        written_meanwhile = self._lines[len(lines) :]
        self._talk, self._idle.excused = talk, True
        await self._send({"type": "handed_over", "queue": chat.queue, "ref": chat.ref, "resume": token})
        for line in written_meanwhile:
            if line.who == "you":
                await talk.say(line.text)
        return await self._see_through(talk)

    async def _see_through(self, talk: Talk) -> TransferOutcome:
        if self._stopping:
            talk.move()
        try:
            how = await talk.run()
        finally:
            self._talk, self._idle.excused = None, False
            self._idle.heard()
        self._moved = how if how in GOES_ON else None
        if how in NOBODY_CAME:
            self._in_vain.add(talk.chat.queue)
            await self._show_hotline()
            return TransferOutcome(ok=False, reason=how.value)
        if how is How.MOVING:
            await self._send({"type": "moving"})
        return TransferOutcome(ok=talk.talked or how in GOES_ON, reason=how.value)

    def _talk_changed(self) -> None:
        self._idle.heard()
        self._idle.excused = self._talk is not None and self._talk.agent is None


def close_code(how: How | None) -> tuple[int, str]:
    """How the customer's connection ends: whoever is elsewhere already must not come back here from the window that is left."""
    match how:
        case How.MOVING:
            return SERVICE_RESTART, "come back"
        case How.ELSEWHERE:
            return ELSEWHERE, "connected again elsewhere"
    return 1000, ""


async def take_in_talk(talk: Talk, message: Message) -> None:
    """What the customer does while they wait for an agent, or have one."""
    match message:
        case Said(text, id):
            await talk.say(text, id)
        case Typing():
            await talk.typing()
        case Left():
            talk.leave()
        case Pressed() | LanguageChosen() | StillHere() | CameBack():
            pass
