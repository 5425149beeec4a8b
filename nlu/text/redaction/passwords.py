"""Passwords that are words: "hasło to zielony kotek", "my password is bluebird", "kotek to moje hasło", "hasło: Kotek!23"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from nlu.languages import languages
from nlu.languages.language import PasswordWords
from nlu.text.patterns import alternatives, folded

PASSWORD = "<password>"

_WORD = r"(?>[^\s,.;:!?<>()\"„”]+(?:[.:!?&]+\w+)*)"
_EARLIER_WORD = _WORD.replace("*", "{0,60}")  # its beginning is looked for at every mark
_NEXT_WORD = re.compile(rf"\s+({_WORD})")
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
def _languages() -> tuple[_Patterns, ...]:
    return tuple(_patterns(each.secrets.passwords) for each in languages().values())


def _patterns(words: PasswordWords) -> _Patterns:
    def of(pattern: str) -> str:
        return alternatives((pattern,))

    name = rf"(?<![\w<])(?:{of(words.name)})(?!\w)"
    joins = rf"(?:(?<!\w)(?:{of(words.said)})(?!\w)|[:=])"
    hedges = rf"(?:{_MARKS}*(?<!\w)(?:{of(words.hedge)})(?!\w))*"
    between = rf"(?:\s+(?:{of(words.between)}))*"
    return _Patterns(
        re.compile(name),
        re.compile(rf"{name}{between}{_MARKS}{{0,3}}{joins}{hedges}{_MARKS}*(?P<secret>{_WORD})"),
        re.compile(rf"(?<!\w)(?:{of(words.changed)})\s+(?:\w+\s+)?{name}\s+(?:{of(words.changed_to)})\s+(?P<secret>{_WORD})"),
        re.compile(
            rf"(?:^|[,.;:!?]\s*)(?:(?:{of(words.lead)})\s+)*{name}{_MARKS}{{1,4}}"
            rf"(?P<secret>{_WORD}(?:\s+{_WORD})?)\s*(?=$|[,.;!?](?:\s|$))"
        ),
        re.compile(
            rf"(?:^|[,.;:!?]\s*)(?P<secret>{_EARLIER_WORD}(?:\s+{_EARLIER_WORD})?)\s*[,!?–—-]?\s+(?:{of(words.said)}|thats|that's)\s+"
            rf"(?:(?:{of(words.lead)})\s+)*{name}"
        ),
        re.compile(rf"{name}[^<>]{{0,40}}?\s(?P<secret>(?=[^\s<>]*[a-z])(?=[^\s<>]*[\d!@#$%^&*_])[^\s,;<>]{{4,}})"),
        re.compile(rf"(?:{of(words.other)}|{of(words.said)}|{of(words.hedge)})(?!\w)"),
        re.compile(rf"(?:{of(words.stop)})$"),
        re.compile(
            rf"(?:{joins}{hedges}{_MARKS}*$"
            rf"|^(?:.*(?<!\w)(?:{of(words.telling)})(?!\w).*|(?:(?:{of(words.lead)})\s+)*){name}(?:{between})?{_MARKS}*$)"
        ),
    )


def announces_password(text: str) -> bool:
    """Whether the utterance ends where the password would follow ("a moje hasło to")."""
    plain = folded(text)
    return any(each.named.search(plain) and each.announced.search(plain) for each in _languages())


def mask_passwords(text: str) -> str:
    """`text` with every password that is told in it masked. Idempotent, never raises."""
    plain = folded(text)
    named = [each for each in _languages() if each.named.search(plain)]
    return _masked(text, [span for each in named for span in _told(plain, each)]) if named else text


def _told(plain: str, known: _Patterns) -> list[tuple[int, int]]:
    """Where the passwords stand."""
    joined = [*known.said.finditer(plain), *known.changed.finditer(plain)]
    spans = [_whole(plain, match, known) for match in joined if not known.other.match(match["secret"])]
    if not spans:
        lone = [*known.alone.finditer(plain), *known.before.finditer(plain)]
        spans = [match.span("secret") for match in lone if not _is_other(match["secret"], known)]
    return spans + [match.span("secret") for match in known.mixed.finditer(plain)]


def _is_other(words: str, known: _Patterns) -> bool:
    return any(known.other.fullmatch(word) or known.named.fullmatch(word) for word in words.split())


def _whole(plain: str, match: re.Match[str], known: _Patterns) -> tuple[int, int]:
    """The password's words: up to three, more when it is spelled letter by letter, until a mark or a word that ends it."""
    start, end = match.span("secret")
    count, spelled = 1, len(match["secret"]) == 1
    while word := _NEXT_WORD.match(plain, end):
        letter = spelled and len(word[1]) == 1
        if not letter and (known.stop.match(word[1]) or count >= _MOST_WORDS):
            break
        count += not letter
        end = word.end()
    return start, end


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    out, position = "", 0
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= position:
            out += text[position:start] + PASSWORD
            position = end
    return out + text[position:]
