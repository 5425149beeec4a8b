"""Personal numbers out of text, before anything is stored, logged or shown: `redact` is the stage everything written passes.

Numbers are read first (`nlu.text.dictation`), however they are spaced, punctuated or dictated; those that are plainly something else
(amounts, dates, hours, addresses, counts: `nlu.text.harmless`) are set aside; the others are judged by what they could be (PESEL,
card by Luhn, account, phone, a run of six digits or more) and by what is said before and after them ("pin", "kod z tyłu karty").
In doubt the number goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from stdnum import luhn
from stdnum.exceptions import ValidationError
from stdnum.pl import pesel

from nlu.text.births import BIRTH, birth_dates
from nlu.text.dictation import Item, Token, gap_joins, items_of, lexicon, says_numbers, tokens_of, without_corrected
from nlu.text.harmless import Harmless, counts_things, find_harmless
from nlu.text.passwords import PASSWORD, mask_passwords
from nlu.text.patterns import folded, whole_words, words

PESEL, CARD, ACCOUNT, PHONE = "<pesel>", "<card>", "<account>", "<phone>"
CODE, DOCUMENT, DIGITS = "<code>", "<document>", "<digits>"
__all__ = ["ACCOUNT", "BIRTH", "CARD", "CODE", "DIGITS", "DOCUMENT", "PASSWORD", "PESEL", "PHONE", "Name", "redact"]

_LONG_RUN = 6
"""So many digits in a row are personal unless they are plainly something else."""
_DICTATED_FIGURES = 4
"""So many digits said one by one are being dictated, whatever they are."""
_LONE = 3
"""So many digits and nothing else are an answer to something: a code, a part of a number."""
_NEAR = 2
"""So many words after its name a number may be read as more digits than it seems to have."""
_AMOUNTS = 8
"""Fewer digits than these, in whole hundreds with words between, are amounts that are compared."""
_ASIDES = 5
"""So many words beside the numbers still leave an utterance a dictation."""
_OCTETS = 4
_PART = 3
"""So many digits are part of a dictation that goes on after a break."""
_BREAK = 3
"""So many words that have nothing to do with it may break a dictation in two."""
_NAMED_BREAK = 5
"""The same where a secret is named."""

_ANY_DIGIT = re.compile(r"\d")
_DOCUMENT_PREFIX = re.compile(r"(?<![^\W\d_])[A-Z]{2,3}[ -]?$")
_COUNTRY_PREFIX = re.compile(r"(?<![^\W\d_])[A-Z]{2} ?$")
_PLUS = re.compile(r"\+\s?$")
_PREFIXES = {DOCUMENT: _DOCUMENT_PREFIX, ACCOUNT: _COUNTRY_PREFIX, PHONE: _PLUS}


class Name(StrEnum):
    """What a number is called."""

    STRONG = "strong"  # PIN, CVV
    CODE = "code"
    NUMBER = "number"  # of a card, a customer, a telephone
    HARMLESS = "harmless"  # a postal code, a house


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far from its name a number is taken for it, in words that are neither fillers nor links; and its fewest digits."""

    before: int
    after: int
    shortest: int


_REACH = {Name.STRONG: _Reach(8, 1, 3), Name.CODE: _Reach(6, 1, 3), Name.NUMBER: _Reach(2, 0, 4), Name.HARMLESS: _Reach(1, -1, 0)}
_SECRETS = (Name.STRONG, Name.CODE)
_MACHINE_REACH = {Name.STRONG: _Reach(4, -1, 3), Name.CODE: _Reach(4, -1, 4)}
"""What a program writes speaks of codes of its own."""


@dataclass(frozen=True, slots=True)
class _Named:
    """A name that was said, and its tokens (`last` is exclusive)."""

    name: Name
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Text:
    """A text, read."""

    text: str
    plain: str
    tokens: Sequence[Token]
    items: Sequence[Item]
    named: Sequence[_Named]
    harmless: Harmless
    expected: Name | None
    alone: bool
    by_machine: bool


