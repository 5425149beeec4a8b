"""From a mail to what is to be done with it: matter, queue, urgency, what is missing, redacted words, an approved answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain

from caller_id.types import Segment
from dialogs.data.bundle import Bundle
from dialogs.data.errors import PromptMissing
from dialogs.data.mail import Need
from dialogs.data.routes import HIGHEST_PRIORITY
from dialogs.engine.routing import queue_for
from dialogs.engine.state import SITUATION, CallState, Matter
from dialogs.events import Prompt
from nlu.languages import languages
from nlu.text.normalise import canonical
from nlu.types import Entity, Hypothesis, Understanding
from voicebot.mail.matter import SENTENCE, SUBJECT, WHOLE, WISH, MailMatter, Reading, asks, decide
from voicebot.mail.missing import missing, phone_numbers
from voicebot.mail.own_words import OwnWords, clean, own_words
from voicebot.mail.sentences import sentences
from voicebot.redaction import redact_text
from voicebot.understanding.service import UnderstandingService

MOST_SENTENCES = 40
"""Of a longer mail the rest is not read. A sentence takes some milliseconds."""
_BETWEEN = "\n\f\n"
"""Between subject and text while both are redacted: no text has it (`clean`)."""
_WHOLE_WORDS = 200
_FROM_SUBJECT = ("re", "odp", "fwd", "fw", "pd", "aw")


class Urgency(StrEnum):
    """When a mail should be read. It comes from the matter and the situation, never from capitals or exclamation marks."""

    EMERGENCY = "emergency"
    """An emergency of routes.yml."""
    SOON = "soon"
    """Before others: `soon` of mail.yml, or it may be an emergency."""
    ORDINARY = "ordinary"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it came in."""

    subject: str
    text: str
    """Plain text."""
    language: str | None = None
    """ISO 639-1; None: it is told from the words."""
    segment: Segment = Segment.MASS
    """The sender's, if the bank's system knows it for sure."""
    automatic: bool = False
    """A program wrote it: it gets no acknowledgement."""


@dataclass(frozen=True, slots=True)
class Steered:
    """What is to be done with a mail."""

    language: str
    intent: str | None
    """None: nothing fitted; it goes to the default queue, where a person reads it."""
    confidence: float
    others: tuple[str, ...]
    """Further matters in it."""
    queue: str
    priority: int
    urgency: Urgency
    missing: tuple[Need, ...]
    subject: str
    """Redacted."""
    text: str
    """The sender's own words, redacted."""
    acknowledgement: str
    """An approved text to send back; "" when there is none that may be used."""
    why: str
    """In a few words, for whoever looks why."""
    phone: str | None = None
    """E.164, out of the mail. Personal: it goes into no log."""


