"""Numbers as people dictate them, in the words of all languages together: callers mix them, and a log knows no language.

One by one, in pairs, in threes, as whole numbers, "podwójne pięć", "three zeros", "dwie piątki", "six oh one", digits and words
mixed, with pauses, fillers and corrections between. What a number is for is judged elsewhere (`nlu.text.redaction`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from nlu.languages import languages
from nlu.languages.language import NumberWord, Slot, fold
from nlu.text.number_words import scan
from nlu.types import Act

_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_UUID = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-zA-Z])")
_WIDEST_GAP = 4
"""So many marks between two digits still leave them one number; spaces do not count."""
_NEAR = 3
_MOST_OFTEN = 9
_MOST_TIMES = 4
"""A digit is said so many "times" at most; "siedem razy osiem" is a sum."""

_CYRILLIC = {
    "ноль": 0, "нуль": 0, "один": 1, "одна": 1, "два": 2, "дві": 2, "две": 2, "три": 3, "чотири": 4, "четыре": 4, "пять": 5, "шість": 6,
    "шесть": 6, "сім": 7, "семь": 7, "вісім": 8, "восемь": 8, "девять": 9,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """Words of all languages around dictated digits, folded."""

    numbers: Mapping[str, NumberWord]
    starters: frozenset[str]
    """Words with which a number may begin."""
    repeats: Mapping[str, int]
    times: frozenset[str]
    zeros: frozenset[str]
    zero_neighbours: frozenset[str]
    """Single digits of the languages in which a letter is a zero."""
    fillers: frozenset[str]
    doubtful: frozenset[str]
    """Number words that are common words of another language ("ten"): they count near another number only."""


@lru_cache(maxsize=1)
def lexicon() -> _Lexicon:
    """Worked out once from the languages that are known."""
    known = list(languages().values())
    numbers = {word: entry for each in known for word, entry in each.number_words.items() if not entry.ordinal}
    numbers |= {word: NumberWord(value, Slot.DIGIT) for word, value in _CYRILLIC.items()}
    repeats = {word: times for each in known for word, times in each.secrets.repeats.items()}
    zeros = frozenset().union(*(each.secrets.zeros for each in known))
    digits = {
        word
        for each in known
        if each.secrets.zeros
        for word, entry in each.number_words.items()
        if entry.slot is Slot.DIGIT and not entry.ordinal
    }
    fillers = frozenset().union(
        *(each.secrets.fillers | each.fillers for each in known), *(_words(each.acts.polite) for each in known)
    )
    waits = frozenset().union(*(_words(each.acts.phrases.get(Act.WAIT, "")) for each in known))
    numbers = {word: entry for word, entry in numbers.items() if word not in zeros}
    return _Lexicon(
        numbers,
        frozenset(word for word, entry in numbers.items() if entry.alone) | zeros,
        repeats,
        frozenset().union(*(each.secrets.times for each in known)),
        zeros,
        frozenset(digits | set(repeats)) | zeros,
        (fillers | waits) - {word for word, entry in numbers.items() if entry.alone},
        frozenset().union(*(each.shared_words for each in known)) & {word for word, entry in numbers.items() if entry.alone},
    )


def _words(phrases: str) -> frozenset[str]:
    """The phrases of a single word."""
    return frozenset(phrase.strip() for phrase in fold(phrases).split("|") if len(phrase.split()) == 1)


class Token(NamedTuple):
    """A run of digits (`digits`, in ASCII) or a folded word, and where it stands in the text."""

    start: int
    end: int
    word: str
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One number of a dictation: "81", "podwójne pięć", "three zeros". `first` and `last` are its tokens (`last` is exclusive)."""

    first: int
    last: int
    start: int
    end: int
    digits: str
    written: bool
    """In digits, not in words."""
    multiplied: bool = False
    """A thousand or more was named."""
    figures: int = 1
    """How many figures were said one by one in it; 0 for a number of several figures said as one."""
    most: int = 0
    """How many digits it can stand for: "dwadzieścia dwa" is 22, or 20 and 2."""

    @property
    def round(self) -> bool:
        """Like an amount or a limit: 300, 1500, "dwadzieścia tysięcy"; six digits or more that are written are a number of somebody."""
        if self.digits[:1] == "0" or (self.written and len(self.digits) > 5) or len(self.digits) > 7:
            return False
        return self.digits.endswith("00") or (len(self.digits) == 3 and self.digits.endswith("50"))

    @property
    def year(self) -> bool:
        """Like a year of our time."""
        return len(self.digits) == 4 and 1900 <= int(self.digits) < 2100


