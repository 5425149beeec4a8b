"""`make bench-secrets`: how many secrets, dictated in many ways, are masked, and how many harmless numbers stay readable.

The ways of saying are written here by hand, apart from the words that the parser knows, and every value is random.
A secret counts as masked when not one of its digits or words is left.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from num2words import num2words
from stdnum import luhn
from stdnum.pl import pesel

from nlu.text.turns import TurnRedaction

# ---------------------------------------------------------------- words, not those of the parser

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


def _whole(number: str, lang: str) -> str:
    """As one number, with its leading zeros said one by one."""
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
            out += (chance.choice(between) if out else "") + _whole(group, lang)
        return out

    return say


def _irregular(lang: str, between: Sequence[str] = (" ", ", ")) -> Say:
    """Groups of one to three, as they come."""

    def say(digits: str, chance: random.Random) -> str:
        out, position = "", 0
        while position < len(digits):
            size = chance.randint(1, 3)
            out += (chance.choice(between) if out else "") + _whole(digits[position : position + size], lang)
            position += size
        return out

    return say


def _mixed_in(lang: str) -> Say:
    """Some in digits, some in words."""

    def say(digits: str, chance: random.Random) -> str:
        return " ".join(
            group if chance.random() < 0.5 else _whole(group, lang) for group in _groups(digits, chance.choice((1, 2, 3)))
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
        return f"{_irregular(lang)(digits[:cut], chance)}{chance.choice(ends)} {_whole(digits[cut:], lang)}"

    return say


_PL_FILLERS = (" eee ", ", eee, ", " yyy ", " potem ", ", potem ", " dalej ", ", dalej ", " i ", ", następnie ", " no i ", ", i teraz ", " myślnik ", " kreska ",
               ", później ", ", kolejna ", " i jeszcze ", ", mam tu ", " ... ", ", zaraz, ", " spacja ", ", znowu ", " a potem ")  # fmt: skip
_EN_FILLERS = (" uh ", ", um, ", " then ", ", then ", " and ", " and then ", ", followed by ", " dash ", ", next ", " after that ", ", er, ", " ... ",
               ", and after that ", " space ", ", hold on, ", " again ")  # fmt: skip
_PL_FIXES = (
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
_EN_FIXES = (", no,", " no sorry", ", sorry,", ", I mean", ", wait, no,", ", actually", ", scratch that,", " no make that")
_PAUSES = (", ", "... ", ". ", " – ", "; ", ",, ", " … ")

_PL_STRANGE = (
    " niech spojrzę ",
    ", gdzie to było, ",
    " kurczę blade ",
    ", sekundeczka, ",
    ", no widzi pani, ",
    " i tu mamy ",
    ", a na deser ",
    ", okulary, ",
)
_EN_STRANGE = (
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
        "fillers": _by(_PL_ONES, (" ", " ", *_PL_FILLERS)),
        "pairs": _grouped(2, "pl"),
        "pairs, fillers": _grouped(2, "pl", (" ", *_PL_FILLERS)),
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
        "corrected": _corrected(_PL_ONES, _PL_FIXES),
        "at the end": _with_end("pl", (", na końcu", " i na końcu", ", ostatnie", " a na koniec", ", końcówka")),
        "broken off": _broken_off("pl", _PL_STRANGE),
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
        "fillers": _by(_EN_ONES, (" ", " ", *_EN_FILLERS)),
        "oh": _by(["oh", *_EN_ONES[1:]]),
        "o": _by(["o", *_EN_ONES[1:]]),
        "nought": _by(["nought", *_EN_ONES[1:]], (" ", ", ")),
        "pairs": _grouped(2, "en"),
        "pairs, fillers": _grouped(2, "en", (" ", *_EN_FILLERS)),
        "threes": _grouped(3, "en", (" ", ", ")),
        "irregular": _irregular("en"),
        "hyphens": lambda digits, chance: ", ".join(
            num2words(int(group), lang="en") if group[0] != "0" else _whole(group, "en") for group in _groups(digits, 2)
        ),
        "double": _doubled(_EN_ONES, {2: ("double",), 3: ("triple", "treble")}),
        "counted": _counted(_EN_ONES, _EN_PLURAL, {2: "two", 3: "three", 4: "four"}),
        "corrected": _corrected(_EN_ONES, _EN_FIXES),
        "at the end": _with_end("en", (", ending in", " and ending", ", and the last two are", ", finally", " and lastly")),
        "broken off": _broken_off("en", _EN_STRANGE),
        "digits and words": _mixed_in("en"),
        "spaced digits": _figures((" ",)),
        "dashed digits": _figures(("-", " - ", "–")),
        "dotted digits": _figures((".", ", ", "/")),
        "one run": _figures(("",)),
        "capitals": lambda digits, chance: _by(_EN_ONES, (" ", ", "))(digits, chance).capitalize() + ".",
    },
}

# ---------------------------------------------------------------- kinds, and what is said around them


def _pesel(chance: random.Random) -> str:
    body = f"{chance.randint(40, 99):02}{chance.randint(1, 12):02}{chance.randint(1, 28):02}{chance.randint(0, 9999):04}"
    return body + str(pesel.calc_check_digit(body))


def _card(chance: random.Random) -> str:
    body = chance.choice("45") + "".join(chance.choice("0123456789") for _ in range(14))
    return body + str(luhn.calc_check_digit(body))


def _random(least: int, most: int, first: str = "0123456789") -> Callable[[random.Random], str]:
    def make(chance: random.Random) -> str:
        return chance.choice(first) + "".join(chance.choice("0123456789") for _ in range(chance.randint(least, most) - 1))

    return make


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of secret: how one is made, and what is said around it, in each language. Turns are separated by "|"."""

    make: Callable[[random.Random], str]
    said: dict[str, Sequence[str]]


