"""What a browser may send, parsed at the edge: everything in it is hostile until it is one of these values."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

KEYS = frozenset("0123456789*#")
_LANGUAGE = re.compile(r"[a-z]{2}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_UNSEEN = ("Cc", "Cs", "Co", "Cn")
_PICTOGRAPHS = range(0x1F000, 0x20000)
"""Kept for emoji (UTS #51), also for those that are newer than our tables, to which they have no category yet."""
TYPING = '{"type":"typing"}'
"""As the page writes it: it comes often, and costs nothing to read."""


class MessageRefused(ValueError):
    """A message that is not taken. `code` tells the page why: bad_message, too_long, empty."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Said:
    """The customer wrote something: one line, no control characters."""

    text: str
    id: str = ""
    """The page's own name for it, "" for none: with it the page is told what became of the words."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """The customer chose a key: 0-9, * or #."""

    key: str


@dataclass(frozen=True, slots=True)
class LanguageChosen:
    """The customer chose another language on the page."""

    language: str


@dataclass(frozen=True, slots=True)
class StillHere:
    """The customer answered the warning that the chat is about to end."""


@dataclass(frozen=True, slots=True)
class Left:
    """The customer ended the chat."""


@dataclass(frozen=True, slots=True)
class Typing:
    """The customer is writing."""


@dataclass(frozen=True, slots=True)
class CameBack:
    """The customer lost the connection, or loaded the page anew, and is back in a chat that was handed over."""

    ref: str
    token: str


Message = Said | Pressed | LanguageChosen | StillHere | Left | Typing | CameBack


def parse_message(raw: str, max_chars: int) -> Message:
    """The message in this JSON object. Raises MessageRefused."""
    match json_object(raw):
        case {"type": "say", "text": str(text), **more}:
            return Said(one_line(text, max_chars), id_in(more))
        case {"type": "key", "key": str(key)} if key in KEYS:
            return Pressed(key)
        case {"type": "language", "language": str(language)} if _LANGUAGE.fullmatch(language):
            return LanguageChosen(language)
        case {"type": "still_here"}:
            return StillHere()
        case {"type": "bye"}:
            return Left()
        case {"type": "typing"}:
            return Typing()
        case {"type": "resume", "ref": str(ref), "token": str(token)} if _TOKEN.fullmatch(ref) and _TOKEN.fullmatch(token):
            return CameBack(ref, token)
    raise MessageRefused("bad_message", 'send {"type": "say", "text": …}, {"type": "key", "key": …} or {"type": "bye"}')


def id_of(raw: object) -> str:
    """The page's name for what it said in this frame; "" for none, also in what cannot be read."""
    try:
        return id_in(json_object(raw)) if isinstance(raw, str) else ""
    except MessageRefused:
        return ""


def id_in(fields: Mapping[str, object]) -> str:
    """The name that a page gave to what it said; "" for none."""
    given = fields.get("id")
    return given if isinstance(given, str) and _ID.fullmatch(given) else ""


def json_object(raw: str) -> dict[str, object]:
    """The fields of a JSON object. Raises MessageRefused."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise MessageRefused("bad_message", "not JSON") from error
    if not isinstance(fields, dict):
        raise MessageRefused("bad_message", "not a JSON object")
    return fields


def one_line(text: str, max_chars: int) -> str:
    """One line without what cannot be seen: control and format characters, halves of surrogate pairs. Raises MessageRefused."""
    if len(text) > max_chars:
        raise MessageRefused("too_long", f"at most {max_chars} characters")
    spaced = "".join(" " if _is_unseen(char) else char for char in text)
    seen = "".join(char for char in spaced if unicodedata.category(char) != "Cf")
    line = " ".join(seen.split())
    if not line:
        raise MessageRefused("empty", "nothing was written")
    return line


def _is_unseen(char: str) -> bool:
    category = unicodedata.category(char)
    return category in _UNSEEN and not (category == "Cn" and ord(char) in _PICTOGRAPHS and ord(char) & 0xFFFE != 0xFFFE)
