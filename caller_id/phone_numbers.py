"""Telephone numbers as networks write them, read into E.164 with `phonenumbers`. Nothing here raises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from caller_id.sip_uri import NameAddr, SipUri, parse_name_addr

HOME_REGION = "PL"

_WRITTEN = re.compile(r"[+0-9\s\-().,/\u2010-\u2015]+")
_SHORT = re.compile(r"\d{3,6}")
_IPV4 = re.compile(r"\s*\d{1,3}(\.\d{1,3}){3}\s*")
_CONTEXT = re.compile(r"\+[\d\-.() ]*\d[\d\-.() ]*")
_ANONYMOUS_HOST = "anonymous.invalid"  # RFC 3323, 4.1.1.3
_LONGEST = 64
# what networks put where a number would stand (RFC 3323, RFC 3325 and the habits of carriers)
_WITHHELD = frozenset(
    "anonymous anonim anonimowy restricted unavailable unknown private withheld blocked hidden noid clir "
    "nieznany zastrzezony zastrzeżony prywatny niedostępny niedostepny".split()
)


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


UNREADABLE = TelephoneNumber(NumberKind.UNREADABLE)
WITHHELD = TelephoneNumber(NumberKind.WITHHELD)


def parse_number(text: str | None, *, home: str = HOME_REGION) -> TelephoneNumber:
    """Read a number in any form a trunk sends: national or international, with 00, + or neither, with punctuation, as tel: or
    sip: URI or name-addr (RFC 3261, RFC 3966), a short code, or a word that says it is withheld.

    `home` is the region whose national form is meant when there is no country code.
    """
    named = parse_name_addr(text or "")
    return number_of(named, home=home) if named is not None else _parse_written(text or "", home)


def number_of(named: NameAddr, *, home: str = HOME_REGION) -> TelephoneNumber:
    """The number that a header's entry names: the user of its URI, never the host, the display name or a parameter."""
    uri = named.uri
    if uri is None:
        return UNREADABLE
    if uri.host == _ANONYMOUS_HOST or uri.host.endswith(f".{_ANONYMOUS_HOST}"):
        return WITHHELD
    return _parse_written(_with_context(uri), home)


def _parse_written(written: str, home: str) -> TelephoneNumber:
    written = written.strip()
    if written.strip("\"' ").lower() in _WITHHELD:
        return WITHHELD
    if not written or len(written) > _LONGEST or not _WRITTEN.fullmatch(written) or _IPV4.fullmatch(written.strip("()")):
        return UNREADABLE
    digits = re.sub(r"\D", "", written)
    international = written.lstrip(" (").startswith("+") or digits.startswith("00")
    if _SHORT.fullmatch(digits) and not international:
        return TelephoneNumber(NumberKind.SHORT, short=digits)
    parsed = _read(digits.lstrip("0"), international=international, home=home)
    if parsed is None:
        return UNREADABLE
    return TelephoneNumber(
        NumberKind.E164,
        e164=phonenumbers.format_number(parsed, PhoneNumberFormat.E164),
        region=_region(parsed),
    )


def is_mobile(e164: str) -> bool:
    """Whether the numbering plan gives it to mobile telephones: then one person has it, and no office shares it."""
    number = _parse(e164, None)
    return number is not None and phonenumbers.number_type(number) == PhoneNumberType.MOBILE


def shorten(e164: str) -> str:
    """A number as logs and screens may show it: the country and the last three digits, "+48…123"."""
    if not e164.startswith("+") or len(e164) < 8:
        return "…"
    return f"{e164[:3]}…{e164[-3:]}"


def _read(digits: str, *, international: bool, home: str) -> PhoneNumber | None:
    """The first reading that makes a number: as written in full, as a national number (also behind a Polish carrier's selection
    code, 10xx), as international without its plus.

    An explicit international form is taken when its length is possible (numbering plans change faster than metadata); a guess
    must be a valid number.
    """
    if international:
        # "+48 (0) 600…" keeps the trunk zero of old habits inside
        inner = re.sub(r"^(48)0(\d{9})$", r"\1\2", digits)
        candidate = _parse(f"+{inner}", None)
        return candidate if candidate is not None and phonenumbers.is_possible_number(candidate) else None
    for form, region in ((digits, home), (f"+{digits}", None), (re.sub(r"^10\d\d0?", "", digits), home)):
        candidate = _parse(form, region)
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