_LONG_PL = (
    "{}",
    "numer to {}",
    "no to mówię {}",
    "proszę bardzo {}",
    "{} dziękuję",
    "tak, {} zgadza się",
    "to będzie {}",
    "{} i czekam",
)
_LONG_EN = ("{}", "it's {}", "the number is {}", "okay so it's {}", "{} thank you", "right, {}, that's it", "here goes {}")

KINDS: dict[str, Kind] = {
    "PESEL": Kind(_pesel, {
        "pl": ("mój pesel to {}", "pesel {}", "PESEL mam taki {}", "{} to mój pesel", "podaję pesel: {}, zgadza się?", "podam pesel|{}", *_LONG_PL),
        "en": ("my PESEL is {}", "PESEL {}", "{} is my PESEL number", "the personal number, that's {}", "I'll give you my PESEL|{}", *_LONG_EN)}),
    "card": Kind(_card, {
        "pl": ("numer karty {}", "karta numer {}", "moja karta to {} i ją zgubiłam", "{} taki jest numer karty", "podam numer karty|{}", *_LONG_PL),
        "en": ("card number {}", "my card is {} and I lost it", "{} is the number on the card", "let me read you the card|{}", *_LONG_EN)}),
    "PIN": Kind(_random(4, 4), {
        "pl": ("mój pin to {}", "pin {}", "{} to mój pin", "pin do karty mam {}", "mój PIN, o ile dobrze pamiętam, to {}", "wpisuję pin {} i nie działa", "zmieniłam pin na {}",
               "{}, taki mam pin", "a jaki ja miałam pin, chyba {}", "podam pin|{}", "mój pin to|{}", "pinkod: {}"),
        "en": ("my pin is {}", "pin {}", "{} is my pin", "the PIN, if I remember it right, is {}", "I type in the pin {} and it fails", "{}, that's my pin number",
               "I changed my pin to {}", "I'll tell you my pin|{}", "my pin is|{}")}),
    "CVV": Kind(_random(3, 3), {
        "pl": ("kod cvv {}", "cvv to {}", "{} to cvv", "kod z tyłu karty {}", "na odwrocie mam {}", "trzy cyfry z tyłu: {}", "kod zabezpieczający {}", "podam kod cvv|{}",
               "ten kod cvc to {} jest"),
        "en": ("cvv {}", "the cvc is {}", "{} is the cvv", "security code {}", "on the back it says {}", "the three digits on the back are {}", "here's the security code|{}")}),
    "BLIK": Kind(_random(6, 6), {
        "pl": ("kod blik {}", "blik {}", "{} to kod blik", "wygenerowałem kod {}", "kod to {}", "podałam mu kod blik {} przez telefon", "podyktuję kod|{}", "{}"),
        "en": ("blik code {}", "the code is {}", "{} is the blik code", "I gave him the code {}", "I'll read the code|{}", "{}")}),
    "customer": Kind(_random(6, 10), {
        "pl": ("numer klienta {}", "mój numer klienta to {}", "{} to mój numer klienta", "identyfikator {}", "login {}", "podam numer klienta|{}", "{}"),
        "en": ("customer number {}", "my customer number is {}", "{} is my customer number", "client id {}", "my login is {}", "this is my customer number|{}", "{}")}),
    "phone": Kind(_random(9, 9, "45678"), {
        "pl": ("mój telefon {}", "proszę dzwonić na {}", "numer telefonu to {}", "{} proszę oddzwonić", "plus czterdzieści osiem {}", "+48 {}", "{} Franka Kowalska",
               "pod numerem {} jestem", "zapisz telefon|{}"),
        "en": ("my phone is {}", "call me back on {}", "phone number {}", "{} please call me", "plus forty eight {}", "my number's {}", "take my phone number|{}")}),
}  # fmt: skip

