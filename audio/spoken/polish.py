"""Polish words for values: cardinals by gender and case, ordinals, złote i grosze, godziny, daty, numery telefonów."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from .values import WHOLE_DAY, Clock, Money, Phone

_UNITS = "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć".split()
_TEENS = (
    "dziesięć jedenaście dwanaście trzynaście czternaście piętnaście szesnaście siedemnaście osiemnaście dziewiętnaście".split()
)
_TENS = (
    *("", ""),
    *"dwadzieścia trzydzieści czterdzieści pięćdziesiąt sześćdziesiąt siedemdziesiąt osiemdziesiąt dziewięćdziesiąt".split(),
)
_HUNDREDS = ("", *"sto dwieście trzysta czterysta pięćset sześćset siedemset osiemset dziewięćset".split())

_UNITS_OF = "zera jednego dwóch trzech czterech pięciu sześciu siedmiu ośmiu dziewięciu".split()
_TEENS_OF = "dziesięciu jedenastu dwunastu trzynastu czternastu piętnastu szesnastu siedemnastu osiemnastu dziewiętnastu".split()
_TENS_OF = (
    *("", ""),
    *"dwudziestu trzydziestu czterdziestu pięćdziesięciu sześćdziesięciu".split(),
    *"siedemdziesięciu osiemdziesięciu dziewięćdziesięciu".split(),
)
_HUNDREDS_OF = ("", *"stu dwustu trzystu czterystu pięciuset sześciuset siedmiuset ośmiuset dziewięciuset".split())

# ordinals in the masculine nominative; the ending -y or -i is what inflects
_ORDINAL_UNITS = "zerowy pierwszy drugi trzeci czwarty piąty szósty siódmy ósmy dziewiąty".split()
_ORDINAL_TEENS = (
    "dziesiąty jedenasty dwunasty trzynasty czternasty piętnasty szesnasty siedemnasty osiemnasty dziewiętnasty".split()
)
_ORDINAL_TENS = (
    *("", ""),
    *"dwudziesty trzydziesty czterdziesty pięćdziesiąty sześćdziesiąty siedemdziesiąty osiemdziesiąty dziewięćdziesiąty".split(),
)
_ORDINAL_HUNDREDS = (
    "",
    *"setny dwusetny trzechsetny czterechsetny pięćsetny sześćsetny siedemsetny osiemsetny dziewięćsetny".split(),
)

_SCALES = (("tysiąc", "tysiące", "tysięcy"), ("milion", "miliony", "milionów"), ("miliard", "miliardy", "miliardów"))
_SCALES_OF = ("tysiąca", "miliona", "miliarda")

_MONTHS_OF = "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia".split()
WEEKDAYS = "poniedziałek wtorek środa czwartek piątek sobota niedziela".split()

Forms = tuple[str, str, str]

# unit, its gender, hundredth; each as one, few, many
CURRENCIES: Mapping[str, tuple[Forms, str, Forms]] = {
    "PLN": (("złoty", "złote", "złotych"), "m", ("grosz", "grosze", "groszy")),
    "EUR": (("euro", "euro", "euro"), "n", ("cent", "centy", "centów")),
    "USD": (("dolar", "dolary", "dolarów"), "m", ("cent", "centy", "centów")),
    "GBP": (("funt", "funty", "funtów"), "m", ("pens", "pensy", "pensów")),
    "CHF": (("frank", "franki", "franków"), "m", ("centym", "centymy", "centymów")),
}

KEYS = {"*": "gwiazdka", "#": "krzyżyk"}


def plural(number: int, forms: Forms) -> str:
    """The noun's form after a number: 1 złoty, 2 złote, 5 złotych, 12 złotych, 22 złote."""
    one, few, many = forms
    if number == 1:
        return one
    return few if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else many


def cardinal(number: int, gender: str = "m") -> str:
    """In the nominative: `gender` m, f or n shows in "jeden, jedna, jedno" and in "dwa, dwie"."""
    if number < 0:
        return f"minus {cardinal(-number, gender)}"
    parts = []
    for power, forms in reversed(list(enumerate(_SCALES, 1))):
        count, number = divmod(number, 1000**power) if number >= 1000**power else (0, number)
        if count:
            parts.append(forms[0] if count == 1 else f"{_below_thousand(count, 'm')} {plural(count, forms)}")
    if number or not parts:
        parts.append(_below_thousand(number, gender, alone=not parts))
    return " ".join(parts)


def _below_thousand(number: int, gender: str, alone: bool = True) -> str:
    hundreds, rest = divmod(number, 100)
    parts = [_HUNDREDS[hundreds]] if hundreds else []
    tens, units = divmod(rest, 10)
    if tens == 1:
        parts.append(_TEENS[units])
    else:
        parts += [_TENS[tens]] if tens else []
        if units or not (tens or hundreds):
            parts.append(_unit(units, gender, by_itself=alone and number == 1))
    return " ".join(parts)


def _unit(units: int, gender: str, by_itself: bool) -> str:
    if units == 1 and by_itself:  # in a compound it does not inflect: dwadzieścia jeden minut
        return {"f": "jedna", "n": "jedno"}.get(gender, "jeden")
    return "dwie" if units == 2 and gender == "f" else _UNITS[units]


