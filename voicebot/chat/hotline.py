"""The bank's telephone number as the page shows it: the approved one of the bundle."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from dialogs.data.bundle import Bundle


def hotline(bundle: Bundle, language: str) -> str | None:
    """The hotline in E.164: the first line with a number that speaks this language first, else the first with any; None for none.

    Not for everybody are a segment's own line, and lines that begin in the middle, such as the survey's.
    """
    lines = [line for line in bundle.routes.lines.values() if line.numbers and not line.start and line.segment is None]
    own = [line for line in lines if line.languages[:1] == (language,)]
    return next((line.numbers[0] for line in (*own, *lines)), None)


def hotline_message(bundle: Bundle, language: str) -> dict[str, str] | None:
    """What the page is told: `number` to dial (RFC 3966 needs it without spaces), `shown` to read."""
    number = hotline(bundle, language)
    return {"type": "hotline", "number": number, "shown": readable(number)} if number else None


def readable(number: str) -> str:
    """An E.164 number in groups."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(number, None), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return number
