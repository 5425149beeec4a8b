"""POST /api/messages: a message in writing (a mail, a form), steered, kept and handed to people. docs/mail.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.exc import SQLAlchemyError

from caller_id.phone_numbers import NumberKind, parse_number
from caller_id.types import Segment
from dialogs.data.bundle import Bundle
from voicebot.mail.html import text_of
from voicebot.mail.limits import LONGEST_ADDRESS, LONGEST_NAME, MOST_ATTACHMENTS, MOST_HTML, MOST_SUBJECT, MOST_TEXT
from voicebot.mail.service import Incoming, MailService, MessageTwice
from voicebot.mail.steering import Mail
from voicebot.web.problems import known
from voicebot.web.strict_json import StrictJsonRoute

PATH = "/messages"


def _number(text: str) -> str:
    parsed = parse_number(text)
    if parsed.kind is not NumberKind.E164 or parsed.e164 is None:
        raise ValueError("this is no telephone number; write it like +48600100200, or leave it out")
    return parsed.e164


class MessageTold(BaseModel):
    """A message."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern=r"^[!-~]{1,255}$")]
    """Your own, as the Message-ID of a mail: sent again it is the same message."""
    subject: Annotated[str, Field(max_length=MOST_SUBJECT)] = ""
    text: Annotated[str, Field(max_length=MOST_TEXT)] | None = None
    """Plain."""
    html: Annotated[str, Field(max_length=MOST_HTML)] | None = None
    """In place of text."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None
    """ISO 639-1; left out, it is told from the words."""
    segment: Segment = Segment.MASS
    """Of the sender, if you know for sure who they are."""
    number: Annotated[str, Field(max_length=40), AfterValidator(_number)] | None = None
    """Theirs, if you know it: to call back, and to find what is kept of them."""
    sender: Annotated[str, Field(max_length=LONGEST_ADDRESS)] | None = None
    """Their address: only its keyed hash is kept, to find what is kept of them."""
    attachments: Annotated[list[Annotated[str, Field(max_length=LONGEST_NAME)]], Field(max_length=MOST_ATTACHMENTS)] = []
    """Names; what is attached is never opened."""

    automatic: bool = False
    """A program wrote it (RFC 3834): then there is no acknowledgement, for two programs would answer each other for ever."""

    @model_validator(mode="after")
    def _one_text(self) -> MessageTold:
        if self.text is not None and self.html is not None:
            raise ValueError("send text or html, not both")
        return self


class MessageSteered(BaseModel):
    """What was made of it."""

    id: str
    ref: str
    """Of its hand-off: GET /api/handoffs/{ref}, and its case."""
    new: bool
    """False: it is known already, and this is what was made of it then."""
    language: str
    matter: str | None
    """None: nothing fitted; it goes to the default queue, where a person reads it."""
    confidence: float
    others: list[str]
    """Further matters in it."""
    queue: str
    priority: int
    urgency: str
    """emergency, soon or ordinary."""
    missing: list[str]
    """What people need and the message does not have: phone, amount, date, account."""
    subject: str
    """Redacted."""
    text: str
    """The sender's own words, redacted."""
    acknowledgement: str
    """An approved text of the bundle to send back; "" when there is none."""
    why: str


def routes(mail: MailService, in_force: Callable[[], Bundle]) -> APIRouter:
    """Nothing is sent to anybody: the bank's own system sends the acknowledgement, or does not."""
    router = APIRouter(route_class=StrictJsonRoute)

    @router.post(PATH)
    async def take(told: MessageTold) -> MessageSteered:
        if told.language is not None:
            known("complete language", told.language, in_force().prompts.languages)
        text = text_of(told.html) if told.html is not None else told.text or ""
        mail_told = Mail(told.subject, text, told.language, told.segment, told.automatic)
        incoming = Incoming(told.id, mail_told, told.number, told.sender, tuple(told.attachments))
        try:
            kept, new = await mail.take(incoming)
        except MessageTwice as error:
            raise HTTPException(409, str(error)) from None
        except SQLAlchemyError:
            raise HTTPException(503, "the database is away; send it again", {"Retry-After": "10"}) from None
        return MessageSteered(
            id=kept.id,
            ref=kept.ref,
            new=new,
            language=kept.language,
            matter=kept.intent,
            confidence=kept.confidence,
            others=list(kept.others),
            queue=kept.queue,
            priority=kept.priority,
            urgency=kept.urgency,
            missing=list(kept.missing),
            subject=kept.subject,
            text=kept.text,
            acknowledgement=kept.acknowledgement,
            why=kept.why,
        )

    return router
