"""Secrets with what is said around them, and utterances with numbers that are no secret, made at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stdnum import luhn
from stdnum.pl import pesel

from bench.secret_ways import whole

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
PASSWORDS = {
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
    said = chance.choice((str(value), whole(str(value), "pl"), f"{value:,}".replace(",", " ")))
    lead = chance.choice(("przelew na {}", "pobrało mi {} z karty", "chcę wypłacić {}", "{} zniknęło z konta", "limit {} na karcie", "kod blik na {}", "zapomniałem pinu a chcę przelać {}",
                          "zapłaciłam {} blikiem", "raty po {} miesięcznie", "od {} do 2000 zł"))  # fmt: skip
    return lead.format(f"{said} {currency}")


def _en_amount(chance: random.Random) -> str:
    value = chance.choice(
        (chance.randint(2, 99), chance.randint(100, 999), chance.randint(1000, 99999), chance.randint(1, 99) * 1000)
    )
    said = chance.choice(
        (f"{value} pounds", f"{whole(str(value), 'en')} zloty", f"£{value}", f"{value:,} euros", f"${value:,}", f"{value} PLN")
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
    said = chance.choice((f"{day} {_PL_MONTHS[month - 1]} {year}", f"{day:02}.{month:02}.{year}", f"{whole(str(day), 'pl')} {_PL_MONTHS[month - 1]}", f"{year} roku",
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
            f"at {whole(str(hour), 'en')} {whole(str(minute), 'en')}",
        )
    )
    return chance.choice(
        ("my card failed {}", "please call me {}", "I was at the cash machine {}", "the pin stopped working {}")
    ).format(said)


def _pl_address(chance: random.Random) -> str:
    house = chance.randint(1, 250)
    return chance.choice((
        f"mieszkam na Długiej {house} mieszkania {chance.randint(1, 99)}", f"ulica Polna {house}/{chance.randint(1, 90)}", f"adres to {chance.randint(10, 99)}-{chance.randint(100, 999)} Kraków",
        f"oddział przy Marszałkowskiej {house}", f"kod pocztowy {chance.randint(10, 99)}-{chance.randint(100, 999)}", f"na osiedlu Kwiatowym {whole(str(house), 'pl')}",
        f"ulica Długa {house} m {chance.randint(1, 80)}, {chance.randint(10, 99)}-{chance.randint(100, 999)} Łódź"))  # fmt: skip


def _en_address(chance: random.Random) -> str:
    house = chance.randint(1, 250)
    return chance.choice(
        (
            f"I live at {house} Baker Street",
            f"flat {chance.randint(1, 99)}, {house} High Road",
            f"the branch at {whole(str(house), 'en')} Main Street",
            f"house number {house}",
        )
    )


def _pl_count(chance: random.Random) -> str:
    count = chance.randint(2, 400)
    said = chance.choice((str(count), whole(str(count), "pl")))
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
    said = chance.choice((str(count), whole(str(count), "en")))
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
