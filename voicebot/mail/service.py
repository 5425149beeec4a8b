"""Takes messages: steers, keeps and hands them to people. Each is kept before anybody is told, and handed over once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from caller_id.types import Caller, Segment
from dialogs.events import HandOff
from voicebot.errors import StateError, VoicebotError, code_of
from voicebot.handoff.record import make_record, new_ref
from voicebot.handoff.service import KEEP_WAITING_FOR, HandOffService
from voicebot.mail.message import Message
from voicebot.mail.own_words import clean
from voicebot.mail.steering import Mail, MailSteering, Steered
from voicebot.mail.store import Messages
from voicebot.redaction import redact_text

LOOK_EVERY_S = 30.0
_FORGET_EVERY = timedelta(hours=1)

log = structlog.get_logger(__name__)


class MessageTwice(VoicebotError):
    """Another message came under the same id."""

    code = "mail.twice"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it is sent in."""

    id: str
    """The sender's system's own: the same id again is the same message."""
    mail: Mail
    number: str | None = None
    """The sender's telephone number (E.164), if their system knows it."""
    sender: str | None = None
    """Their address; only its hash is kept."""
    attachments: tuple[str, ...] = ()
    """Names."""


class MailService:
    """`run` hands over what could not be handed over at once, and deletes what is old; any number of processes may."""

    def __init__(
        self,
        steering: MailSteering,
        messages: Messages,
        hand_offs: HandOffService,
        *,
        hash_of: Callable[[str], str | None],
        keep_days: int | None,
        clock: Callable[[], datetime],
        count: Callable[[Message], None] = lambda _: None,
    ) -> None:
        """`hash_of` is the keyed hash under which a person's things are found; None where none is kept.
        `count` is told of each new one.
        """
        self._steering = steering
        self._messages = messages
        self._hand_offs = hand_offs
        self._hash_of = hash_of
        self._keep_days = keep_days
        self._clock = clock
        self._count = count
        self._forget_at: datetime | None = None

    async def take(self, incoming: Incoming) -> tuple[Message, bool]:
        """The message as it is kept, and whether it is new. Raises MessageTwice, and what SQLAlchemy raises."""
        steered = await self._steering.steer(incoming.mail)
        number = incoming.number or steered.phone
        message = self._message(incoming, steered, number)
        new = await asyncio.to_thread(self._messages.add, message)
        kept = message if new else await asyncio.to_thread(self._messages.of, incoming.id)
        if kept is None:  # deleted as old meanwhile
            return await self.take(incoming)
        if not new and not kept.is_as(message):
            raise MessageTwice(f"another message came as {kept.id}: give each message an id of its own")
        if not kept.handed:
            await self._hand_over(kept, number)
        if new:
            self._count(kept)
            log.info("message in writing taken", ref=kept.ref, queue=kept.queue, priority=kept.priority)
        return kept, new

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except (StateError, SQLAlchemyError) as error:
                log.warning("messages cannot be looked through now", code=code_of(error), why=type(error).__name__)
            except Exception as error:  # the next look may fare better
                log.exception("messages cannot be looked through", code=code_of(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> int:
        """Hand over what is not, and delete what is old; how many were handed over. Raises what SQLAlchemy raises."""
        waiting = await asyncio.to_thread(self._messages.to_hand_over)
        for message in waiting:
            await self._hand_over(message, None)
        now = self._clock()
        if self._keep_days is not None and (self._forget_at is None or now >= self._forget_at):
            self._forget_at = now + _FORGET_EVERY
            await asyncio.to_thread(self._messages.forget, now - timedelta(days=self._keep_days))
        return len(waiting)

    async def _hand_over(self, message: Message, number: str | None) -> None:
        """To people, as a message that a caller leaves. Under the same reference it is the same one, however often it is told."""
        action = HandOff(
            message.queue,
            message.priority,
            message.segment,
            message.language,
            message.intent,
            message.confidence,
            message.others[0] if message.others else None,
            message.words,
            reason="mail",
            entities=(("urgency", message.urgency), *(("missing", each) for each in message.missing)),
            kind="message",
            others=message.others[1:],
            answer_to=number,
        )
        record = await asyncio.to_thread(  # a long text takes a while to be redacted
            make_record,
            action,
            caller=Caller(number=number, segment=Segment(message.segment)),
            call_id=message.call_id,
            call_ref=message.id,
            now=message.received_at,
            keep_for=KEEP_WAITING_FOR,
        )
        if await self._hand_offs.take(replace(record, ref=message.ref)):
            await asyncio.to_thread(self._messages.handed_over, message.ref)

    def _message(self, incoming: Incoming, steered: Steered, number: str | None) -> Message:
        sender = incoming.sender.strip().lower() if incoming.sender else None
        return Message(
            id=incoming.id,
            ref=new_ref(),
            received_at=self._clock(),
            language=steered.language,
            intent=steered.intent,
            confidence=steered.confidence,
            others=steered.others,
            queue=steered.queue,
            priority=steered.priority,
            segment=incoming.mail.segment.value,
            urgency=steered.urgency.value,
            missing=tuple(need.value for need in steered.missing if need != "phone" or number is None),
            subject=steered.subject,
            text=steered.text,
            attachments=tuple(redact_text(clean(name)) for name in incoming.attachments),
            acknowledgement=steered.acknowledgement,
            why=steered.why,
            number_hash=self._hash_of(number) if number else None,
            sender_hash=self._hash_of(sender) if sender else None,
            handed=False,
        )
