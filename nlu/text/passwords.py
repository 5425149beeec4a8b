"""Passwords that are words: "hasło to zielony kotek", "my password is bluebird", "kotek to moje hasło", "hasło: Kotek!23"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from nlu.languages.language import PasswordWords
from nlu.text.patterns import alternatives, folded

PASSWORD = "<password>"

_WORD = r"[^\s,.;:!?<>()\"„”]+(?:[.:!?&]+\w+)*"
_MOST_WORDS = 3
_MARKS = r"[\s,.:;!?…–—=\"„”'-]"


@dataclass(frozen=True, slots=True)
class _Patterns:
    named: re.Pattern[str]
    """A password is spoken of at all."""
    said: re.Pattern[str]
    """Name and what joins it to the password, which follows."""
    changed: re.Pattern[str]
    """What is done to a password, and the new one behind a preposition."""
    alone: re.Pattern[str]
    """A part of a sentence that is the name and then the password, and nothing else."""
    before: re.Pattern[str]
    """The password, and what joins it to its name, which follows."""
    mixed: re.Pattern[str]
    """Something of letters with digits or marks, near the name."""
    other: re.Pattern[str]
    stop: re.Pattern[str]
    announced: re.Pattern[str]
    """The utterance ends where a password would follow."""


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    def of(get: Callable[[PasswordWords], str]) -> str:
        return alternatives(lambda secrets: get(secrets.passwords))

    name = rf"(?<!\w)(?:{of(lambda words: words.name)})(?!\w)"
    joins = rf"(?:(?<!\w)(?:{of(lambda words: words.said)})(?!\w)|[:=])"
    hedges = rf"(?:{_MARKS}*(?<!\w)(?:{of(lambda words: words.hedge)})(?!\w))*"
    between = rf"(?:\s+(?:{of(lambda words: words.between)}))*"
    return _Patterns(
        re.compile(name),
        re.compile(rf"{name}{between}{_MARKS}{{0,3}}{joins}{hedges}{_MARKS}*(?P<secret>{_WORD})"),
        re.compile(
            rf"(?<!\w)(?:{of(lambda words: words.changed)})\s+(?:\w+\s+)?{name}\s+(?:{of(lambda words: words.changed_to)})\s+(?P<secret>{_WORD})"
        ),
        re.compile(
            rf"(?:^|[,.;:!?]\s*)(?:(?:{of(lambda words: words.lead)})\s+)*{name}{_MARKS}{{1,4}}"
            rf"(?P<secret>{_WORD}(?:\s+{_WORD})?)\s*(?=$|[,.;!?])"
        ),
        re.compile(
            rf"(?:^|[,.;:!?]\s*)(?P<secret>{_WORD}(?:\s+{_WORD})?)\s*[,!?–—-]?\s+(?:{of(lambda words: words.said)}|thats|that's)\s+"
            rf"(?:(?:{of(lambda words: words.lead)})\s+)*{name}"
        ),
        re.compile(rf"{name}[^<>]{{0,40}}?\s(?P<secret>(?=[^\s<>]*[a-z])(?=[^\s<>]*[\d!@#$%^&*_])[^\s,;<>]{{4,}})"),
        re.compile(rf"(?:{of(lambda words: words.other)}|{of(lambda words: words.said)}|{of(lambda words: words.hedge)})(?!\w)"),
        re.compile(rf"(?:{of(lambda words: words.stop)})$"),
        re.compile(rf"(?:{name})(?:{between})?{_MARKS}*(?:{joins})?{hedges}{_MARKS}*$"),
    )


def names_password(text: str) -> bool:
    """Whether a password is spoken of."""
    return _patterns().named.search(folded(text)) is not None


def announces_password(text: str) -> bool:
    """Whether the utterance ends where the password would follow ("a moje hasło to")."""
    return _patterns().announced.search(folded(text)) is not None


def mask_passwords(text: str) -> str:
    """`text` with every password that is told in it masked. Idempotent, never raises."""
    plain = folded(text)
    known = _patterns()
    if not known.named.search(plain):
        return text
    told = [*known.said.finditer(plain), *known.changed.finditer(plain)]
    spans = [_whole(plain, match) for match in told if not known.other.match(match["secret"])]
    if not spans:
        spans = [match.span("secret") for match in known.alone.finditer(plain) if not _other(match["secret"])]
        spans += [match.span("secret") for match in known.before.finditer(plain) if not _other(match["secret"])]
    spans += [match.span("secret") for match in known.mixed.finditer(plain)]
    return _masked(text, spans)


def _other(words: str) -> bool:
    return any(_patterns().other.fullmatch(word) or _patterns().named.fullmatch(word) for word in words.split())


def _whole(plain: str, match: re.Match[str]) -> tuple[int, int]:
    """The password's words: up to three, more when it is spelled letter by letter, until a mark or a word that ends it."""
    start, end = match.span("secret")
    count, spelled = 1, len(match["secret"]) == 1
    for word in re.finditer(rf"\s+({_WORD})", plain[end:]):
        letter = spelled and len(word[1]) == 1
        if word.start() != (end - match.end("secret")) or (
            not letter and (_patterns().stop.match(word[1]) or count >= _MOST_WORDS)
        ):
            break
        count += not letter
        end = match.end("secret") + word.end()
    return start, end


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    out, position = "", 0
    for start, end in sorted(spans):
        if start >= position:
            out += text[position:start] + PASSWORD
            position = end
    return out + text[position:]
