"""Approved texts: who wrote and approved each, from when to when it may be spoken, and what it said before.

A text may hold typed places such as `{wait:minutes}`; the service turns the value into words of the language. The kind
`prompt` puts another prompt's text in its place, so that "Czy chodzi o {matter:prompt}?" is one approved sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dialogs.data.errors import PromptMissing
from dialogs.data.parts import PartBook
from dialogs.data.source import Day, Spec
from dialogs.events import Prompt

PLACE = re.compile(r"\{(\w+):(\w+)\}")
NESTED = "prompt"
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u2069\ufeff]")
"""Control characters, and those that reorder what is read (Unicode, UAX 9): who approves a text must see what it says."""
SPOKEN_KINDS = frozenset(
    {
        "number",
        "ordinal",
        "amount",
        "money",
        "hour",
        "hours_range",
        "date",
        "weekday",
        "phone",
        "digits",
        "minutes",
        "about_minutes",
        "text",
    }
)


BUTTON = "choice."
"""What the ids of the texts on the web chat's buttons begin with: no step says them."""
PROOF = "proof."
"""What the ids of the texts begin with that the bank's app shows to customers; no step says them."""
ALONE = "name."
"""What the ids of matters' names begin with where they stand alone; without one the name within a sentence is said."""

FAR_DAY = "day.date"
"""The text for a day in a week or later, with its date; without one the weekday is said."""


def may_lack(prompt_id: str) -> bool:
    """Whether a language does well without this text: another one is said then."""
    return prompt_id.startswith(ALONE) or prompt_id == FAR_DAY


class PromptKind(StrEnum):
    """A `say` is part of the conversation and must always have a text. A `message` (self-service, education) and an
    `announcement` (surge, closure) may expire, and are spoken only while approved and valid.
    """

    SAY = "say"
    MESSAGE = "message"
    ANNOUNCEMENT = "announcement"


class Approval(Spec):
    """Who answers for a text, and when it may be spoken (both days included)."""

    author: str = ""
    approver: str = ""
    valid_from: Day | None = None
    valid_to: Day | None = None

    @field_validator("valid_to")
    @classmethod
    def _ends_after_it_begins(cls, valid_to: Day | None, info: ValidationInfo) -> Day | None:
        begins = info.data.get("valid_from")
        if valid_to is not None and begins is not None and valid_to < begins:
            raise ValueError(
                f"valid_to {valid_to} is before valid_from {begins}: the text would never be spoken; write a later day"
            )
        return valid_to


class TextVersion(Approval):
    """One wording. `chat` is the wording of the text channel, `recording` a sound file within the bundle."""

    text: str = Field(min_length=1)
    chat: str | None = None
    recording: str | None = None

    @field_validator("text", "chat")
    @classmethod
    def _places_are_known(cls, text: str | None) -> str | None:
        if unseen := UNSEEN.search(text or ""):
            raise ValueError(f"a character that nobody sees, U+{ord(unseen[0]):04X}; take it out")
        for _, kind in PLACE.findall(text or ""):
            if kind != NESTED and kind not in SPOKEN_KINDS:
                raise ValueError(f"unknown kind of value '{kind}'; known are {', '.join(sorted(SPOKEN_KINDS))}, {NESTED}")
        if re.search(r"[{}]", PLACE.sub("", text or "")):
            raise ValueError("a brace that is no place for a value; write it as {name:kind}")
        return text

    def spoken_on(self, day: date) -> bool:
        """Approved, and valid on this day."""
        started = self.valid_from is None or self.valid_from <= day
        return bool(self.approver) and started and (self.valid_to is None or day <= self.valid_to)


class PromptSpec(TextVersion):
    """A prompt of one language: its present wording, and earlier ones in `history`."""

    kind: PromptKind = PromptKind.SAY
    history: tuple[TextVersion, ...] = ()

    @model_validator(mode="after")
    def _what_must_be_said_does_not_expire(self) -> PromptSpec:
        if self.kind is PromptKind.SAY and self.valid_to is not None:
            raise ValueError("a 'say' prompt cannot expire (valid_to): the call would fall silent; change its text instead")
        if self.kind is PromptKind.SAY and not self.approver:
            raise ValueError("a 'say' prompt needs an approver before the bundle can be used")
        return self

    def version(self, day: date) -> TextVersion | None:
        """The wording to speak on this day: the newest that is approved and valid. A `say` prompt always has one."""
        versions = (self, *self.history)
        valid = [version for version in versions if version.spoken_on(day)]
        if valid:
            return max(valid, key=lambda version: version.valid_from or date.min)
        if self.kind is not PromptKind.SAY:
            return None
        return min(versions, key=lambda version: version.valid_from or date.min)