@dataclass(frozen=True, slots=True)
class _Run:
    """Numbers that may be parts of one."""

    items: tuple[Item, ...]

    @property
    def start(self) -> int:
        return self.items[0].start

    @property
    def end(self) -> int:
        return self.items[-1].end

    @property
    def count(self) -> int:
        return sum(len(item.digits) for item in self.items)

    @property
    def most(self) -> int:
        """How many digits it can stand for."""
        return sum(item.most for item in self.items)


def redact(text: str, *, expected: Name | None = None, alone: bool = False, by_machine: bool = False) -> str:
    """`text` with personal numbers masked. Pure, idempotent, never raises; some 20 µs for a short line without numbers.

    `expected` is what was named in the turn before; `alone`: the text is a whole utterance, so that a number with nothing around it
    answers something; `by_machine`: a program wrote it, not a person.
    """
    text = mask_passwords(text)
    if not (_ANY_DIGIT.search(text) or says_numbers(text)) and not birth_dates(text):
        return text
    masks = [(start, end, BIRTH) for start, end in birth_dates(text)]
    read = _read(text, expected, alone, by_machine)
    for run, mask in _judged(read):
        if not any(start < run.end and run.start < end for start, end, _ in masks):
            masks.append((run.start, run.end, mask))
    return _with(text, sorted(masks))


def _with(text: str, masks: Sequence[tuple[int, int, str]]) -> str:
    out: list[str] = []
    position = 0
    for start, end, mask in masks:
        before = text[position:start]
        out += (_PREFIXES[mask].sub("", before) if mask in _PREFIXES else before, mask)
        position = end
    return "".join((*out, text[position:]))


# ---------------------------------------------------------------- reading


@lru_cache(maxsize=1)
def _name_patterns() -> tuple[tuple[Name, re.Pattern[str]], ...]:
    return (
        (Name.HARMLESS, whole_words(lambda each: each.harmless)),
        (Name.STRONG, whole_words(lambda each: each.strong)),
        (Name.CODE, whole_words(lambda each: each.codes)),
        (Name.NUMBER, whole_words(lambda each: each.numbers)),
    )


@lru_cache(maxsize=1)
def _links() -> frozenset[str]:
    return words(lambda each: each.links)


def names_in(text: str) -> Iterator[tuple[Name, int, int]]:
    """What numbers are called in this text, and where; of names that overlap the surest counts."""
    plain = folded(text)
    taken: list[tuple[int, int]] = []
    for name, pattern in _name_patterns():
        for match in pattern.finditer(plain):
            start, end = match.span()
            if not any(first < end and start < last for first, last in taken):
                taken.append((start, end))
                yield name, start, end


def _read(text: str, expected: Name | None, alone: bool, by_machine: bool) -> _Text:
    plain = folded(text)
    tokens = tokens_of(text)
    items = items_of(text, tokens)
    named = []
    for name, start, end in names_in(text):
        within = [at for at, token in enumerate(tokens) if start <= token.start < end]
        if within:
            named.append(_Named(name, within[0], within[-1] + 1))
    return _Text(text, plain, tokens, items, named, find_harmless(text, plain, tokens, items), expected, alone, by_machine)


def _runs(read: _Text) -> Iterator[_Run]:
    """Numbers that belong together: said without a break, and then dictations that a few words break."""
    tight: list[_Run] = []
    for item in read.items:
        run = tight[-1] if tight else None
        goes_on = bool(run and run.items and run.items[-1].last == item.first and read.harmless.surely(run.items[-1]))
        if (
            read.harmless.surely(item)
            and not _directly_named(read, item)
            and not (goes_on and not read.harmless.is_counted(item))
        ):
            tight.append(_Run(()))
        elif run and run.items and gap_joins(read.text, run.items[-1], item, read.tokens, 0):
            tight[-1] = _Run((*run.items, item))
        else:
            tight.append(_Run((item,)))
    joined: list[_Run] = []
    for run in tight:
        if joined and joined[-1].items and run.items and _goes_on(read, joined[-1], run):
            joined[-1] = _Run((*joined[-1].items, *run.items))
        else:
            joined.append(run)
    return (run for run in joined if run.items)