def tokens_of(text: str) -> list[Token]:
    """Words and runs of digits, left to right. What is masked already, and a UUID, is a word that nobody says."""
    opaque = [match.span() for match in _UUID.finditer(text)] if "-" in text else []
    passed = 0
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        raw = match[0]
        while passed < len(opaque) and opaque[passed][1] <= start:
            passed += 1
        if (passed < len(opaque) and opaque[passed][0] <= start) or text[start - 1 : start] == "<":
            found.append(Token(start, end, ""))
        elif raw[0].isdecimal():
            digits = raw if raw.isascii() else "".join(str(unicodedata.decimal(character)) for character in raw)
            found.append(Token(start, end, digits, digits))
        else:
            found.append(Token(start, end, fold(raw)))
    return found


def says_numbers(text: str) -> bool:
    """Whether there is anything to read here at all; quick, for the many lines in which there is nothing."""
    starters = lexicon().starters
    return any(word in starters for word in _TOKEN.findall(fold(text)))


def items_of(text: str, tokens: Sequence[Token]) -> list[Item]:
    """The numbers said or written, left to right, each as it was said."""
    known = lexicon()
    words = ["0" if _letter_zero(text, tokens, at) else token.word for at, token in enumerate(tokens)]
    meant = [None if token.digits else known.numbers.get(word) for token, word in zip(tokens, words, strict=True)]
    for at, word in enumerate(words):
        twice = word in known.doubtful and word in (*words[max(0, at - 1) : at], *words[at + 1 : at + 2])
        near = range(at - _NEAR, at + _NEAR + 1)
        if word in known.doubtful and not twice and not any(_is_number(tokens, meant, place) for place in near):
            meant[at] = None
    found = [
        Item(
            number.start,
            number.end,
            tokens[number.start].start,
            tokens[number.end - 1].end,
            number.digits.replace(".", ""),
            all(token.digits for token in tokens[number.start : number.end]),
            number.multiplied,
            int(len(number.digits) == 1),
            _most(number.digits, meant[number.start : number.end]),
        )
        for number in scan(words, meant)
    ]
    return _repeated(text, tokens, meant, _with_long_ones(tokens, found))


def _is_number(tokens: Sequence[Token], meant: Sequence[NumberWord | None], at: int) -> bool:
    if not 0 <= at < len(tokens) or tokens[at].word in lexicon().doubtful:
        return False
    word = meant[at]
    return bool(tokens[at].digits) or (word is not None and word.alone)


def _most(digits: str, said: Sequence[NumberWord | None]) -> int:
    tens = len(said) == 2 and said[0] is not None and said[0].slot is Slot.TEN
    return len(digits) + tens


def _with_long_ones(tokens: Sequence[Token], found: list[Item]) -> list[Item]:
    """Digits that are too many for a number to be counted with are still digits."""
    taken = {at for item in found for at in range(item.first, item.last)}
    rest = [
        Item(at, at + 1, token.start, token.end, token.digits, True, figures=0, most=len(token.digits))
        for at, token in enumerate(tokens)
        if token.digits and at not in taken
    ]
    return sorted([*found, *rest], key=lambda item: item.first) if rest else found


