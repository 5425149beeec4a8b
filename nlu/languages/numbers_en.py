"""English number words, ordinals, and the street's own: "grand", "k", "a couple of hundred"."""

from __future__ import annotations

from collections.abc import Iterator

from nlu.text.numbers import NumberWord, Slot

_DIGITS = "zero one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINAL_DIGITS = "first second third fourth fifth sixth seventh eighth ninth".split()
_ORDINAL_TEENS = "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth".split()
_TIMES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_SLANG_TIMES = {"grand": 1_000, "k": 1_000}


def _words() -> Iterator[tuple[str, NumberWord]]:
    for value, word in enumerate(_DIGITS):
        yield word, NumberWord(value, Slot.DIGIT)
    for word in ("oh", "nought", "naught", "nil"):
        yield word, NumberWord(0, Slot.DIGIT, alone=word != "oh")
    for value, word in enumerate(_TEENS, start=10):
        yield word, NumberWord(value, Slot.TEEN)
    for step, word in enumerate(_TENS, start=2):
        yield word, NumberWord(step * 10, Slot.TEN)
        yield word.removesuffix("y") + "ieth", NumberWord(step * 10, Slot.TEN, ordinal=True)
    for value, word in enumerate(_ORDINAL_DIGITS, start=1):
        yield word, NumberWord(value, Slot.DIGIT, ordinal=True)
    for value, word in enumerate(_ORDINAL_TEENS, start=10):
        yield word, NumberWord(value, Slot.TEEN, ordinal=True)
    for word, value in _TIMES.items():
        yield word, NumberWord(value, Slot.TIMES)
    for word, value in _SLANG_TIMES.items():
        yield word, NumberWord(value, Slot.TIMES, alone=False)
    yield "half", NumberWord(0, Slot.HALF)
    for word in ("and", "a"):
        yield word, NumberWord(0, Slot.JOIN, alone=False)


TABLE: dict[str, NumberWord] = dict(_words())
