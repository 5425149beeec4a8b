"""Who the network says is calling: identity headers of an INVITE, their precedence, privacy and trust.

Sources: RFC 3325 (P-Asserted-Identity), RFC 3323 (Privacy), draft-ietf-sip-privacy-04 (Remote-Party-ID), RFC 5806 (Diversion),
RFC 7044 (History-Info), RFC 7433 (User-to-User), RFC 8224/8225 (Identity, PASSporT), 3GPP TS 24.229 (verstat). Header names are
lower-case; values may hold several entries joined by commas. Nothing here raises.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from caller_id.phone_numbers import HOME_REGION, UNREADABLE, WITHHELD, NumberKind, TelephoneNumber, number_of, parse_number
from caller_id.sip_uri import NameAddr, SipUri, entries, parse_name_addr
from caller_id.types import NumberTrust

_LONGEST = 4096  # octets of a header we read: more is no identity
_HIDES_NUMBER = frozenset({"id", "user", "header"})
_UUI_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Asserted:
    """What the network asserts of the caller."""

    number: TelephoneNumber = UNREADABLE
    """The calling number."""
    trust: NumberTrust = NumberTrust.NONE
    """How far the network vouches for it."""
    diverted_from: str | None = None
    """The number that passed the call on to us last, E.164 or the digits of a short code."""

    @property
    def withheld(self) -> bool:
        """The caller, or the network for them, hides the number."""
        return self.number.kind is NumberKind.WITHHELD


def read_identity(
    headers: Mapping[str, str],
    from_uri: str,
    *,
    peer_trusted: bool,
    attestation: bool = False,
    home: str = HOME_REGION,
) -> Asserted:
    """The caller's number: P-Asserted-Identity, else Remote-Party-ID, else From.

    The first two, Diversion and verification results count only from a trusted peer (RFC 3325, 5). Whoever asks for privacy is
    withheld, whatever else is sent. `attestation` lets the network's verification raise the trust to ATTESTED; a failed
    verification takes all trust away, with or without it.
    """
    if not peer_trusted:
        return Asserted(WITHHELD if _asks_privacy(headers, from_uri) else parse_number(from_uri, home=home))
    diverted_from = _diverted_from(headers, home)
    if _asks_privacy(headers, from_uri):
        return Asserted(WITHHELD, NumberTrust.TRUNK, diverted_from)
    for entry, number in _identities(headers, from_uri, home):
        if number.kind is NumberKind.WITHHELD:
            return Asserted(WITHHELD, NumberTrust.TRUNK, diverted_from)
        if number.kind is not NumberKind.UNREADABLE:
            return Asserted(number, _trust_of(entry, headers, attestation), diverted_from)
    return Asserted(UNREADABLE, NumberTrust.NONE, diverted_from)


def read_user_to_user(headers: Mapping[str, str]) -> bytes | None:
    """The data of the User-to-User header (RFC 7433, hex-encoded), or None. Hostile input: the reader judges what it means."""
    value = headers.get("user-to-user", "")[:_LONGEST]
    data = value.split(";", 1)[0].strip().strip('"')
    try:
        decoded = bytes.fromhex(data)
    except ValueError:
        return None
    return decoded[:_UUI_LONGEST] or None


def _identities(headers: Mapping[str, str], from_uri: str, home: str) -> Iterator[tuple[NameAddr, TelephoneNumber]]:
    """Identity entries by precedence, each with the number in it."""
    for entry in _named(headers.get("p-asserted-identity", "")):
        yield entry, number_of(entry, home=home)
    for entry in _named(headers.get("remote-party-id", "")):
        if entry.parameters.get("party", "calling") == "calling":
            yield entry, WITHHELD if _is_private(entry) else number_of(entry, home=home)
    # the stack may hand over a From without its parameters: the header itself, where exposed, has them
    sender = parse_name_addr(headers.get("from", "") or from_uri) or NameAddr(None)
    yield sender, parse_number(from_uri, home=home)


def _named(header: str) -> list[NameAddr]:
    """The entries of an identity header. Some carriers write a bare number in place of a URI."""
    return [parse_name_addr(entry) or NameAddr(SipUri(entry.partition(";")[0])) for entry in entries(header)]


def _is_private(entry: NameAddr) -> bool:
    return entry.parameters.get("privacy", "off") in {"full", "uri"}


def _verdicts(entry: NameAddr) -> list[str]:
    """Results of the network's verification (3GPP TS 24.229, 7.2A.20); never looked for in the display name."""
    places = [entry.parameters]
    if entry.uri is not None:
        places += [entry.uri.user_parameters, entry.uri.parameters]
    return [place["verstat"] for place in places if "verstat" in place]


def _trust_of(entry: NameAddr, headers: Mapping[str, str], attestation: bool) -> NumberTrust:
    verdicts = _verdicts(entry)
    if any(verdict.startswith("tn-validation-failed") for verdict in verdicts):
        return NumberTrust.NONE
    if entry.parameters.get("screen") == "no":
        return NumberTrust.NONE  # Remote-Party-ID that the network itself did not check
    verdict = verdicts[0] if verdicts else ""
    if attestation and verdict.startswith("tn-validation-passed") and _attested_fully(verdict, headers):
        return NumberTrust.ATTESTED
    return NumberTrust.TRUNK


def _attested_fully(verdict: str, headers: Mapping[str, str]) -> bool:
    """Level A: the originating operator knows the customer and that the number is theirs (ATIS-1000074).

    A passed verification alone says only that the signature is right, which it is for levels B and C as well.
    """
    if verdict.startswith("tn-validation-passed-"):
        return verdict.endswith("-a")
    stated = headers.get("p-attestation-indicator", "").strip().lower()
    return (stated or _passport_level(headers.get("identity", ""))) == "a"


def _passport_level(identity: str) -> str:
    """The attestation level in a PASSporT (RFC 8588 "attest"), "" when there is none. Its signature is the network's to check."""
    pieces = identity[:_LONGEST].split(";", 1)[0].strip().split(".")
    if len(pieces) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(pieces[1] + "=" * (-len(pieces[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return ""
    return str(claims.get("attest", "")).lower() if isinstance(claims, dict) else ""


def _asks_privacy(headers: Mapping[str, str], from_uri: str) -> bool:
    wanted = set(re.split(r"[;,\s]+", headers.get("privacy", "")[:_LONGEST].lower()))
    return bool(wanted & _HIDES_NUMBER) or parse_number(from_uri).kind is NumberKind.WITHHELD


def _diverted_from(headers: Mapping[str, str], home: str) -> str | None:
    """The number that passed the call on to us last: the first Diversion entry, else the last but one of History-Info."""
    for entry in _named(headers.get("diversion", ""))[:1]:
        return None if _is_private(entry) else _digits(number_of(entry, home=home))
    header = headers.get("history-info", "")
    history = entries(header)
    if len(history) < 2 or "history" in headers.get("privacy", "").lower() or "privacy=history" in history[-2].lower():
        return None
    return _digits(number_of(_named(header)[-2], home=home))


def _digits(number: TelephoneNumber) -> str | None:
    return number.e164 or number.short