_PL_PASSWORDS = """kotek słoneczko bursztyn Warszawa1 qwerty123 biedronka tajemnica Zenek77 chomik malina rower jeziorak żabka niedźwiedź lato2024 Kasia!8
truskawka kopernik zielony|słoń mały|książę burza trzmiel papużka wiewiórka""".split()
_EN_PASSWORDS = """bluebird sunshine letmein dragon Monkey99 qwerty123 buttercup trustno1 green|elephant summer2024 Arsenal! pineapple shadow moonlight
snowflake charlie tiger purple|rain banana biscuit""".split()
_PASSWORDS = {
    "pl": (_PL_PASSWORDS, ("hasło {}", "moje hasło to {}", "hasło to {}", "hasło brzmi {}", "hasło do aplikacji to {}", "moje hasło jest {}", "{} to moje hasło", "hasło: {}",
                           "moje hasło to chyba {}", "moim hasłem jest {}", "mam hasło {}", "podaję hasło {}", "podam hasło|{}", "moje hasło to|{}", "no hasło to {} i nie działa",
                           "hasło to {}, proszę sprawdzić", "zmieniłam hasło na {}")),
    "en": (_EN_PASSWORDS, ("password {}", "my password is {}", "the password is {}", "{} is my password", "password: {}", "my password for the app is {}", "my password is I think {}",
                           "my password is {} and it fails", "my password's {}", "the password was {}", "my password is|{}", "I'll tell you my password|{}", "I set my password to {}")),
}  # fmt: skip

# ---------------------------------------------------------------- what must stay

_PL_MONTHS = "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia".split()
_EN_MONTHS = "January February March April May June July August September October November December".split()


def _pl_amount(chance: random.Random) -> str:
    value = chance.choice(
        (chance.randint(2, 99), chance.randint(100, 999), chance.randint(1000, 99999), chance.randint(1, 99) * 1000)
    )
    currency = chance.choice(("złotych", "zł", "euro", "dolarów", "funtów", "PLN", "franków"))
    said = chance.choice((str(value), _whole(str(value), "pl"), f"{value:,}".replace(",", " ")))
    lead = chance.choice(("przelew na {}", "pobrało mi {} z karty", "chcę wypłacić {}", "{} zniknęło z konta", "limit {} na karcie", "kod blik na {}", "zapomniałem pinu a chcę przelać {}",
                          "zapłaciłam {} blikiem", "raty po {} miesięcznie", "od {} do 2000 zł"))  # fmt: skip
    return lead.format(f"{said} {currency}")


def _en_amount(chance: random.Random) -> str:
    value = chance.choice(
        (chance.randint(2, 99), chance.randint(100, 999), chance.randint(1000, 99999), chance.randint(1, 99) * 1000)
    )
    said = chance.choice(
        (f"{value} pounds", f"{_whole(str(value), 'en')} zloty", f"£{value}", f"{value:,} euros", f"${value:,}", f"{value} PLN")
    )
    lead = chance.choice(
        (
            "transfer {}",
            "I was charged {} twice",
            "I want to withdraw {}",
            "{} went missing",
            "my limit is {}",
            "forgot my pin and need {}",
            "a loan of {}",
        )
    )
    return lead.format(said)


