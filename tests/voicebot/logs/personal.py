"""Personal numbers as callers have them, for tests of what must never be written."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st
from stdnum import iban as iban_number
from stdnum import luhn
from stdnum.pl import pesel


def _pesel(day: date, number: int) -> str:
    century = {19: 0, 20: 20}[day.year // 100]
    body = f"{day.year % 100:02}{day.month + century:02}{day.day:02}{number:04}"
    return body + pesel.calc_check_digit(body)


def _card(body: int) -> str:
    return f"4{body:014}" + luhn.calc_check_digit(f"4{body:014}")


def _iban(account: int) -> str:
    digits = f"{account:024}"
    return f"PL{iban_number.calc_check_digits(f'PL00{digits}')}{digits}"


pesels = st.builds(_pesel, st.dates(date(1920, 1, 1), date(2025, 1, 1)), st.integers(0, 9999))
cards = st.builds(_card, st.integers(0, 10**14 - 1))
spaced_cards = cards.map(lambda digits: " ".join(digits[at : at + 4] for at in range(0, 16, 4)))
accounts = st.integers(10**25, 10**26 - 1).map(str)
blik_codes = st.integers(100_000, 999_999).map(str)
ibans = st.integers(0, 10**24 - 1).map(_iban)
secrets = st.one_of(pesels, cards, spaced_cards, accounts, ibans, blik_codes)
pins = st.integers(0, 9999).map("{:04}".format)