class PromptFile(Spec):
    """`prompts/<language>.yml`. A language that is not `complete` has only what its short message needs. `parts` are the
    recorded parts of sentences, by what is said in them: numbers, hours, and the words around them.
    """

    language: str = Field(pattern=r"^[a-z]{2}$")
    complete: bool = True
    approval: Approval = Approval()
    prompts: Mapping[str, PromptSpec]
    parts: Mapping[str, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _fill_in_the_common_approval(cls, data: Any) -> Any:
        """A prompt may be just its text; author, approver and dates default to the file's `approval`."""
        if not isinstance(data, Mapping) or not isinstance(data.get("prompts"), Mapping):
            return data
        approval = data.get("approval")
        common = dict(approval) if isinstance(approval, Mapping) else {}
        prompts = {str(key): _with_approval(spec, common) for key, spec in data["prompts"].items()}
        return {**data, "prompts": prompts}


def _with_approval(spec: Any, common: Mapping[str, Any]) -> Any:
    if isinstance(spec, str):
        return {**common, "text": spec}
    if not isinstance(spec, Mapping):
        return spec
    history = spec.get("history")
    filled = {**common, **spec}
    if isinstance(history, list | tuple):
        filled["history"] = [{**common, **old} if isinstance(old, Mapping) else old for old in history]
    return filled


@dataclass(frozen=True, slots=True)
class PromptText:
    """An approved text ready for speaking but for its typed values, such as "{wait:minutes}"; the values are in the `Prompt`.

    `language` is that of the text, which is another than asked for when that language has none. A `composed` text holds values or
    other prompts' texts: no recording says it as a whole.
    """

    id: str
    language: str
    text: str
    recording: str | None = None
    composed: bool = False

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """The values still to be put in: (name, kind), in order."""
        return tuple((name, kind) for name, kind in PLACE.findall(self.text))


_NO_PARTS = PartBook(())


def _recorded(file: PromptFile) -> Iterator[tuple[str, str]]:
    for spec in file.prompts.values():
        if spec.recording and spec.approver and not PLACE.search(spec.text):
            yield spec.text, spec.recording
    yield from file.parts.items()


class PromptBook:
    """All prompts of a bundle, by language."""

    def __init__(self, files: Mapping[str, PromptFile], default_language: str) -> None:
        self.files = dict(files)
        self.default_language = default_language
        self._parts = {language: PartBook(_recorded(file)) for language, file in self.files.items()}

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in which the whole conversation can be held, the default one first."""
        complete = [language for language, file in self.files.items() if file.complete]
        return tuple(sorted(complete, key=lambda language: (language != self.default_language, language)))

    def has(self, prompt_id: str, language: str) -> bool:
        """The language has the prompt (valid or not)."""
        return language in self.files and prompt_id in self.files[language].prompts

    def may_say(self, prompt_id: str, language: str, day: date) -> bool:
        """There is an approved text, valid on this day, in this very language."""
        return self.has(prompt_id, language) and self.files[language].prompts[prompt_id].version(day) is not None

    def places(self, prompt_id: str, language: str) -> tuple[tuple[str, str], ...]:
        """Values the prompt asks for, over all its wordings: (name, kind)."""
        spec = self.files[language].prompts[prompt_id]
        found = dict.fromkeys(
            place
            for version in (spec, *spec.history)
            for text in (version.text, version.chat)
            for place in PLACE.findall(text or "")
        )
        return tuple(found)

    def parts(self, language: str) -> PartBook:
        """The recorded parts of sentences in this language: those of its `parts`, and every approved text with a recording."""
        return self._parts.get(language, _NO_PARTS)

    def text(self, prompt: Prompt, language: str, day: date, channel: str = "voice") -> PromptText:
        """The approved text for this day. Raises PromptMissing when none may be spoken."""
        for spoken in dict.fromkeys((language, self.default_language)):
            if self.may_say(prompt.id, spoken, day):
                return self._text(prompt, spoken, day, channel)
        raise PromptMissing(f"no approved and valid text of '{prompt.id}' in '{language}' on {day.isoformat()}")

    def _text(self, prompt: Prompt, language: str, day: date, channel: str) -> PromptText:
        version = self.files[language].prompts[prompt.id].version(day)
        if version is None:
            raise PromptMissing(f"no valid text of '{prompt.id}' in '{language}' on {day.isoformat()}")
        text = version.chat if channel == "chat" and version.chat else version.text
        values = dict(prompt.params)
        composed = PLACE.search(text) is not None

        def fill(match: re.Match[str]) -> str:
            name, kind = match.groups()
            if kind != NESTED:
                return match.group()
            return self.text(Prompt(values[name], prompt.params), language, day, channel).text

        filled = PLACE.sub(fill, text)
        return PromptText(prompt.id, language, filled, None if composed else version.recording, composed)
