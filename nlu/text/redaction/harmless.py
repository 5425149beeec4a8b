"""Numbers that are plainly something else than a secret: amounts, dates, hours, years, houses, counts and shares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nlu.languages import languages
from nlu.text.patterns import whole_words, words
from nlu.text.redaction.dictation import Item, Token

_WRITTEN_DATE = r"\d{1,2}[.\-/ ]\d{1,2}[.\-/ ](?:19|20)\d\d(?:,?[ ]\d\d:\d\d)?|(?:19|20)\d\d-\d\d-\d\d(?:[ ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?"
_SECONDS = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[+-]\d\d:?\d\d)?"
_OCTET = r"(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])"
_DATE = re.compile(rf"{_WRITTEN_DATE}|{_SECONDS}")
_DECIMAL = re.compile(
    r"\d[.,]\d{1,9}|\d{1,3}[.,]\d{1,2}"
    rf"|(?:{_OCTET}\.){{3}}{_OCTET}(?::\d{{1,5}})?"  # IPv4, port
)
_KEPT_IN_LIST = re.compile(rf"{_WRITTEN_DATE}|{_SECONDS}|\d\d-\d{{3}}|(?:[01]?\d|2[0-3]):[0-5]\d")
_POSTAL = re.compile(r"\d\d-\d{3}")
_HOUR = re.compile(r"(?:[01]?\d|2[0-4])(?P<mark>[:. ])[0-5]\d")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:[ .,\u00a0\u202f]000){1,2}")
_CENTURIES = frozenset({"19", "20"})
_AMOUNT = re.compile(r"\d{1,9}(?:[.,]\d{1,2})?|\d{1,3}(?:[ .,\u00a0\u202f]\d{3}){1,2}(?:[.,]\d{1,2})?")
_CURRENCY_BEFORE = re.compile(r"(?:£|€|\$|\bpln|\beur|\busd|\bgbp|\bchf)\s?$", re.I)
_SIGN_AFTER = re.compile(r"\s{0,2}(?:%|£|€|\$|ms\b)")
_PIECE_GAP = 4
_LARGEST_COUNT = 5  # digits of a count, an hour, a house; more are a number of somebody
_SHORT_COUNT = 3
_NEAR = 3


@dataclass(frozen=True, slots=True)
class Harmless:
    """What was found, by the first token of each number."""

    sure: frozenset[int]
    """Set aside before anything is judged: amounts with a currency, dates, decimals."""
    counted: frozenset[int]
    """Those of them with a currency, and short ones with a unit: not even a name before them makes them a secret."""
    decimals: frozenset[int]
    """Decimals and addresses of machines: any name beside them says otherwise."""
    rounds: frozenset[int]
    """Numbers that are round, and harmless for nothing else."""
    likely: frozenset[int]
    """Harmless unless they are named or part of a dictation: hours, years, houses, round numbers."""

    def surely(self, item: Item) -> bool:
        """It is set aside."""
        return item.first in self.sure

    def is_counted(self, item: Item) -> bool:
        """It counts something, whatever is said before it."""
        return item.first in self.counted

    def elsewhere(self, item: Item) -> bool:
        """It surely belongs to something that is no secret: what is merely round may be a part of one."""
        return self.maybe(item) and item.first not in self.rounds

    def maybe(self, item: Item) -> bool:
        """It is harmless unless something around it says otherwise."""
        return item.first in self.likely or (item.first in self.sure and item.first not in self.decimals)


@dataclass(frozen=True, slots=True)
class _Words:
    currency: re.Pattern[str]
    unit: re.Pattern[str]
    thing: re.Pattern[str]
    street: re.Pattern[str]
    amounts: re.Pattern[str]
    slang: frozenset[str]
    hours: frozenset[str]
    years: frozenset[str]
    months: frozenset[str]
    between: frozenset[str]
    """Words between a day and its month."""


@lru_cache(maxsize=1)
def _known() -> _Words:
    months = frozenset(word for each in languages().values() for word in each.dates.months.replace("|", " ").split())
    between = frozenset(each.dates.of for each in languages().values() if each.dates.of)
    return _Words(
        whole_words(lambda each: each.currencies),
        whole_words(lambda each: each.units),
        whole_words(lambda each: each.things),
        whole_words(lambda each: each.streets),
        whole_words(lambda each: each.amounts),
        frozenset(word for each in languages().values() for word in each.money_slang),
        words(lambda each: each.hours),
        words(lambda each: each.years),
        months,
        between,
    )


def find_harmless(text: str, plain: str, tokens: Sequence[Token], items: Sequence[Item]) -> Harmless:
    """What is harmless among the numbers of a text. `plain` is the folded text."""
    counted = {item.first for item in _amounts(text, plain, items)}
    counted |= {item.first for item in items if any(token.word in _known().slang for token in tokens[item.first : item.last])}
    sure = set(counted)
    likely: set[int] = set()
    decimals: set[int] = set()
    rounds: set[int] = set()
    for piece in _pieces(text, items):
        written = all(item.written for item in piece)
        if written and _DECIMAL.fullmatch(text[piece[0].start : piece[-1].end]):
            decimals.update(item.first for item in piece)
        elif written:
            sure.update(item.first for item in _kept(text, piece))
        if _is_time(text, plain, piece, tokens) or _is_priced(text, piece, tokens):
            likely.update(item.first for item in piece)
    for at, item in enumerate(items):
        if _is_date(items, at, tokens) or (
            len(item.digits) <= _LARGEST_COUNT and _known().unit.match(plain, _next_word(plain, item.end))
        ):
            sure.add(item.first)
            if len(item.digits) <= _SHORT_COUNT:
                counted.add(item.first)
        if _is_year(item, tokens) or _is_house(item, tokens):
            likely.add(item.first)
        elif item.round and item.first not in likely | sure:
            rounds.add(item.first)
    found = (sure | decimals, counted, decimals, rounds, likely | rounds)
    return Harmless(*map(frozenset, found))


def counts_things(item: Item, tokens: Sequence[Token]) -> bool:
    """Something that is counted follows: "dwie karty", "three cards"."""
    return item.last < len(tokens) and _known().thing.fullmatch(tokens[item.last].word) is not None


def _next_word(plain: str, end: int) -> int:
    while end < len(plain) and plain[end] in " \u00a0\u202f-.":
        end += 1
    return end


def _pieces(text: str, items: Sequence[Item]) -> Iterator[tuple[Item, ...]]:
    """Numbers with nothing but marks between them."""
    piece: list[Item] = []
    for item in items:
        if piece and (piece[-1].last != item.first or len(text[piece[-1].end : item.start].replace(" ", "")) > _PIECE_GAP):
            yield tuple(piece)
            piece = []
        piece.append(item)
    if piece:
        yield tuple(piece)


def _kept(text: str, piece: Sequence[Item]) -> Iterator[Item]:
    """The numbers of a piece that are a date, a time or the code of a town."""
    if _DATE.fullmatch(text[piece[0].start : piece[-1].end]):
        yield from piece
        return
    for part in _listed(text, piece):
        span = text[part[0].start : part[-1].end]
        of_a_town = _POSTAL.fullmatch(span) and text[part[-1].end : part[-1].end + 2].strip(" ,")[:1].isalpha()
        if of_a_town or (len(part) < len(piece) and _KEPT_IN_LIST.fullmatch(span)):
            yield from part


def _listed(text: str, piece: Sequence[Item]) -> Iterator[tuple[Item, ...]]:
    """The parts of a piece between its commas."""
    part: list[Item] = []
    for item in piece:
        if part and any(mark in text[part[-1].end : item.start] for mark in ",;\n"):
            yield tuple(part)
            part = []
        part.append(item)
    yield tuple(part)


def _amounts(text: str, plain: str, items: Sequence[Item]) -> Iterator[Item]:
    """Numbers with a currency beside them, and the groups of thousands before them."""
    for at, item in enumerate(items):
        if _CURRENCY_BEFORE.search(text[max(0, item.start - 5) : item.start]):
            yield from _longest_amount(text, items, at, at)
        elif _SIGN_AFTER.match(text, item.end) or _known().currency.match(plain, _next_word(plain, item.end)):
            if len(item.digits) <= 9:
                yield item
            if item.written:
                first = at
                while first and _AMOUNT.fullmatch(text[items[first - 1].start : item.end]) and items[first - 1].written:
                    first -= 1
                yield from items[first:at]


def _longest_amount(text: str, items: Sequence[Item], first: int, last: int) -> Sequence[Item]:
    while last + 1 < len(items) and items[last + 1].written and _AMOUNT.fullmatch(text[items[first].start : items[last + 1].end]):
        last += 1
    return items[first : last + 1] if _AMOUNT.fullmatch(text[items[first].start : items[last].end]) else ()


def _word(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].word if 0 <= at < len(tokens) else ""


def _is_date(items: Sequence[Item], at: int, tokens: Sequence[Token]) -> bool:
    """A day beside its month, and the year after them."""
    item, known = items[at], _known()
    before, after = _word(tokens, item.first - 1), _word(tokens, item.last)
    if len(item.digits) <= 2 and 1 <= int(item.digits) <= 31:
        of = after in known.between and _word(tokens, item.last + 1) in known.months
        return before in known.months or after in known.months or of
    if not item.year:
        return False
    earlier = items[at - 1] if at else None
    day_between = earlier is not None and earlier.last == item.first and _word(tokens, earlier.first - 1) in known.months
    return before in known.months or (day_between and earlier is not None and len(earlier.digits) <= 2)


def _is_year(item: Item, tokens: Sequence[Token]) -> bool:
    around = (_word(tokens, item.first - 1), _word(tokens, item.last))
    return item.year and any(word in _known().years for word in around)


def _is_time(text: str, plain: str, piece: Sequence[Item], tokens: Sequence[Token]) -> bool:
    """ "14:30"; "14 30", "dwanaście trzydzieści" after "o", "od", "at"; "nineteen ninety nine" after "in"."""
    lead = _word(tokens, piece[0].first - 1) in _known().hours
    if len(piece) == 2 and piece[0].digits in _CENTURIES and len(piece[1].digits) == 2:  # "twenty eighteen"
        return lead or _word(tokens, piece[0].first - 1) in _known().years
    if len(piece) == 1:
        return lead and 1 <= int(piece[0].digits[:3]) <= 24
    match = _HOUR.fullmatch(text[piece[0].start : piece[-1].end])
    if match:
        return match["mark"] == ":" or lead or _known().unit.match(plain, _next_word(plain, piece[-1].end)) is not None
    if len(piece) != 2 or not lead or any(item.written or len(item.digits) > 2 for item in piece):
        return False
    return int(piece[0].digits) <= 24 and int(piece[1].digits) < 60


def _is_house(item: Item, tokens: Sequence[Token]) -> bool:
    if len(item.digits) > 4:
        return False
    near = [*tokens[max(0, item.first - _NEAR) : item.first], *tokens[item.last : item.last + _NEAR]]
    return any(_known().street.fullmatch(token.word) for token in near)


def _is_priced(text: str, piece: Sequence[Item], tokens: Sequence[Token]) -> bool:
    """ "40,000"; after a word for an amount: a short number, one with a thousand named, or groups of thousands that are round."""
    first = piece[0].first
    if all(item.written for item in piece) and _THOUSANDS.fullmatch(text[piece[0].start : piece[-1].end]):
        return True
    if not any(_known().amounts.fullmatch(token.word) for token in tokens[max(0, first - _NEAR) : first]):
        return False
    if len(piece) == 1:
        return len(piece[0].digits) <= _LARGEST_COUNT or piece[0].multiplied or piece[0].digits.endswith("000")
    if sum(len(item.digits) for item in piece) <= _LARGEST_COUNT and len(piece) == 2:  # "cztery dwadzieścia"
        return True
    written = all(item.written for item in piece) and _AMOUNT.fullmatch(text[piece[0].start : piece[-1].end])
    return bool(written) and piece[-1].digits.endswith("00")