def _goes_on(read: _Text, run: _Run, following: _Run) -> bool:
    """A dictation that was broken off goes on."""
    before, after = run.items[-1], following.items[0]
    if _named_between(read, before, after):
        return False
    if any(read.harmless.elsewhere(item) or counts_things(item, read.tokens) for item in (before, after)):
        return False
    secret = read.expected is not None or any(each.name in (Name.STRONG, Name.CODE) for each in read.named)
    if secret and not read.by_machine:
        return gap_joins(read.text, before, after, read.tokens, _NAMED_BREAK)
    dictated = min(run.count, following.count) >= _PART and min(len(run.items), len(following.items)) > 1
    parts = any(each.name is Name.NUMBER for each in read.named) and min(run.count, following.count) >= 2
    return (
        (dictated or parts or _is_dictation(read))
        and not read.by_machine
        and gap_joins(read.text, before, after, read.tokens, _BREAK)
    )


def _is_dictation(read: _Text) -> bool:
    """A whole utterance of numbers, with few words beside them and none of the numbers counting anything."""
    if not read.alone or any(
        item.multiplied or read.harmless.elsewhere(item) or counts_things(item, read.tokens) for item in read.items
    ):
        return False
    said = sum(item.last - item.first for item in read.items)
    strange = _words_between(read, 0, len(read.tokens)) - said
    return sum(len(item.digits) for item in read.items) >= _LONG_RUN and strange <= min(_ASIDES, said)


# ---------------------------------------------------------------- judging


def _judged(read: _Text) -> Iterator[tuple[_Run, str]]:
    """Every run that is masked, with the numbers beside it that a few strange words part from it."""
    runs = list(_runs(read))
    masks = [_mask(read, run) for run in runs]
    at = 0
    while at < len(runs):
        run, mask, last = runs[at], masks[at], at
        while (
            last + 1 < len(runs)
            and (mask or masks[last + 1])
            and not read.by_machine
            and _belongs(read, runs[last], runs[last + 1])
        ):
            last += 1
            run, mask = _Run((*run.items, *runs[last].items)), mask or masks[last]
        if mask:
            yield run, mask
        at = last + 1


def _belongs(read: _Text, run: _Run, following: _Run) -> bool:
    """Of two runs one of which is a secret: the other is a part of it, too short to be known by itself."""
    before, after = run.items[-1], following.items[0]
    if _named_between(read, before, after):
        return False
    if any(read.harmless.elsewhere(item) or counts_things(item, read.tokens) for item in (before, after)):
        return False
    return gap_joins(read.text, before, after, read.tokens, _BREAK)


def _named_between(read: _Text, before: Item, after: Item) -> bool:
    """Another number is named between the two; what only says where in a number one is ("końcówka", "ending") is no such name."""
    fillers = lexicon().fillers
    between = (each for each in read.named if before.last <= each.first < after.first)
    return any(token.word not in fillers for each in between for token in read.tokens[each.first : each.last])


def _mask(read: _Text, run: _Run) -> str | None:
    """The mask for a run of numbers, or None when it is no personal number."""
    digits = "".join(item.digits for item in without_corrected(run.items, read.tokens))
    is_pesel = len(digits) == 11 and _valid_pesel(digits)
    if is_pesel or _named(read, run):
        return _kind(read.text[: run.start], digits, is_pesel)
    if all(read.harmless.maybe(item) for item in run.items) or _called_harmless(read, run):
        return None
    if _long(run) and not _are_amounts(run):
        return _kind(read.text[: run.start], digits, is_pesel)
    figures = sum(item.figures for item in run.items if not item.written)
    return CODE if figures >= _DICTATED_FIGURES or (read.alone and _answers(read, run)) else None


def _long(run: _Run) -> bool:
    """Digits that are dictated and not one large number said in words ("sto pięćdziesiąt tysięcy")."""
    plain = sum(len(item.digits) for item in run.items if not item.multiplied)
    return plain >= _LONG_RUN or (len(run.items) >= 3 and run.count >= 9)


def _are_amounts(run: _Run) -> bool:
    """ "from four hundred to four fifty"."""
    apart = any(before.last != after.first for before, after in pairwise(run.items))
    zeros = any(item.digits.startswith("0") for item in run.items)
    return apart and not zeros and run.count <= _AMOUNTS and any(item.round and not item.written for item in run.items)


