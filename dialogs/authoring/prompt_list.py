"""Keeping prompts in order: what may be spoken, what is to be recorded, and what callers raise that no message answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dialogs.data.bundle import Bundle
from dialogs.data.prompts import NESTED, PLACE, PromptSpec, may_lack


class Status(StrEnum):
    """Whether a prompt may be spoken on a day, and if not, why."""

    OK = "ok"
    UNAPPROVED = "unapproved"
    FUTURE = "not yet valid"
    EXPIRED = "expired"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class PromptEntry:
    """One prompt of one language on one day. `text` is what would be spoken, or the newest wording when nothing may be."""

    id: str
    language: str
    kind: str
    status: Status
    text: str
    author: str
    approver: str
    valid_from: date | None
    valid_to: date | None
    recording: str | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A matter that callers raised `times` times and that no message answers in this language."""

    intent: str
    language: str
    times: int


def inventory(bundle: Bundle, day: date) -> list[PromptEntry]:
    """Every prompt in every language, with what may be spoken on this day. One that a complete language needs and has not is in
    it too.
    """
    every = sorted({prompt_id for language in bundle.prompts.languages for prompt_id in bundle.prompts.files[language].prompts})
    entries: list[PromptEntry] = []
    for language, file in bundle.prompts.files.items():
        for prompt_id in every if file.complete else sorted(file.prompts):
            spec = file.prompts.get(prompt_id)
            if spec is not None:
                entries.append(_entry(prompt_id, language, spec, day))
            elif not may_lack(prompt_id):
                entries.append(_missing(prompt_id, language))
    return entries


def _entry(prompt_id: str, language: str, spec: PromptSpec, day: date) -> PromptEntry:
    spoken = spec.version(day)
    shown = spoken or spec
    return PromptEntry(
        prompt_id,
        language,
        spec.kind.value,
        Status.OK if spoken else _why_not(spec, day),
        shown.text,
        shown.author,
        shown.approver,
        shown.valid_from,
        shown.valid_to,
        shown.recording,
    )


def _why_not(spec: PromptSpec, day: date) -> Status:
    if not spec.approver:
        return Status.UNAPPROVED
    return Status.EXPIRED if spec.valid_to is not None and spec.valid_to < day else Status.FUTURE


def _missing(prompt_id: str, language: str) -> PromptEntry:
    return PromptEntry(prompt_id, language, "say", Status.MISSING, "", "", "", None, None, None)


def gaps(bundle: Bundle, raised: Mapping[tuple[str, str], int], day: date) -> Iterator[Gap]:
    """Matters raised by callers (counts by intent and the call's language) that no approved and valid message of that language
    answers, most frequent first.

    Emergencies are left out: they are for people.
    """
    for (intent, language), times in sorted(raised.items(), key=lambda pair: (-pair[1], pair[0])):
        matter = bundle.routes.matters.get(intent)
        if matter is None or matter.emergency or not times or language not in bundle.prompts.languages:
            continue
        if matter.message is None or not bundle.prompts.may_say(matter.message, language, day):
            yield Gap(intent, language, times)


def rendered(bundle: Bundle, prompt_id: str, language: str, day: date, channel: str = "voice") -> str:
    """The text as it would be approved: nested prompts in brackets, values by name. Raises KeyError, LookupError."""
    version = bundle.prompts.files[language].prompts[prompt_id].version(day)
    if version is None:
        raise LookupError(f"'{prompt_id}' may not be spoken in '{language}' on {day.isoformat()}")
    text = version.chat if channel == "chat" and version.chat else version.text
    return PLACE.sub(lambda place: f"[{place.group(1)}]" if place.group(2) == NESTED else f"<{place.group(1)}>", text)