def _letter_zero(text: str, tokens: Sequence[Token], at: int) -> bool:
    """ "oh" and "o" beside a single digit of a language that says them for zero."""
    known = lexicon()
    if tokens[at].word not in known.zeros:
        return False
    before = _is_figure(tokens, at - 1) and not text[tokens[at - 1].end : tokens[at].start].strip(" ,.-")
    after = _is_figure(tokens, at + 1) and not text[tokens[at].end : tokens[at + 1].start].strip(" ,.-")
    spoken = [tokens[near].word in known.zero_neighbours for near, is_one in ((at - 1, before), (at + 1, after)) if is_one]
    return any(spoken) or (before and after) or (before and at + 1 == len(tokens))


def _is_figure(tokens: Sequence[Token], at: int) -> bool:
    if not 0 <= at < len(tokens):
        return False
    token = tokens[at]
    return len(token.digits) == 1 or token.word in lexicon().zero_neighbours


def _repeated(text: str, tokens: Sequence[Token], meant: Sequence[NumberWord | None], items: Sequence[Item]) -> list[Item]:
    """With "double five", "two fives" and "three times zero" as the digits they stand for."""
    known = lexicon()
    out: list[Item] = []
    for item in items:
        before = out[-1] if out else None
        repeat = known.repeats.get(tokens[item.first - 1].word, 1) if item.first else 1
        if repeat > 1 and (before is None or before.last < item.first) and len(item.digits) <= 2:
            out.append(_often(item, repeat, tokens[item.first - 1], item.first - 1))
        elif before is not None and _counts(tokens, meant, before, item):
            out[-1] = _often(item, int(before.digits), tokens[before.first], before.first)
        else:
            out.append(item)
    return out


def _counts(tokens: Sequence[Token], meant: Sequence[NumberWord | None], count: Item, item: Item) -> bool:
    """The number before says how often the figure is said."""
    if not (len(count.digits) == 1 and 2 <= int(count.digits) <= _MOST_OFTEN and len(item.digits) <= 2):
        return False
    word = meant[item.first]
    if count.last == item.first:
        own = meant[count.first]
        return word is not None and word.figure and _is_plural(tokens[item.first].word) and not (own is not None and own.figure)
    if int(count.digits) > _MOST_TIMES:
        return False
    said = tokens[count.last].word if count.last + 1 == item.first else ""
    return said in lexicon().times and len(item.digits) == 1 and tokens[count.last].end + 1 == tokens[item.first].start


def _is_plural(word: str) -> bool:
    """Of the names of figures: "piątki", "piątek", "zera", "fives"; not "piątka"."""
    return word.endswith(("i", "ek", "s", "zer", "zera", "eczek"))


def _often(item: Item, times: int, lead: Token, first: int) -> Item:
    return Item(
        first,
        item.last,
        lead.start,
        item.end,
        item.digits * times,
        False,
        figures=times * len(item.digits),
        most=times * len(item.digits),
    )


def gap_joins(text: str, before: Item, after: Item, tokens: Sequence[Token], others: int) -> bool:
    """Two numbers may be parts of one: a few marks, any fillers and at most `others` other words stand between."""
    known = lexicon()
    strange = 0
    position = before.end
    for token in (*tokens[before.last : after.first], None):
        marks = text[position : after.start if token is None else token.start]
        if "@" in marks or (marks != " " and len("".join(marks.split())) > _WIDEST_GAP):
            return False
        if token is not None:
            strange += token.word not in known.fillers and token.word not in known.repeats
            position = token.end
    return strange <= others


def without_corrected(items: Sequence[Item], tokens: Sequence[Token]) -> Iterator[Item]:
    """The numbers that stay when each that is taken back ("cztery, nie, sześć") is left out."""
    taken_back = _taken_back()
    for item, after in zip(items, (*items[1:], None), strict=True):
        if after is None or not any(token.word in taken_back for token in tokens[item.last : after.first]):
            yield item


@lru_cache(maxsize=1)
def _taken_back() -> frozenset[str]:
    return frozenset().union(*(each.secrets.corrections for each in languages().values()))