def _answers(read: _Text, run: _Run) -> bool:
    """There is nothing beside the number but fillers: it answers something. What could be an amount is none."""
    if run.count < _LONE or (len(run.items) == 1 and (run.items[0].round or _large(run.items[0]))):
        return False
    rest = [*read.tokens[: run.items[0].first], *read.tokens[run.items[-1].last :]]
    known = lexicon()
    return all(token.word in known.fillers or token.word in _links() or token.word in known.repeats for token in rest)


def _large(item: Item) -> bool:
    return item.multiplied and item.digits.endswith("0")


def _called_harmless(read: _Text, run: _Run) -> bool:
    return run.count <= _LONG_RUN and any(
        each.name is Name.HARMLESS and 0 <= _words_between(read, each.last, run.items[0].first) <= 1 for each in read.named
    )


def _directly_named(read: _Text, item: Item) -> bool:
    """The name of a secret stands right beside the number, and no currency after it."""
    if read.by_machine or read.harmless.is_counted(item):
        return False
    run = _piece(read, item)
    if _called_harmless(read, run):
        return False
    if item.first in read.harmless.decimals:  # nobody dictates a machine's address
        return (read.alone and len(run.items) == _OCTETS) or any(_is_named(read, run, each) for each in read.named)
    return any(each.name in _SECRETS and _is_beside(read, run, each) for each in read.named)


def _piece(read: _Text, item: Item) -> _Run:
    """The number with those that follow or go before without a word between."""
    at = read.items.index(item)
    first = last = at
    while first and read.items[first - 1].last == read.items[first].first:
        first -= 1
    while last + 1 < len(read.items) and read.items[last].last == read.items[last + 1].first:
        last += 1
    return _Run(tuple(read.items[first : last + 1]))


def _is_beside(read: _Text, run: _Run, named: _Named) -> bool:
    """Nothing but fillers and links stands between the number and the name."""
    before = _words_between(read, named.last, run.items[0].first)
    after = _words_between(read, run.items[-1].last, named.first)
    return before == 0 or (after == 0 and _linked(read, run, named))


def _named(read: _Text, run: _Run) -> bool:
    """What is said before or after the number makes it a secret."""
    if read.expected is not None and run.count >= _LONE:
        return not all(read.harmless.elsewhere(item) for item in run.items)
    return not _called_harmless(read, run) and any(_is_named(read, run, each) for each in read.named)


def _is_named(read: _Text, run: _Run, named: _Named) -> bool:
    reach = (_MACHINE_REACH if read.by_machine else _REACH).get(named.name)
    if reach is None or named.name is Name.HARMLESS:
        return False
    secret = named.name is not Name.NUMBER
    before = _words_between(read, named.last, run.items[0].first)
    if secret and (before == 0 or (reach.after >= 0 and _is_beside(read, run, named))):
        return run.most >= reach.shortest
    count = run.most if secret and 0 <= before <= _NEAR else run.count
    if count < reach.shortest or all(read.harmless.maybe(item) for item in run.items) or (not secret and _are_amounts(run)):
        return False
    after = _words_between(read, run.items[-1].last, named.first)
    return 0 <= before <= reach.before or (0 <= after <= reach.after and _linked(read, run, named))


def _linked(read: _Text, run: _Run, named: _Named) -> bool:
    """A name after the number needs words that link them ("to mój", "is my"), or, for a secret, nothing between."""
    between = read.tokens[run.items[-1].last : named.first]
    if named.name is Name.NUMBER:
        return bool(between) and between[0].word in _links()
    return not between or any(token.word in _links() for token in between)


def _words_between(read: _Text, first: int, last: int) -> int:
    """How many words that mean something stand between two places; -1 when the second is not behind the first, or a mask between."""
    if last < first or any(not token.word for token in read.tokens[first:last]):
        return -1
    fillers, links = lexicon().fillers, _links()
    return sum(token.word not in fillers and token.word not in links for token in read.tokens[first:last])


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
    if len(national) == 9 or (_PLUS.search(before) and count > _LONG_RUN):
        return PHONE
    return CODE if count <= _LONG_RUN else DIGITS


def _valid_pesel(digits: str) -> bool:
    try:
        pesel.validate(digits)
    except ValidationError:
        return False
    return True