class MailSteering:
    """Decides about mails. The same classifier as for callers."""

    def __init__(
        self, understanding: Callable[[], UnderstandingService], bundle: Callable[[], Bundle], *, clock: Callable[[], datetime]
    ) -> None:
        """What is in force is asked for anew with each mail."""
        self._understanding = understanding
        self._bundle = bundle
        self._clock = clock

    async def steer(self, mail: Mail) -> Steered:
        """Never raises for what a mail holds."""
        bundle = self._bundle()
        language = mail.language or guessed_language(f"{mail.subject} {mail.text}", bundle.prompts.languages)
        subject = subject_of(mail.subject)
        own = own_words(mail.text, language)
        readings = await self._read(subject, own, language)
        if own.passed_on and _decided(readings, bundle).intent is None:
            readings += await self._read("", replace(own, text=own.passed_on), language)
        matter = _decided(readings, bundle)
        entities = tuple(chain.from_iterable(each.meant.entities for each in readings))
        return await asyncio.to_thread(self._steered, mail, bundle, language, subject, own, matter, entities)

    async def _read(self, subject: str, own: OwnWords, language: str) -> list[Reading]:
        told = sentences(own.text)[:MOST_SENTENCES]
        found = [
            Reading(WISH if asks(each, language) else SENTENCE, meant)
            for each in told
            if (meant := await self._understood(each, language))
        ]
        for weight, text in ((SUBJECT, subject), (WHOLE, whole(subject, own.text))):
            if meant := await self._understood(text, language):
                found.append(Reading(weight, meant))
        return found

    async def _understood(self, text: str, language: str) -> Understanding | None:
        if not text.strip():
            return None
        await asyncio.sleep(0)  # each takes milliseconds, and others wait for the loop
        return await self._understanding().understand([Hypothesis(text)], language)

    def _steered(
        self,
        mail: Mail,
        bundle: Bundle,
        language: str,
        subject: str,
        own: OwnWords,
        matter: MailMatter,
        entities: Sequence[Entity],
    ) -> Steered:
        written = f"{subject}\n{own.signed}"
        routes, rules, intent = bundle.routes, bundle.mail, matter.intent
        state = CallState("", segment=mail.segment, matter=Matter(intent) if intent in routes.matters else None)
        queue = queue_for(bundle, state, "human")
        emergency = routes.is_emergency(intent)
        line = routes.segments.get(mail.segment)
        ordinary = max(bundle.queues[queue].priority, line.priority if line is not None else 0)
        situations = {entity.value for entity in entities if entity.kind == SITUATION}
        early = matter.plausible is not None or intent in rules.soon.matters or not situations.isdisjoint(rules.soon.situations)
        urgency = Urgency.EMERGENCY if emergency else Urgency.SOON if early else Urgency.ORDINARY
        masked_subject, masked_text = redacted(subject, "\n\n".join(filter(None, (own.text, own.passed_on))))
        return Steered(
            language=language,
            intent=intent,
            confidence=round(matter.confidence, 3),
            others=matter.others,
            queue=queue,
            priority=HIGHEST_PRIORITY if emergency or matter.plausible is not None else ordinary,
            urgency=urgency,
            missing=missing(rules.needs.get(intent or "", ()), written, entities),
            subject=masked_subject,
            text=masked_text,
            acknowledgement=""
            if mail.automatic
            else self._acknowledgement(bundle, language, emergency=emergency or matter.plausible is not None),
            why=_why(matter),
            phone=next(phone_numbers(written), None),
        )

    def _acknowledgement(self, bundle: Bundle, language: str, *, emergency: bool) -> str:
        texts = bundle.mail.acknowledge
        name = (texts.emergency if emergency else None) or texts.received
        if name is None:
            return ""
        try:
            return bundle.text(Prompt(name), language, self._clock(), "chat").text
        except PromptMissing:
            return ""


def redacted(subject: str, text: str) -> tuple[str, str]:
    """Both without secrets. They are read as one, for the subject may name what the text begins with. Where a number is in both,
    all is in the text.
    """
    first, between, rest = redact_text(f"{subject}{_BETWEEN}{text}").partition(_BETWEEN)
    return (first, rest) if between else ("", first)


def subject_of(subject: str) -> str:
    """The subject without control characters and what programs put before it (Re:, Fwd:, Odp:)."""
    subject = " ".join(clean(subject).split())
    while ":" in subject and subject.partition(":")[0].strip().lower() in _FROM_SUBJECT:
        subject = subject.partition(":")[2].strip()
    return subject


def whole(subject: str, text: str) -> str:
    """Subject and text as one utterance, of so many words as a classifier can use."""
    joined = f"{subject}. {text}" if subject and text else subject or text
    return " ".join(joined.split()[:_WHOLE_WORDS])


def guessed_language(text: str, known: Sequence[str]) -> str:
    """That of `known` whose commonest words are the most in the text; the first of them when none is."""
    words = canonical(clean(text)).split()
    modules = languages()

    def common(language: str) -> int:
        module = modules.get(language)
        return sum(word in module.common_words and word not in module.shared_words for word in words) if module else 0

    return max(known, key=common)


def _decided(readings: Sequence[Reading], bundle: Bundle) -> MailMatter:
    routes = bundle.routes

    def queue_of(intent: str) -> str:
        return routes.human_queue(intent) if intent in routes.matters else bundle.default_queue

    return decide(readings, routes.is_emergency, queue_of)


def _why(matter: MailMatter) -> str:
    if matter.plausible is not None:
        return f"may be {matter.plausible}"
    return "nothing fitted surely enough" if matter.intent is None else ""
