"""What a mail lacks of what people need to deal with its matter. Pure; looks at the whole text, so that a signature counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from phonenumbers import PhoneNumberFormat, PhoneNumberMatcher, format_number

from caller_id.phone_numbers import HOME_REGION
from dialogs.data.mail import Need
from nlu.languages.language import fold
from nlu.types import Entity

_IBAN = re.compile(r"\b(?:[A-Z]{2} ?)?\d{2}(?: ?\d{4}){4,7}(?: ?\d{1,4})?\b")  # ISO 13616; in Poland 26 digits
_AMOUNT = re.compile(
    r"[£$€] ?\d|\b\d[\d .,]{0,20}(?:tys(?:iac\w*|\.)?|k)? ?"
    r"(?:zl(?:ot\w+)?|pln|eur(?:o|os)?|usd|gbp|chf|dolar\w*|dollars?|pounds?|quid|funt\w*|groszy)\b"
)
_DAY = re.compile(
    r"\b\d{1,2}[./-]\d{1,2}(?:[./-]\d{2,4})?\b|\b\d{4}-\d{2}-\d{2}\b"
    r"|\b\d{1,2}(?:st|nd|rd|th|\.)? (?:of )?(?:stycz|lut|mar|kwie|maj|czerw|lip|sierp|wrze|pazdz|listop|grud"
    r"|jan|feb|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*"
)


def missing(needs: Sequence[Need], text: str, entities: Iterable[Entity]) -> tuple[Need, ...]:
    """Those of `needs` that `text` does not have. `entities` are those that the classifier found."""
    kinds = {entity.kind for entity in entities}
    plain = fold(text)
    has = {
        Need.PHONE: lambda: next(phone_numbers(text), None) is not None,
        Need.AMOUNT: lambda: "amount" in kinds or _AMOUNT.search(plain) is not None,
        Need.DATE: lambda: "date" in kinds or _DAY.search(plain) is not None,
        Need.ACCOUNT: lambda: _IBAN.search(text) is not None,
    }
    return tuple(need for need in needs if not has[need]())


def phone_numbers(text: str) -> Iterator[str]:
    """Telephone numbers in a text, E.164, in order; those without a country are Polish."""
    for match in PhoneNumberMatcher(_IBAN.sub(" ", text), HOME_REGION):
        yield format_number(match.number, PhoneNumberFormat.E164)
