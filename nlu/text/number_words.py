"""Number words to digits, for every language in `nlu.languages`.

"tysiąc piecset" is 1500, "dwa zero zero" is 200 (digits said one by one), "półtora tysiąca" is 1500, "twenty five grand" is 25000.
Words are looked up folded (lower case, no diacritics), because recognisers and callers lose them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nlu.languages import languages
from nlu.languages.language import NumberWord, Slot, fold

_DIGITS = re.compile(r"\d{1,18}(?:[.,]\d{1,9})?")
_DIGIT_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)", re.IGNORECASE)
_SHORTEST_DICTATION = 3
"""So many single digits in a row are one dictated number; fewer are said separately ("dwa trzy dni")."""

_MOST_MULTIPLIED = 1e200
"""A multiplier after such a number is a number of its own: the product would have no room in a float."""


@dataclass(frozen=True, slots=True)
class SpokenNumber:
    """A number said in some words."""

    start: int
    """The first of its words."""
    end: int
    """The word behind its last."""
    value: float
    digits: str
    """How it is dictated: "007" keeps its zeros."""
    ordinal: bool = False
    parts: int = 1
    """Separately spoken numbers joined here."""
    multiplied: bool = False
    """A thousand or more was named."""


WordTable = Mapping[str, NumberWord]


def table(lang: str) -> WordTable:
    """Number words of a language, folded; none for a language that is not known."""
    known = languages().get(lang)
    return known.number_words if known is not None else {}


def find_numbers(words: Sequence[str], lang: str) -> list[SpokenNumber]:
    """Numbers said in these words, left to right, in words or digits."""
    known = table(lang)
    singles = list(scan(words, [known.get(fold(word)) for word in words]))
    return _join_dictated(singles)


def numbers_to_digits(text: str, lang: str) -> str:
    """`text` with cardinal number words written as digits; ordinals are left ("po pierwsze"); dates are read by `nlu.text.dates`."""
    words = text.split()
    out: list[str] = []
    position = 0
    for number in find_numbers(words, lang):
        if number.ordinal or (number.end - number.start == 1 and words[number.start].isdigit()):
            continue
        out += words[position : number.start]
        out.append(number.digits)
        position = number.end
    return " ".join(out + words[position:])


def scan(words: Sequence[str], found: Sequence[NumberWord | None]) -> Iterator[SpokenNumber]:
    """Numbers as they are said one by one, left to right; `found` is what each word means as a number, of one language or several."""
    position = 0
    while position < len(words):
        number: SpokenNumber | None = None
        written = words[position][:1].isdecimal()
        if written and _DIGITS.fullmatch(words[position]):
            number = _numeral(words, found, position)
        elif written and (match := _DIGIT_ORDINAL.fullmatch(words[position])):
            number = SpokenNumber(position, position + 1, float(match[1]), match[1], ordinal=True)
        elif found[position] is not None:
            number = _Reader(found, position).read()
        if number is None:
            position += 1
        else:
            yield number
            position = number.end


def _numeral(words: Sequence[str], found: Sequence[NumberWord | None], start: int) -> SpokenNumber:
    """A number in digits, with a multiplier after it: "5 tysięcy"."""
    value = float(words[start].replace(",", "."))
    digits, end, multiplied = words[start], start + 1, False
    while end < len(words) and (word := found[end]) is not None and word.slot is Slot.TIMES and value < _MOST_MULTIPLIED:
        value, end, multiplied = value * word.value, end + 1, True
        digits = str(round(value))
    return SpokenNumber(start, end, value, digits, multiplied=multiplied)


class _Reader:
    """Reads one number from position `start`; slots may only get smaller within a group of three digits."""

    def __init__(self, found: Sequence[NumberWord | None], start: int) -> None:
        self._found = found
        self._start = self._end = start
        self._total = 0
        self._group: float = 0
        self._smallest = 1000
        self._last_multiplier = 10**12
        self._any = self._multiplied = self._ordinal = False

    def read(self) -> SpokenNumber | None:
        """The longest number here, or None."""
        while self._end < len(self._found) and self._take(self._end):
            pass
        if not self._any:
            return None
        value = self._total + self._group
        digits = str(int(value)) if float(value).is_integer() else f"{value:.2f}".rstrip("0")
        return SpokenNumber(self._start, self._end, float(value), digits, self._ordinal, multiplied=self._multiplied)

    def _word(self, at: int) -> NumberWord | None:
        return self._found[at] if at < len(self._found) else None

    def _take(self, at: int) -> bool:
        word = self._word(at)
        if word is None or (not word.alone and not self._any):
            return False
        if self._ordinal and not word.ordinal:  # "twenty fifth" goes on, "the fifth one" does not
            return False
        if word.slot is Slot.TIMES:
            return self._multiply(word)
        if word.slot in (Slot.HALF, Slot.MORE_HALF):
            return self._half(word, at)
        if word.slot is Slot.JOIN:
            return self._join(at)
        return self._add(word)

    def _add(self, word: NumberWord) -> bool:
        if word.value == 0 and self._any:
            return False
        if word.value >= self._smallest or (word.slot is Slot.TEEN and self._smallest <= 10):
            return False
        self._group += word.value
        self._smallest = {Slot.HUNDRED: 100, Slot.TEN: 10}.get(word.slot, 1 if word.value else 0)
        return self._step(word)

    def _multiply(self, word: NumberWord) -> bool:
        if word.value >= self._last_multiplier or (self._any and not self._group):
            return False
        if word.value == 100:  # English: "five hundred" stays inside the group
            if self._group >= 100:
                return False
            self._group = (self._group or 1) * 100
            self._smallest = 100
            return self._step(word)
        self._total += int((self._group or 1) * word.value)
        self._group, self._smallest, self._last_multiplier = 0, 1000, word.value
        self._multiplied = True
        return self._step(word)

    def _half(self, word: NumberWord, at: int) -> bool:
        following = self._word(at + 1)
        between = following is not None and following.slot is Slot.JOIN  # "half a million"
        if between:
            following = self._word(at + 2)
        if following is None or following.slot is not Slot.TIMES or self._group:
            return False
        self._group = 0.5 if word.slot is Slot.HALF else 1.5
        self._end += between
        return self._step(word)

    def _join(self, at: int) -> bool:
        """ "and" counts only between parts of one number."""
        following = self._word(at + 1)
        if not self._any or following is None:
            return False
        if following.slot is Slot.JOIN:  # "one and a half thousand"
            self._end = at + 1
            return self._join(at + 1) or self._leave(at)
        if following.slot is Slot.HALF and (after := self._word(at + 2)) is not None and after.slot is Slot.TIMES:
            self._group += 0.5
            self._end = at + 2
            return True
        and_small = following.slot in (Slot.DIGIT, Slot.TEEN, Slot.TEN) and following.value < self._smallest
        if not (and_small and self._smallest in (100, 1000) and self._found[at - 1] is not None):
            return False
        self._end = at + 1
        return True

    def _leave(self, at: int) -> bool:
        self._end = at
        return False

    def _step(self, word: NumberWord) -> bool:
        self._any = True
        self._ordinal = word.ordinal
        self._end += 1
        return True


def _join_dictated(numbers: Sequence[SpokenNumber]) -> list[SpokenNumber]:
    """Runs of single digits ("dwa zero zero"), and of groups after a zero, become one dictated number."""
    joined: list[SpokenNumber] = []
    run: list[SpokenNumber] = []
    for number in numbers:
        fits = len(number.digits) == 1 and not number.ordinal and number.end - number.start == 1
        if run and (not fits or number.start != run[-1].end):
            joined += _close(run)
            run = []
        if fits:
            run.append(number)
        else:
            joined.append(number)
    return joined + _close(run)


def _close(run: list[SpokenNumber]) -> list[SpokenNumber]:
    dictated = len(run) >= _SHORTEST_DICTATION or (len(run) > 1 and any(one.value == 0 for one in run))
    if not dictated:
        return run
    digits = "".join(one.digits for one in run)
    return [SpokenNumber(run[0].start, run[-1].end, float(digits), digits, parts=len(run))]
