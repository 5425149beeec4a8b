"""Personal numbers out of text, before anything is stored, logged or shown: `redact` is the stage everything written passes.

Masked, however they are spaced, punctuated or spelled out: PESEL, payment cards (Luhn), IBAN and NRB accounts, phone numbers, BLIK
and other codes of six digits, identity documents, any run of six digits or more, and shorter secrets named as such ("pin 1234",
"hasło to kotek"). Kept: dates, times, amounts, IPv4 addresses, UUIDs, decimals. In doubt the number goes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from stdnum import luhn
from stdnum.exceptions import ValidationError
from stdnum.pl import pesel

from nlu.languages import languages
from nlu.languages.language import Slot, fold

PESEL, CARD, ACCOUNT, PHONE = "<pesel>", "<card>", "<account>", "<phone>"
CODE, DOCUMENT, DIGITS, PASSWORD = "<code>", "<document>", "<digits>", "<password>"

_LONG_RUN = 6
"""So many digits in a row are personal unless they are plainly something else."""
_SHORT_SECRET = 3
_CODE_WORD_REACH = 4
"""A secret's name is looked for so many words before the digits."""
_WIDEST_GAP = 4
"""So many marks between two digits still leave them one number; spaces do not count."""
_DICTATED_WORDS = 4
"""So many digits spelled one word each are being dictated, whatever they are."""

_CYRILLIC_DIGITS = {
    "ноль": 0, "нуль": 0, "один": 1, "одна": 1, "два": 2, "дві": 2, "две": 2, "три": 3, "чотири": 4, "четыре": 4, "пять": 5, "шість": 6,
    "шесть": 6, "сім": 7, "семь": 7, "вісім": 8, "восемь": 8, "девять": 9,
}  # fmt: skip
_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_KEPT = re.compile(
    r"""(?:\d{1,2}[.\-/ ]\d{1,2}[.\-/ ](?:19|20)\d\d(?:,?[ ]\d\d:\d\d)?           # day month year, with a time or without
    |(?:19|20)\d\d-\d\d-\d\d(?:[ ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?       # ISO 8601
    |\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[+-]\d\d:?\d\d)?                         # time
    |\d[.,]\d{1,9}|\d{1,3}[.,]\d{1,2}                                         # decimals
    |(?:(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])\.){3}(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])(?::\d{1,5})?)""",  # IPv4, port
    re.X,
)
_AMOUNT = re.compile(r"\d{1,9}(?:[.,]\d{1,2})?|\d{1,3}(?:[ .,\u00a0\u202f]\d{3}){1,2}(?:[.,]\d{1,2})?")
_CURRENCY_BEFORE = re.compile(r"(?:£|€|\$|\bpln|\beur|\busd|\bgbp|\bchf)\s?$", re.I)
_UUID = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-zA-Z])")
_DOCUMENT_PREFIX = re.compile(r"(?<![^\W\d_])[A-Z]{2,3}[ -]?$")
_COUNTRY_PREFIX = re.compile(r"(?<![^\W\d_])[A-Z]{2} ?$")
_PLUS = re.compile(r"\+\s?$")
_ANY_DIGIT = re.compile(r"\d")
_TRIM = ",.;:!?()-"
_PREFIXES = {DOCUMENT: _DOCUMENT_PREFIX, ACCOUNT: _COUNTRY_PREFIX, PHONE: _PLUS}


@dataclass(frozen=True, slots=True)
class _Words:
    """What all languages together say around personal numbers: callers mix them, and a log knows no language."""

    numbers: Mapping[str, tuple[int, Slot]]
    """Folded number word → its value and slot; ordinals, halves and slang say no digits of a personal number."""
    repeats: Mapping[str, int]
    fillers: frozenset[str]
    strong: frozenset[str]
    codes: frozenset[str]
    currency_after: re.Pattern[str]
    names_password: re.Pattern[str]
    said_password: re.Pattern[str]


