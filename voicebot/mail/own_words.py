"""What the sender of a mail wrote now: without mails quoted below, greeting, signature, what programs and lawyers add. Pure.

Lines are compared without diacritics. What is cut is only left unread for the decision: the mail itself stays with the bank.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from nlu.languages.language import fold
from voicebot.mail.wording import WORDINGS, Wording

MOST_CHARS = 10_000
"""Of a longer text the rest is not read: nobody's wish stands so far below."""
_LONGEST_NUMBER = 100
_CUT_THROUGH = re.compile(r"[\d\W]*\S*\Z")
_SIGNATURE = re.compile(r"--\s?")  # RFC 3676, 4.3
_QUOTED = re.compile(r"\s*>")  # RFC 3676, 4.5
_LINE_ENDS = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_RULE = re.compile(r"\s*[-_=*~]{3,}\s*")
_CLOSING_WORDS = 7
"""A longer line that begins as a closing does is a sentence: "Thanks for the card, but it is the wrong one"."""
_NAME_WORDS = 3
_MOST_GREETINGS = 4
_LETTERS_OF_A_NAME = re.compile(r"(?:[^\W\d_]\.?[^\W\d_]*[-.]? ?){1,3}")


@dataclass(frozen=True, slots=True)
class OwnWords:
    """The parts of a mail that are read."""

    text: str
    """What the sender wrote now, paragraphs apart by an empty line; may be empty."""
    passed_on: str
    """A mail that the sender passes on, treated alike; "" when there is none."""
    signed: str = ""
    """All of both with greetings and signatures, where a telephone number stands; nothing that is quoted."""


@dataclass(frozen=True, slots=True)
class _Patterns:
    greeting: re.Pattern[str]
    closing: re.Pattern[str]
    postscript: re.Pattern[str]
    quoted: re.Pattern[str]
    forwarded: re.Pattern[str]
    header: re.Pattern[str]
    footer: re.Pattern[str]


def own_words(text: str, language: str) -> OwnWords:
    """Cut a mail's text. Never raises."""
    lines = clean(text).split("\n")
    found = _patterns(language)
    written, passed_on = lines, list[str]()
    for at, line in enumerate(lines):
        plain = fold(line).strip()
        if found.forwarded.match(plain):
            written, passed_on = lines[:at], lines[at + 1 :]
            break
        if found.quoted.match(plain) or _breaks_into(lines, at, found) or _headers_begin(lines, at, found):
            written = lines[:at]
            break
    passed_on = _without_headers(passed_on, found)
    signed = "\n".join(line for line in (*written, *passed_on) if not _QUOTED.match(line))
    return OwnWords(_wish(written, found), _wish(passed_on, found), signed)


def clean(text: str) -> str:
    """One kind of line end, composed letters, no control characters, at most `MOST_CHARS`."""
    text = unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", beginning(text, MOST_CHARS)))
    return "".join(char for char in text.replace("\t", " ").replace("\u00a0", " ") if char == "\n" or char.isprintable())


def beginning(text: str, most: int) -> str:
    """The first characters; what is cut through is left out, for nobody would know half of a number as a secret."""
    if len(text) <= most:
        return text
    sure = most - _LONGEST_NUMBER
    return text[:sure] + _CUT_THROUGH.sub("", text[sure:most])


def _wish(lines: list[str], found: _Patterns) -> str:
    kept = [line.strip() for line in lines if not _QUOTED.match(line)]
    kept = _without_signature(kept, found)
    paragraphs = [part for part in "\n".join(kept).split("\n\n") if part.strip() and not found.footer.search(fold(part))]
    text = "\n\n".join(part.strip("\n") for part in paragraphs)
    return without_greeting(text, found.greeting).strip()


def without_greeting(text: str, greeting: re.Pattern[str]) -> str:
    """The text without the greetings it begins with, where words follow them."""
    for _ in range(_MOST_GREETINGS):
        plain = fold(text).lstrip()
        match = greeting.match(plain)
        if match is None:
            return text
        text = text.lstrip()[match.end() :]
    return text


def _without_signature(lines: list[str], found: _Patterns) -> list[str]:
    """Up to the closing; a postscript below it is kept."""
    for at, line in enumerate(lines):
        plain = fold(line)
        closes = found.closing.match(plain) is not None and len(plain.split()) <= _CLOSING_WORDS
        if (closes or _SIGNATURE.fullmatch(line)) and any(each.strip() for each in lines[:at]):
            below = next((n for n in range(at + 1, len(lines)) if found.postscript.match(fold(lines[n]))), len(lines))
            return [*lines[:at], "", *lines[below:]]
    return _without_name(lines)


def _without_name(lines: list[str]) -> list[str]:
    """A last line that is a name: one to three words that begin with capitals, and no sign of a sentence."""
    filled = [at for at, line in enumerate(lines) if line]
    if len(filled) < 2:
        return lines
    last = lines[filled[-1]]
    words = last.rstrip(",").split()
    named = len(words) <= _NAME_WORDS and all(word[:1].isupper() for word in words)
    return lines[: filled[-1]] if named and _LETTERS_OF_A_NAME.fullmatch(last.rstrip(",")) else lines


def _breaks_into(lines: list[str], at: int, found: _Patterns) -> bool:
    """The line before a quoted mail, broken in two by the program."""
    if at + 1 >= len(lines) or not lines[at].strip():
        return False
    return found.quoted.match(fold(f"{lines[at].strip()} {lines[at + 1].strip()}")) is not None and _ends_quoting(lines[at + 1])


def _ends_quoting(line: str) -> bool:
    return len(line) < 100 and line.rstrip().endswith(":")


def _headers_begin(lines: list[str], at: int, found: _Patterns) -> bool:
    """Two header lines of a mail quoted as Outlook does, the first at the beginning or after an empty line or a rule."""
    if at + 1 >= len(lines) or (at and lines[at - 1].strip() and not _RULE.fullmatch(lines[at - 1])):
        return False
    return all(found.header.match(fold(lines[each]).strip(" *")) for each in (at, at + 1))


def _without_headers(lines: list[str], found: _Patterns) -> list[str]:
    kept = list(_after_headers(lines, found))
    quoted = next((at for at, line in enumerate(kept) if found.quoted.match(fold(line).strip())), len(kept))
    return kept[:quoted]


def _after_headers(lines: list[str], found: _Patterns) -> Iterator[str]:
    above = True
    for line in lines:
        above = above and (not line.strip() or found.header.match(fold(line).strip(" *>")) is not None)
        if not above:
            yield line


@lru_cache(maxsize=8)
def _patterns(language: str) -> _Patterns:
    """The language's own; the marks of programs in every language: a mail is written in one, and its program speaks another."""
    known = list(WORDINGS.values())
    own = [WORDINGS[language]] if language in WORDINGS else []

    def any_of(parts: list[str]) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{part})" for part in parts) or r"(?!)")

    def of(all_of_them: list[Wording], name: str) -> re.Pattern[str]:
        return any_of([getattr(each, name) for each in all_of_them])

    greeting = "|".join(f"(?:{each.greetings})" for each in own) or r"(?!)"
    return _Patterns(
        greeting=re.compile(rf"(?:{greeting})(?:\s*[,!.:;–-]+\s*|\s*\n\s*|\s*$)"),
        closing=of(own, "closings"),
        postscript=of(own, "postscript"),
        quoted=of(known, "quoted_after"),
        forwarded=of(known, "forwarded_after"),
        header=of(known, "headers"),
        footer=of(known, "footers"),
    )