def _pl_date(chance: random.Random) -> str:
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(2010, 2026)
    said = chance.choice((f"{day} {_PL_MONTHS[month - 1]} {year}", f"{day:02}.{month:02}.{year}", f"{_whole(str(day), 'pl')} {_PL_MONTHS[month - 1]}", f"{year} roku",
                          f"{day} {_PL_MONTHS[month - 1]} {year} roku", f"{day:02}-{month:02}-{year}", f"{day}/{month}/{year}"))  # fmt: skip
    return chance.choice(("przelew z {}", "karta działała do {}", "umowa z {}", "czekam od {}", "to było {} wieczorem")).format(
        said
    )


def _en_date(chance: random.Random) -> str:
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(2010, 2026)
    said = chance.choice(
        (
            f"{day} {_EN_MONTHS[month - 1]} {year}",
            f"{_EN_MONTHS[month - 1]} {day}, {year}",
            f"{day:02}/{month:02}/{year}",
            f"{_EN_MONTHS[month - 1]} {year}",
        )
    )
    return chance.choice(("the transfer of {}", "it worked until {}", "I've waited since {}", "it happened on {}")).format(said)


def _pl_hour(chance: random.Random) -> str:
    hour, minute = chance.randint(1, 23), chance.randint(10, 59)
    said = chance.choice(
        (
            f"o {hour}:{minute}",
            f"o {hour} {minute}",
            f"o {hour}.{minute}",
            f"od {hour}:{minute} do {min(hour + 1, 23)}:{minute}",
            f"około {hour}:{minute}",
        )
    )
    return chance.choice(
        ("karta nie działa {}", "byłem w bankomacie {}", "proszę zadzwonić {}", "pin nie wchodził {}", "dostałem smsa {} i nic")
    ).format(said)


def _en_hour(chance: random.Random) -> str:
    hour, minute = chance.randint(1, 12), chance.randint(10, 59)
    said = chance.choice(
        (
            f"at {hour}:{minute}",
            f"at {hour}:{minute} pm",
            f"around {hour}.{minute}",
            f"at {_whole(str(hour), 'en')} {_whole(str(minute), 'en')}",
        )
    )
    return chance.choice(
        ("my card failed {}", "please call me {}", "I was at the cash machine {}", "the pin stopped working {}")
    ).format(said)


def _pl_address(chance: random.Random) -> str:
    house = chance.randint(1, 250)
    return chance.choice((
        f"mieszkam na Długiej {house} mieszkania {chance.randint(1, 99)}", f"ulica Polna {house}/{chance.randint(1, 90)}", f"adres to {chance.randint(10, 99)}-{chance.randint(100, 999)} Kraków",
        f"oddział przy Marszałkowskiej {house}", f"kod pocztowy {chance.randint(10, 99)}-{chance.randint(100, 999)}", f"na osiedlu Kwiatowym {_whole(str(house), 'pl')}",
        f"ulica Długa {house} m {chance.randint(1, 80)}, {chance.randint(10, 99)}-{chance.randint(100, 999)} Łódź"))  # fmt: skip


def _en_address(chance: random.Random) -> str:
    house = chance.randint(1, 250)
    return chance.choice(
        (
            f"I live at {house} Baker Street",
            f"flat {chance.randint(1, 99)}, {house} High Road",
            f"the branch at {_whole(str(house), 'en')} Main Street",
            f"house number {house}",
        )
    )


def _pl_count(chance: random.Random) -> str:
    count = chance.randint(2, 400)
    said = chance.choice((str(count), _whole(str(count), "pl")))
    return chance.choice(
        (
            "czekam {} dni",
            "kredyt na {} miesięcy",
            "{} procent rocznie",
            "dzwonię {} raz",
            "{} minut na linii",
            "wpisałem pin {} razy",
            "było nas {} osób",
            "mam {} kart i konto",
        )
    ).format(said)


def _en_count(chance: random.Random) -> str:
    count = chance.randint(2, 400)
    said = chance.choice((str(count), _whole(str(count), "en")))
    return chance.choice(
        (
            "I've waited {} days",
            "a loan for {} months",
            "{} percent a year",
            "I tried my pin {} times",
            "{} minutes on hold",
            "we are {} people",
        )
    ).format(said)


HARMLESS: dict[str, dict[str, Callable[[random.Random], str]]] = {
    "pl": {"amount": _pl_amount, "date": _pl_date, "hour": _pl_hour, "address": _pl_address, "count": _pl_count},
    "en": {"amount": _en_amount, "date": _en_date, "hour": _en_hour, "address": _en_address, "count": _en_count},
}