@lru_cache(maxsize=1)
def _words() -> _Words:
    known = list(languages().values())
    secrets = [each.secrets for each in known]
    slots = {Slot.DIGIT, Slot.TEEN, Slot.TEN, Slot.HUNDRED, Slot.TIMES}
    numbers = {
        word: (entry.value, entry.slot)
        for each in known
        for word, entry in each.number_words.items()
        if entry.slot in slots and not entry.ordinal and entry.alone
    }
    passwords = "|".join(each.password for each in secrets)
    said = "|".join(each.password_said for each in secrets)
    return _Words(
        numbers | {word: (value, Slot.DIGIT) for word, value in _CYRILLIC_DIGITS.items()} | {"oh": (0, Slot.DIGIT)},
        {word: times for each in secrets for word, times in each.repeats.items()},
        frozenset().union(*(each.fillers for each in secrets)),
        frozenset().union(*(each.strong for each in secrets)),
        frozenset().union(*(each.codes for each in secrets)),
        re.compile(rf"\s{{0,3}}(?:{'|'.join(each.currencies for each in secrets)}|%|£|€|\$|ms\b)", re.I),
        re.compile(passwords, re.I),
        re.compile(rf"(?P<lead>\b(?:{passwords})\s*(?:{said}|[:=])\s*)(?P<secret>[^\s,.;<>]+)", re.I),
    )


class _Token(NamedTuple):
    """A run of digits (`digits` in ASCII) or a folded word; `spoken` is the value and slot of a number word."""

    start: int
    end: int
    word: str
    digits: str = ""
    spoken: tuple[int, Slot] | None = None


class _Run(NamedTuple):
    """Tokens that may be one personal number, and where they start among all tokens."""

    tokens: tuple[_Token, ...]
    first: int

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end

    @property
    def in_digits(self) -> bool:
        return all(token.digits for token in self.tokens)


@dataclass(slots=True)
class _Cardinal:
    """One number as dictated: "six hundred and one" is 601, three digits. `smallest` is what may still be added below."""

    digits: str
    value: int = 0
    smallest: int = 0
    multiplied: bool = False


def redact(text: str) -> str:
    """`text` with personal numbers masked. Pure, idempotent, never raises; some 5 µs for a short line without numbers."""
    if _words().names_password.search(text):
        text = _words().said_password.sub(lambda match: match["lead"] + PASSWORD, text)
    if not _ANY_DIGIT.search(text) and not _spells_digits(text):
        return text
    tokens = list(_tokens(text))
    out: list[str] = []
    position = 0
    for run in _runs(text, tokens):
        mask = _mask(text, run, tokens)
        if mask:
            out += [
                _PREFIXES[mask].sub("", text[position : run.start]) if mask in _PREFIXES else text[position : run.start],
                mask,
            ]
            position = run.end
    return "".join([*out, text[position:]]) if out else text


def _spells_digits(text: str) -> bool:
    count = 0
    numbers = _words().numbers
    for word in fold(text).split():
        if word in numbers or word.strip(_TRIM) in numbers:
            count += 1
            if count >= _SHORT_SECRET:
                return True
    return False


def _tokens(text: str) -> Iterator[_Token]:
    opaque = [match.span() for match in _UUID.finditer(text)] if "-" in text else []
    known, repeat = _words(), 1
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        raw = match[0]
        if any(first <= start < last for first, last in opaque) or text[start - 1 : start] == "<":
            yield _Token(start, end, "")
        elif raw[0].isdecimal():
            yield _Token(start, end, raw, "".join(str(unicodedata.decimal(character)) for character in raw))
        else:
            word = fold(raw)
            spoken = known.numbers.get(word)
            for _ in range(repeat if spoken and spoken[1] is Slot.DIGIT else 1):
                yield _Token(start, end, word, spoken=spoken)
            repeat = known.repeats.get(word, 1)


def _runs(text: str, tokens: Sequence[_Token]) -> Iterator[_Run]:
    """Number tokens that follow each other, with spaces, a few marks or one filler between them."""
    run: list[_Token] = []
    first = 0
    for index, token in enumerate(tokens):
        if token.digits or token.spoken:
            if run and not _joined(text, tokens, run[-1], index):
                yield _Run(tuple(run), first)
                run = []
            if not run:
                first = index
            run.append(token)
    if run:
        yield _Run(tuple(run), first)


