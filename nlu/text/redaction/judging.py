"""Which mask a run of numbers gets, if any."""

from __future__ import annotations

import re

from stdnum import luhn
from stdnum.exceptions import ValidationError
from stdnum.pl import pesel

from nlu.text.redaction.dictation import Item, without_corrected
from nlu.text.redaction.naming import LONE, is_called_harmless, is_named
from nlu.text.redaction.reading import LONG_RUN, Reading, Run

PESEL, CARD, ACCOUNT, PHONE = "<pesel>", "<card>", "<account>", "<phone>"
CODE, DOCUMENT, DIGITS = "<code>", "<document>", "<digits>"

_DICTATED_FIGURES = 4
"""So many digits said one by one are being dictated, whatever they are."""

_DOCUMENT_PREFIX = re.compile(r"(?<![^\W\d_])[A-Z]{2,3}[ -]?$")
_COUNTRY_PREFIX = re.compile(r"(?<![^\W\d_])[A-Z]{2} ?$")
_PLUS = re.compile(r"\+\s?$")
_LONGEST_PREFIX = 8
_PREFIXES = {DOCUMENT: _DOCUMENT_PREFIX, ACCOUNT: _COUNTRY_PREFIX, PHONE: _PLUS}


def mask_of(read: Reading, run: Run) -> str | None:
    """The mask for a run of numbers, or None when it is no personal number."""
    digits = "".join(item.digits for item in without_corrected(run.items, read.tokens))
    is_pesel = len(digits) == 11 and _valid_pesel(digits)
    if is_pesel or is_named(read, run):
        return _kind(_before(read, run), digits, is_pesel)
    if all(read.harmless.maybe(item) for item in run.items) or is_called_harmless(read, run):
        return None
    if run.long and not run.amounts:
        return _kind(_before(read, run), digits, is_pesel)
    figures = sum(item.figures for item in run.items if not item.written)
    return CODE if figures >= _DICTATED_FIGURES or (read.alone and _answers(read, run)) else None


def without_prefix(mask: str, before: str) -> str:
    """What stands before a mask, without letters or a sign that are a part of the number ("PL", "+")."""
    return _PREFIXES[mask].sub("", before) if mask in _PREFIXES else before


def _answers(read: Reading, run: Run) -> bool:
    """There is nothing beside the number but fillers: it answers something. What could be an amount is none."""
    if run.count < LONE or (len(run.items) == 1 and (run.items[0].round or _large(run.items[0]))):
        return False
    return read.says_only(run)


def _before(read: Reading, run: Run) -> str:
    """As much of what stands before it as a prefix is long."""
    return read.text[max(0, run.start - _LONGEST_PREFIX) : run.start]


def _large(item: Item) -> bool:
    return item.multiplied and item.digits.endswith("0")


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
    if len(national) == 9 or (_PLUS.search(before) and count > LONG_RUN):
        return PHONE
    return CODE if count <= LONG_RUN else DIGITS


def _valid_pesel(digits: str) -> bool:
    try:
        pesel.validate(digits)
    except ValidationError:
        return False
    return True