def cardinal_of(number: int, gender: str = "m") -> str:
    """In the genitive, after "około", "od", "do": "dwóch", "pięciu", "stu dwudziestu"."""
    if number == 1:
        return "jednej" if gender == "f" else "jednego"
    parts = []
    for power, forms in reversed(list(enumerate(_SCALES, 1))):
        count, number = divmod(number, 1000**power) if number >= 1000**power else (0, number)
        if count:
            parts.append(_SCALES_OF[power - 1] if count == 1 else f"{_below_thousand_of(count)} {forms[2]}")
    if number or not parts:
        parts.append(_below_thousand_of(number))
    return " ".join(parts)


def _below_thousand_of(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    parts = [_HUNDREDS_OF[hundreds]] if hundreds else []
    tens, units = divmod(rest, 10)
    if tens == 1:
        parts.append(_TEENS_OF[units])
    else:
        parts += [_TENS_OF[tens]] if tens else []
        if units or not (tens or hundreds):
            parts.append("jeden" if units == 1 and number > 1 else _UNITS_OF[units])  # dwudziestu jeden
    return " ".join(parts)


def ordinal(number: int) -> str:
    """Masculine nominative: "pierwszy", "dwudziesty pierwszy", "sto drugi". 1 to 999."""
    if not 0 <= number <= 999:
        raise ValueError(f"only ordinals up to 999 are spoken, not {number}")
    hundreds, rest = divmod(number, 100)
    if not rest and hundreds:
        return _ORDINAL_HUNDREDS[hundreds]
    tens, units = divmod(rest, 10)
    if tens == 1:
        last = _ORDINAL_TEENS[units]
    else:
        last = " ".join(filter(None, (_ORDINAL_TENS[tens], _ORDINAL_UNITS[units] if units or not tens else "")))
    return " ".join(filter(None, (_HUNDREDS[hundreds], last)))


def _ordinal_with(number: int, ending: str) -> str:
    """The ordinal with another ending on each of its adjectives: piąty + ego = piątego, drugi + ej = drugiej."""
    words = ordinal(number).split()
    return " ".join(word.removesuffix("y") + ending if word.endswith(("y", "i")) else word for word in words)


def day_of_month(number: int) -> str:
    """Genitive, as in a date: "piątego", "dwudziestego trzeciego"."""
    return _ordinal_with(number, "ego")


def hour(time: Clock) -> str:
    """As after "o", "od", "do": "ósmej", "szesnastej trzydzieści", "północy"."""
    if time.hour in (0, 24) and not time.minute:
        return "północy"
    spoken = _ordinal_with(time.hour, "ej")
    if not time.minute:
        return spoken
    return f"{spoken} {'zero ' if time.minute < 10 else ''}{cardinal(time.minute)}"


def hours_range(opens: Clock, closes: Clock) -> str:
    """Such as "od ósmej do szesnastej"."""
    if (opens, closes) == WHOLE_DAY:
        return "całą dobę"
    return f"od {hour(opens)} do {hour(closes)}"


def date_words(when: date) -> str:
    """Such as "piątego marca"; the year is understood."""
    return f"{day_of_month(when.day)} {_MONTHS_OF[when.month - 1]}"


def amount(money: Money) -> str:
    """Such as "tysiąc dwieście złotych i pięćdziesiąt groszy"."""
    if money.currency not in CURRENCIES:
        raise ValueError(f"the currency {money.currency} cannot be spoken: known are {', '.join(CURRENCIES)}")
    unit, gender, hundredth = CURRENCIES[money.currency]
    parts = []
    if money.whole or not money.part:
        parts.append(f"{cardinal(money.whole, gender)} {plural(money.whole, unit)}")
    if money.part:
        parts.append(f"{cardinal(money.part)} {plural(money.part, hundredth)}")
    return ("minus " if money.negative else "") + " i ".join(parts)


def minutes(number: int) -> str:
    """How long one waits (accusative): "minutę", "dwie minuty", "pięć minut"."""
    return "minutę" if number == 1 else f"{cardinal(number, 'f')} {plural(number, ('minutę', 'minuty', 'minut'))}"


def minutes_of(number: int) -> str:
    """After "około", "do": "minuty", "trzech minut"."""
    return "minuty" if number == 1 else f"{cardinal_of(number, 'f')} minut"


def decimals(whole: int, fraction: str) -> str:
    """Such as "dwa i pół", "trzy przecinek czternaście"."""
    if fraction in ("5", "50"):
        return f"{cardinal(whole)} i pół" if whole else "pół"
    return f"{cardinal(whole)} przecinek {digits_as_number(fraction)}"


def digits_as_number(group: str) -> str:
    """Up to three digits as a number, zeros in front said ("sto dwadzieścia trzy", "zero dwanaście"); more one by one."""
    zeros = len(group) - len(group.lstrip("0"))
    rest = group[zeros:]
    if len(rest) > 3:
        return " ".join(_UNITS[int(digit)] for digit in group)
    return " ".join([*(["zero"] * zeros), *([cardinal(int(rest))] if rest else [])])


def phone(number: Phone) -> str:
    """Such as "sześćset jeden, sto dwadzieścia trzy, czterysta pięćdziesiąt sześć"."""
    said = ", ".join(digits_as_number(group) for group in number.groups)
    return f"plus {said}" if number.country else said


def digit(key: str) -> str:
    """One digit or key."""
    return KEYS.get(key) or _UNITS[int(key)]
