"""Telephone numbers as networks write them, read into E.164 with `phonenumbers`. Nothing here raises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from caller_id.sip_uri import NameAddr, SipUri, parse_name_addr

HOME_REGION = "PL"

_WRITTEN = re.compile(r"[+0-9\s\-().,/\u2010-\u2015]+")
_SHORT = re.compile(r"\d{3,6}")
_EXTENSION = re.compile(r"[\s;,]*(?:ext(?:ension|n)?|wewn(?:ętrzny)?|wew|w|x|#)[\s.:=]*(\d{1,8})#?", re.IGNORECASE)
_END_OF_PULSING = re.compile(r"\+?\d{3,}(?=f$)", re.IGNORECASE)  # gateways from ISUP leave its end-of-number digit
_DIGITS = re.compile(r"\d{1,8}", re.ASCII)
_IPV4 = re.compile(r"\s*\d{1,3}(\.\d{1,3}){3}\s*")
_CONTEXT = re.compile(r"\+[\d\-.() ]*\d[\d\-.() ]*")
_ANONYMOUS_HOST = "anonymous.invalid"  # RFC 3323, 4.1.1.3
_LONGEST = 64
# what networks put where a number would stand (RFC 3323, RFC 3325 and the habits of carriers)
_WITHHELD = frozenset(
    "anonymous anonim anonimowy restricted unavailable unknown private withheld blocked hidden noid clir "
    "nieznany zastrzezony zastrzeżony prywatny niedostępny niedostepny".split()
)


class NumberStyle(StrEnum):
    """What a number without + and 00 is."""

    ANY = "any"
    NATIONAL = "national"
    INTERNATIONAL = "international"


@dataclass(frozen=True, slots=True)
class NumberForm:
    """What the numbers of one source look like."""

    country: str = HOME_REGION
    """ISO 3166: whose national numbers are meant."""
    style: NumberStyle = NumberStyle.ANY
    """National and international are strict: what only fits the other one is no number: a guess might name somebody else."""
    prefixes: tuple[str, ...] = ()
    """What may stand before every number and is no part of it."""


POLISH = NumberForm()


class NumberKind(StrEnum):
    """What a text that should be a number turned out to be."""

    E164 = "e164"
    SHORT = "short"
    WITHHELD = "withheld"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class TelephoneNumber:
    """A telephone number read from text."""

    kind: NumberKind
    e164: str | None = None
    """+48…, for kind E164."""
    short: str | None = None
    """The digits of a short code or an extension, for kind SHORT."""
    region: str | None = None
    """ISO 3166 ("PL"), for kind E164 where it is known."""
    extension: str | None = None
    """The digits behind a switchboard's number."""
    receives_only: bool = False
    """An emergency or premium-rate number: nobody calls from it, so a call that shows it shows a false one."""


UNREADABLE = TelephoneNumber(NumberKind.UNREADABLE)
WITHHELD = TelephoneNumber(NumberKind.WITHHELD)


def parse_number(text: str | None, form: NumberForm = POLISH) -> TelephoneNumber:
    """Read a number in any form a trunk sends: national or international, with 00, + or neither, with punctuation or an
    extension, as tel: or sip: URI or name-addr (RFC 3261, RFC 3966), a short code, or a word that says it is withheld.
    """
    named = parse_name_addr(text or "")
    return number_of(named, form) if named is not None else _parse_written(text or "", form)


def number_of(named: NameAddr, form: NumberForm = POLISH) -> TelephoneNumber:
    """The number that a header's entry names: the user of its URI, never the host, the display name or a parameter."""
    uri = named.uri
    if uri is None:
        return UNREADABLE
    if uri.host == _ANONYMOUS_HOST or uri.host.endswith(f".{_ANONYMOUS_HOST}"):
        return WITHHELD
    number = _parse_written(_with_context(uri), form)
    extension = uri.user_parameters.get("ext", "")  # RFC 3966, 5.1.1
    return replace(number, extension=extension) if number.e164 and _DIGITS.fullmatch(extension) else number