# ---------------------------------------------------------------- measuring


@dataclass(frozen=True, slots=True)
class Told:
    """A secret as it is told, in one turn or in several, and what must stay of the words around it."""

    kind: str
    way: str
    turns: tuple[str, ...]
    around: str
    """Everything but the secret."""


def tell(lang: str, kind: str, way: str, chance: random.Random) -> Told:
    """One random secret of this kind, told in this way."""
    if kind == "password":
        values, carriers = _PASSWORDS[lang]
        said = chance.choice(values).replace("|", " ")
    else:
        said = WAYS[lang][way](KINDS[kind].make(chance), chance)
        carriers = KINDS[kind].said[lang]
    carrier = chance.choice(carriers)
    turns = tuple(turn.format(said) for turn in carrier.split("|"))
    return Told(kind, way, turns, carrier.replace("|", " ").replace("{}", " "))


def left_over(told: Told) -> str:
    """The words of the secret that are still there after redaction, "" when it is masked whole."""
    redaction = TurnRedaction()
    masked = " ".join(redaction.redact(turn) for turn in told.turns)
    around = Counter(_words(told.around))
    left = Counter(_words(masked))
    left.subtract(around)
    harmless = {*_PL_WORDS_BETWEEN, *_EN_WORDS_BETWEEN}
    return " ".join(word for word, count in left.items() if count > 0 and word not in harmless)


def _words(text: str) -> list[str]:
    plain = "".join(" " if not (each.isalnum() or each in "<>") else each for each in text.lower())
    return [word for word in plain.split() if not word.startswith("<")]


_PL_WORDS_BETWEEN = frozenset(
    _words(" ".join((*_PL_FILLERS, *_PL_STRANGE, *_PL_FIXES, "na końcu ostatnie a na koniec końcówka")))
)
_EN_WORDS_BETWEEN = frozenset(
    _words(" ".join((*_EN_FILLERS, *_EN_STRANGE, *_EN_FIXES, "ending in and the last two are finally lastly")))
)


def secrets(lang: str, count: int, chance: random.Random) -> Iterator[Told]:
    """`count` secrets of every kind in every way."""
    for kind in (*KINDS, "password"):
        ways = list(WAYS[lang]) if kind != "password" else ["word"] * len(WAYS[lang])
        for way in ways:
            for _ in range(count):
                yield tell(lang, kind, way, chance)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is masked by kind and by way, what harmless is lost, and the time a text takes."""
    parser = argparse.ArgumentParser(prog="python -m bench.secrets", description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="of every kind in every way (default: 20)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="so many that got through, of each kind and way")
    asked = parser.parse_args(arguments)
    chance = random.Random(asked.seed)
    began = time.perf_counter()
    for lang in WAYS:
        _tell_of_secrets(lang, list(secrets(lang, asked.count, chance)), asked.show)
        _tell_of_harmless(lang, asked.count * 20, chance, asked.show)
    print(f"took {time.perf_counter() - began:.1f} s")
    return 0


def _tell_of_secrets(lang: str, told: Sequence[Told], show: int) -> None:
    by_kind: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    by_way: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    shown: Counter[tuple[str, str]] = Counter()
    for each in told:
        left = left_over(each)
        for figures in (by_kind[each.kind], by_way[each.way], by_kind["all"]):
            figures[0] += not left
            figures[1] += 1
        if left and shown[each.kind, each.way] < show:
            shown[each.kind, each.way] += 1
            print(f"  {lang} {each.kind}, {each.way}: {' | '.join(each.turns)!r} leaves {left!r}")
    for name, (masked, count) in [*by_kind.items(), *by_way.items()]:
        print(f"{lang} {name}: {100 * masked / count:.2f} % of {count} masked")


def _tell_of_harmless(lang: str, count: int, chance: random.Random, show: int) -> None:
    for name, make in HARMLESS[lang].items():
        lost = 0
        for _ in range(count):
            text = make(chance)
            masked = TurnRedaction().redact(text)
            lost += masked != text
            if masked != text and lost <= show:
                print(f"  {lang} {name}: {text!r} becomes {masked!r}")
        print(f"{lang} harmless {name}: {100 * lost / count:.2f} % of {count} lost")


if __name__ == "__main__":
    sys.exit(main())