def _joined(text: str, tokens: Sequence[_Token], before: _Token, index: int) -> bool:
    previous = tokens[index - 1]
    if previous is not before and not (previous.word in _words().fillers and tokens[index - 2] is before):
        return False
    gap = text[before.end : tokens[index].start]
    return gap == " " or ("@" not in gap and len("".join(gap.split())) <= _WIDEST_GAP)


def _mask(text: str, run: _Run, tokens: Sequence[_Token]) -> str | None:
    """The mask for a run of number tokens, or None when it is no personal number."""
    said = _cardinals(run.tokens)
    digits = "".join(one.digits for one in said)
    is_pesel = len(digits) == 11 and _valid_pesel(digits)
    shortest = _shortest_secret(tokens, run.first)
    if not is_pesel and shortest is None and _plainly_harmless(text, run, digits):
        return None
    if is_pesel or (len(digits) >= _LONG_RUN and _personal(said)):
        return _kind(text[: run.start], digits, is_pesel)
    if shortest is not None and len(digits) >= shortest:
        return CODE
    return CODE if sum(len(one.digits) == 1 for one in said) >= _DICTATED_WORDS else None


def _personal(said: Sequence[_Cardinal]) -> bool:
    """Digits that are dictated and not one large number said in words ("sto pięćdziesiąt tysięcy")."""
    plain = sum(len(one.digits) for one in said if not one.multiplied)
    return plain >= _LONG_RUN or (len(said) >= 3 and sum(len(one.digits) for one in said) >= 9)


def _plainly_harmless(text: str, run: _Run, digits: str) -> bool:
    if not run.in_digits:
        return False
    span = text[run.start : run.end]
    if _KEPT.fullmatch(span):
        return True
    money = _words().currency_after.match(text, run.end) or _CURRENCY_BEFORE.search(text[max(0, run.start - 5) : run.start])
    return bool(money and len(digits) <= 11 and _AMOUNT.fullmatch(span))


def _shortest_secret(tokens: Sequence[_Token], first: int) -> int | None:
    """How many digits make a secret here, by the words before: 3 after "pin", 4 after "kod"; None without such a word."""
    near = {token.word for token in tokens[max(0, first - _CODE_WORD_REACH) : first]}
    if near & _words().strong:
        return _SHORT_SECRET
    return _SHORT_SECRET + 1 if near & _words().codes else None


def _cardinals(tokens: Sequence[_Token]) -> list[_Cardinal]:
    said: list[_Cardinal] = []
    for token in tokens:
        if token.digits:
            said.append(_Cardinal(token.digits))
        elif token.spoken is not None:
            _say(said, *token.spoken)
    return said


def _say(said: list[_Cardinal], value: int, slot: Slot) -> None:
    """Add a number word to the number being dictated where it fits, else begin another."""
    current = said[-1] if said else None
    if slot is Slot.TIMES and current is not None and current.digits != "0" and not current.multiplied:
        current.value = int(current.digits[:9]) * value
        current.multiplied, current.smallest = value >= 1000, value
    elif current is not None and 0 < value < current.smallest and slot is not Slot.TIMES:
        current.value += value
        current.smallest = {Slot.HUNDRED: 100, Slot.TEN: 10}.get(slot, 0)
    else:
        smallest = {Slot.HUNDRED: 100, Slot.TEN: 10, Slot.TIMES: value}.get(slot, 0)
        said.append(_Cardinal(str(value), value, smallest, slot is Slot.TIMES and value >= 1000))
        return
    current.digits = str(current.value)


def _kind(before: str, digits: str, is_pesel: bool) -> str:
    if is_pesel:
        return PESEL
    count = len(digits)
    if 13 <= count <= 19 and luhn.is_valid(digits):
        return CARD
    if count == 26 or (count >= 13 and _COUNTRY_PREFIX.search(before)):
        return ACCOUNT
    if count in (6, 7) and _DOCUMENT_PREFIX.search(before):
        return DOCUMENT
    national = digits.removeprefix("00").removeprefix("48")
    if len(national) == 9 or _PLUS.search(before):
        return PHONE
    return CODE if count == _LONG_RUN else DIGITS


def _valid_pesel(digits: str) -> bool:
    try:
        pesel.validate(digits)
    except ValidationError:
        return False
    return True