def _parse_written(written: str, form: NumberForm) -> TelephoneNumber:
    written = written.strip()
    if written.strip("\"' ").lower() in _WITHHELD:
        return WITHHELD
    if not written or len(written) > _LONGEST:
        return UNREADABLE
    for prefix in form.prefixes:
        if written.startswith(prefix) and (inner := _parse_digits(written.removeprefix(prefix), form)) != UNREADABLE:
            return inner
    return _parse_digits(written, form)


def _parse_digits(written: str, form: NumberForm) -> TelephoneNumber:
    if pulsed := _END_OF_PULSING.match(written):
        written = pulsed[0]
    main, extension = _split_extension(written)
    if not _WRITTEN.fullmatch(main) or _IPV4.fullmatch(main.strip("()")):
        return UNREADABLE
    digits = re.sub(r"\D", "", main)
    international = main.lstrip(" (").startswith("+") or digits.startswith("00")
    if _SHORT.fullmatch(digits) and not international:
        return TelephoneNumber(NumberKind.SHORT, short=digits, receives_only=_is_emergency(digits, form.country))
    parsed = _read(digits, international=international, form=form)
    if parsed is None:
        return UNREADABLE
    return TelephoneNumber(
        NumberKind.E164,
        e164=phonenumbers.format_number(parsed, PhoneNumberFormat.E164),
        region=_region(parsed),
        extension=extension,
        receives_only=phonenumbers.number_type(parsed) == PhoneNumberType.PREMIUM_RATE,
    )


def _split_extension(written: str) -> tuple[str, str | None]:
    """The number, and the extension written behind it."""
    for found in _EXTENSION.finditer(written):
        if found.start() and found.end() == len(written):
            return written[: found.start()], found[1]
    return written, None


def _is_emergency(digits: str, country: str) -> bool:
    return bool(phonenumbers.is_emergency_number(digits, country))


def is_mobile(e164: str) -> bool:
    """Whether the numbering plan gives it to mobile telephones: then one person has it, and no office shares it."""
    number = _parse(e164, None)
    return number is not None and phonenumbers.number_type(number) == PhoneNumberType.MOBILE


def shorten(e164: str) -> str:
    """A number as logs and screens may show it: the country and the last three digits, "+48…123"."""
    if not e164.startswith("+") or len(e164) < 8:
        return "…"
    return f"{e164[:3]}…{e164[-3:]}"


def _read(digits: str, *, international: bool, form: NumberForm) -> PhoneNumber | None:
    """The first reading that makes a number: as written in full, as a national number (also behind the zeros of old habits, or a
    Polish carrier's selection code, 10xx), as international without its plus.

    An explicit international form is taken when its length is possible (numbering plans change faster than metadata); a guess
    must be a valid number.
    """
    bare = digits.lstrip("0")
    if international:
        # "+48 (0) 600…" keeps the trunk zero of old habits inside
        inner = re.sub(r"^(48)0(\d{9})$", r"\1\2", bare)
        candidate = _parse(f"+{inner}", None)
        return candidate if candidate is not None and phonenumbers.is_possible_number(candidate) else None
    national = [(digits, form.country), (bare, form.country)]  # as it stands first: an Italian zero is part of the number
    whole = [(f"+{bare}", None)]
    selected = [(re.sub(r"^10\d\d0?", "", bare), form.country)] if form.country == "PL" else []
    readings: Sequence[tuple[str, str | None]]
    match form.style:
        case NumberStyle.ANY:
            readings = [*national, *whole, *selected]
        case NumberStyle.NATIONAL:
            readings = [*national, *selected]
        case NumberStyle.INTERNATIONAL:
            readings = whole
        case _:
            assert_never(form.style)
    for text, region in readings:
        candidate = _parse(text, region)
        if candidate is not None and phonenumbers.is_valid_number(candidate):
            return candidate
    return None


def _region(number: PhoneNumber) -> str | None:
    """The number's country; for one that no plan knows, the main country of its code."""
    known = phonenumbers.region_code_for_number(number)
    if known is not None:
        return str(known)
    main = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return str(main) if main not in {"ZZ", "001"} else None


def _parse(text: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


def _with_context(uri: SipUri) -> str:
    """The user, behind the country or area that its context names (RFC 3966, 5.1.5)."""
    context = uri.user_parameters.get("phone-context", "")
    if uri.user and not uri.user.startswith("+") and _CONTEXT.fullmatch(context):
        return context + uri.user
    return uri.user
