"""Ways of dictating a number, in Polish and in English, with words of their own: not those that the parser knows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from num2words import num2words

_PL_ONES = "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć".split()
_PL_NOUNS = "zero jedynka dwójka trójka czwórka piątka szóstka siódemka ósemka dziewiątka".split()
_PL_NOUNS_ACC = "zero jedynkę dwójkę trójkę czwórkę piątkę szóstkę siódemkę ósemkę dziewiątkę".split()
_PL_NOUNS_GEN = "zera jedynki dwójki trójki czwórki piątki szóstki siódemki ósemki dziewiątki".split()
_PL_NOUNS_INS = "zerem jedynką dwójką trójką czwórką piątką szóstką siódemką ósemką dziewiątką".split()
_PL_PLURAL = "zera jedynki dwójki trójki czwórki piątki szóstki siódemki ósemki dziewiątki".split()
_PL_GEN = "zera jednego dwóch trzech czterech pięciu sześciu siedmiu ośmiu dziewięciu".split()
_EN_ONES = "zero one two three four five six seven eight nine".split()
_EN_PLURAL = "zeros ones twos threes fours fives sixes sevens eights nines".split()
_NO_ACCENTS = str.maketrans("ąćęłńóśźż", "acelnoszz")


def whole(number: str, lang: str) -> str:
    """Digits as one number, with its leading zeros said one by one."""
    rest = number.lstrip("0")
    zeros = ["zero"] * (len(number) - len(rest))
    return " ".join([*zeros, *([num2words(int(rest), lang=lang).replace(",", "").replace("-", " ")] if rest else [])])


def _groups(digits: str, size: int) -> list[str]:
    return [digits[at : at + size] for at in range(0, len(digits), size)]


def _runs(digits: str) -> Iterator[str]:
    """Runs of the same digit, "5544" is "55", "44"."""
    run = ""
    for digit in digits:
        if run and run[-1] != digit:
            yield run
            run = ""
        run += digit
    yield run


Say = Callable[[str, random.Random], str]


def _by(words: Sequence[str], between: Sequence[str] = (" ",)) -> Say:
    def say(digits: str, chance: random.Random) -> str:
        out = words[int(digits[0])]
        for digit in digits[1:]:
            out += chance.choice(between) + words[int(digit)]
        return out

    return say


def _grouped(size: int, lang: str, between: Sequence[str] = (" ",)) -> Say:
    def say(digits: str, chance: random.Random) -> str:
        out = ""
        for group in _groups(digits, size):
            out += (chance.choice(between) if out else "") + whole(group, lang)
        return out

    return say


def _irregular(lang: str, between: Sequence[str] = (" ", ", ")) -> Say:
    """Groups of one to three, as they come."""

    def say(digits: str, chance: random.Random) -> str:
        out, position = "", 0
        while position < len(digits):
            size = chance.randint(1, 3)
            out += (chance.choice(between) if out else "") + whole(digits[position : position + size], lang)
            position += size
        return out

    return say


def _mixed_in(lang: str) -> Say:
    """Some in digits, some in words."""

    def say(digits: str, chance: random.Random) -> str:
        return " ".join(
            group if chance.random() < 0.5 else whole(group, lang) for group in _groups(digits, chance.choice((1, 2, 3)))
        )

    return say


def _figures(between: Sequence[str], sizes: Sequence[int] = (1, 2, 3, 4)) -> Say:
    def say(digits: str, chance: random.Random) -> str:
        mark = chance.choice(between)
        return mark.join(_groups(digits, chance.choice(sizes)))

    return say


def _doubled(ones: Sequence[str], names: Mapping[int, Sequence[str]]) -> Say:
    """ "podwójne pięć", "triple six" where a digit comes again."""

    def say(digits: str, chance: random.Random) -> str:
        parts = []
        for run in _runs(digits):
            if len(run) in names:
                parts.append(f"{chance.choice(names[len(run)])} {ones[int(run[0])]}")
            else:
                parts += [ones[int(digit)] for digit in run]
        return " ".join(parts)

    return say


def _counted(ones: Sequence[str], plurals: Sequence[str], counts: Mapping[int, str]) -> Say:
    """ "dwie piątki", "three zeros"."""

    def say(digits: str, chance: random.Random) -> str:
        parts = []
        for run in _runs(digits):
            parts += [f"{counts[len(run)]} {plurals[int(run[0])]}"] if len(run) in counts else [ones[int(digit)] for digit in run]
        return " ".join(parts)

    return say


def _corrected(ones: Sequence[str], corrections: Sequence[str]) -> Say:
    def say(digits: str, chance: random.Random) -> str:
        at = chance.randrange(len(digits))
        words = [ones[int(digit)] for digit in digits]
        words[at] = f"{ones[(int(digits[at]) + 3) % 10]}{chance.choice(corrections)} {words[at]}"
        return " ".join(words)

    return say


def _with_end(lang: str, ends: Sequence[str]) -> Say:
    def say(digits: str, chance: random.Random) -> str:
        cut = len(digits) - 2
        return f"{_irregular(lang)(digits[:cut], chance)}{chance.choice(ends)} {whole(digits[cut:], lang)}"

    return say


PL_FILLERS = (" eee ", ", eee, ", " yyy ", " potem ", ", potem ", " dalej ", ", dalej ", " i ", ", następnie ", " no i ", ", i teraz ", " myślnik ", " kreska ",
               ", później ", ", kolejna ", " i jeszcze ", ", mam tu ", " ... ", ", zaraz, ", " spacja ", ", znowu ", " a potem ")  # fmt: skip
EN_FILLERS = (" uh ", ", um, ", " then ", ", then ", " and ", " and then ", ", followed by ", " dash ", ", next ", " after that ", ", er, ", " ... ",
               ", and after that ", " space ", ", hold on, ", " again ")  # fmt: skip
PL_FIXES = (
    ", nie,",
    " nie, przepraszam,",
    ", przepraszam,",
    ", znaczy",
    " nie nie",
    ", pomyłka,",
    ", wróć,",
    ", nie, źle mówię,",
    " sorry",
)
EN_FIXES = (", no,", " no sorry", ", sorry,", ", I mean", ", wait, no,", ", actually", ", scratch that,", " no make that")
_PAUSES = (", ", "... ", ". ", " – ", "; ", ",, ", " … ")

PL_STRANGE = (
    " niech spojrzę ",
    ", gdzie to było, ",
    " kurczę blade ",
    ", sekundeczka, ",
    ", no widzi pani, ",
    " i tu mamy ",
    ", a na deser ",
    ", okulary, ",
)
EN_STRANGE = (
    ", lemme look, ",
    " oops ",
    ", my glasses, ",
    " so yeah ",
    ", alright, ",
    ", bear with me, ",
    " and over here ",
    ", you know, ",
)


def _broken_off(lang: str, strange: Sequence[str]) -> Say:
    """Broken off once, by whatever comes to mind."""

    def say(digits: str, chance: random.Random) -> str:
        cut = chance.randint(1, len(digits) - 1)
        return f"{_irregular(lang)(digits[:cut], chance)}{chance.choice(strange)}{_irregular(lang)(digits[cut:], chance)}"

    return say


WAYS: dict[str, dict[str, Say]] = {
    "pl": {
        "one by one": _by(_PL_ONES),
        "commas": _by(_PL_ONES, (", ",)),
        "pauses": _by(_PL_ONES, (*_PAUSES, " ")),
        "fillers": _by(_PL_ONES, (" ", " ", *PL_FILLERS)),
        "pairs": _grouped(2, "pl"),
        "pairs, fillers": _grouped(2, "pl", (" ", *PL_FILLERS)),
        "threes": _grouped(3, "pl", (" ", ", ")),
        "irregular": _irregular("pl"),
        "nouns": _by(_PL_NOUNS),
        "nouns, accusative": _by(_PL_NOUNS_ACC, (" ", ", ")),
        "nouns, genitive": _by(_PL_NOUNS_GEN, (", ", " potem ")),
        "nouns, instrumental": _by(_PL_NOUNS_INS),
        "oblique": _by(_PL_GEN),
        "without accents": lambda digits, chance: _by(_PL_NOUNS_ACC)(digits, chance).translate(_NO_ACCENTS),
        "double": _doubled(_PL_ONES, {2: ("podwójne", "podwójna", "dwa razy"), 3: ("potrójne", "trzy razy")}),
        "counted": _counted(_PL_ONES, _PL_PLURAL, {2: "dwie", 3: "trzy", 4: "cztery"}),
        "corrected": _corrected(_PL_ONES, PL_FIXES),
        "at the end": _with_end("pl", (", na końcu", " i na końcu", ", ostatnie", " a na koniec", ", końcówka")),
        "broken off": _broken_off("pl", PL_STRANGE),
        "digits and words": _mixed_in("pl"),
        "spaced digits": _figures((" ",)),
        "dashed digits": _figures(("-", " - ", "–")),
        "dotted digits": _figures((".", ", ", "/", " . ")),
        "one run": _figures(("",)),
        "capitals": lambda digits, chance: _by(_PL_ONES, (" ", ", "))(digits, chance).capitalize() + ".",
    },
    "en": {
        "one by one": _by(_EN_ONES),
        "commas": _by(_EN_ONES, (", ",)),
        "pauses": _by(_EN_ONES, (*_PAUSES, " ")),
        "fillers": _by(_EN_ONES, (" ", " ", *EN_FILLERS)),
        "oh": _by(["oh", *_EN_ONES[1:]]),
        "o": _by(["o", *_EN_ONES[1:]]),
        "nought": _by(["nought", *_EN_ONES[1:]], (" ", ", ")),
        "pairs": _grouped(2, "en"),
        "pairs, fillers": _grouped(2, "en", (" ", *EN_FILLERS)),
        "threes": _grouped(3, "en", (" ", ", ")),
        "irregular": _irregular("en"),
        "hyphens": lambda digits, chance: ", ".join(
            num2words(int(group), lang="en") if group[0] != "0" else whole(group, "en") for group in _groups(digits, 2)
        ),
        "double": _doubled(_EN_ONES, {2: ("double",), 3: ("triple", "treble")}),
        "counted": _counted(_EN_ONES, _EN_PLURAL, {2: "two", 3: "three", 4: "four"}),
        "corrected": _corrected(_EN_ONES, EN_FIXES),
        "at the end": _with_end("en", (", ending in", " and ending", ", and the last two are", ", finally", " and lastly")),
        "broken off": _broken_off("en", EN_STRANGE),
        "digits and words": _mixed_in("en"),
        "spaced digits": _figures((" ",)),
        "dashed digits": _figures(("-", " - ", "–")),
        "dotted digits": _figures((".", ", ", "/")),
        "one run": _figures(("",)),
        "capitals": lambda digits, chance: _by(_EN_ONES, (" ", ", "))(digits, chance).capitalize() + ".",
    },
}
