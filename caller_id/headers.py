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
from typing import assert_never

from caller_id.phone_numbers import UNREADABLE, WITHHELD, NumberKind, TelephoneNumber, number_of, parse_number
from caller_id.rules import CallerIdRules, DiversionHeader, IdentityHeader
from caller_id.sip_uri import NameAddr, SipUri, entries, parse_name_addr
from caller_id.types import NumberTrust

_LONGEST = 4096  # octets of a header we read: more is no identity
_HIDES_NUMBER = frozenset({"id", "user", "header"})
_UUI_LONGEST = 512
_INDEX_PART = re.compile(r"\d{1,4}", re.ASCII)


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


def read_identity(headers: Mapping[str, str], from_uri: str, rules: CallerIdRules) -> Asserted:
    """The caller's number, by the rules of the trunk that the call came from.

    Whoever asks for privacy is withheld, whatever else is sent (unless the trunk asks for everybody). A header of the rules names
    the caller, the first that holds a number; else From does, and nobody vouches for it. A number that no call can come from
    (premium rate) is vouched for by nobody.
    """
    hidden = rules.privacy and _asks_privacy(headers, from_uri)
    if not rules.trusted:
        return Asserted(WITHHELD if hidden else parse_number(from_uri, rules.form))
    diverted_from = _diverted_from(headers, rules)
    if hidden:
        return Asserted(WITHHELD, NumberTrust.TRUNK, diverted_from)
    for entry, number in _identities(headers, from_uri, rules):
        if number.kind is NumberKind.WITHHELD:
            return Asserted(WITHHELD, NumberTrust.TRUNK, diverted_from)
        if number.kind is not NumberKind.UNREADABLE:
            trust = NumberTrust.NONE if number.receives_only else _trust_of(entry, headers, rules.verstat)
            return Asserted(number, trust, diverted_from)
    claimed = UNREADABLE if IdentityHeader.FROM in rules.headers else parse_number(from_uri, rules.form)
    return Asserted(claimed, NumberTrust.NONE, diverted_from)


def read_user_to_user(headers: Mapping[str, str]) -> bytes | None:
    """The data of the User-to-User header (RFC 7433, hex-encoded), or None. Hostile input: the reader judges what it means."""
    value = headers.get("user-to-user", "")[:_LONGEST]
    data = value.split(";", 1)[0].strip().strip('"')
    try:
        decoded = bytes.fromhex(data)
    except ValueError:
        return None
    return decoded[:_UUI_LONGEST] or None


def _identities(headers: Mapping[str, str], from_uri: str, rules: CallerIdRules) -> Iterator[tuple[NameAddr, TelephoneNumber]]:
    """Identity entries by precedence, each with the number in it."""
    for header in rules.headers:
        match header:
            case IdentityHeader.PAI:
                for entry in _named(headers.get(header, "")):
                    yield entry, number_of(entry, rules.form)
            case IdentityHeader.RPID:
                for entry in _named(headers.get(header, "")):
                    if entry.parameters.get("party", "calling") == "calling":
                        hidden = rules.privacy and _is_private(entry)
                        yield entry, WITHHELD if hidden else number_of(entry, rules.form)
            case IdentityHeader.FROM:
                # the stack may hand over a From without its parameters: the header itself, where exposed, has them
                sender = parse_name_addr(headers.get(header, "") or from_uri) or NameAddr(None)
                yield sender, parse_number(from_uri, rules.form)
            case _:
                assert_never(header)


def _named(header: str) -> list[NameAddr]:
    """The entries of an identity header. Some carriers write a bare number in place of a URI."""
    return [parse_name_addr(entry) or NameAddr(SipUri(entry.partition(";")[0])) for entry in entries(header)]


def _is_private(entry: NameAddr) -> bool:
    """Several values may stand in quotes, each with who is to hide it: "uri-network, name" (draft-ietf-sip-privacy-04, 5)."""
    asked = re.split(r"[;,\s]+", entry.parameters.get("privacy", ""))
    return any(value.partition("-")[0] in {"full", "uri"} for value in asked)


def _verdicts(entry: NameAddr) -> list[str]:
    """Results of the network's verification (3GPP TS 24.229, 7.2A.20); never looked for in the display name."""
    places = [entry.parameters]
    if entry.uri is not None:
        places += [entry.uri.user_parameters, entry.uri.parameters]
    return [place["verstat"] for place in places if "verstat" in place]


def _trust_of(entry: NameAddr, headers: Mapping[str, str], verstat: bool) -> NumberTrust:
    verdicts = _verdicts(entry)
    if any(verdict.startswith("tn-validation-failed") for verdict in verdicts):
        return NumberTrust.NONE
    if entry.parameters.get("screen") == "no":
        return NumberTrust.NONE  # Remote-Party-ID that the network itself did not check
    verdict = verdicts[0] if verdicts else ""
    if verstat and verdict.startswith("tn-validation-passed") and _attested_fully(verdict, headers):
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
    wanted = set(re.split(r"[;,\s]+", headers.get("privacy", "").lower()))  # all of it: what hides a number may stand last
    return bool(wanted & _HIDES_NUMBER) or parse_number(from_uri).kind is NumberKind.WITHHELD


def _diverted_from(headers: Mapping[str, str], rules: CallerIdRules) -> str | None:
    """The number that passed the call on to us last; None when nobody did, or whoever did hides."""
    for header in rules.diversion:
        value = headers.get(header, "")
        match header:
            case DiversionHeader.DIVERSION:
                entry = next(iter(_named(value)), None)  # the latest stands first (RFC 5806, 5.2)
            case DiversionHeader.HISTORY_INFO:
                entry = _last_retargeted(value)
            case _:
                assert_never(header)
        if entry is not None:
            hides = _is_private(entry) or (header is DiversionHeader.HISTORY_INFO and _history_is_private(headers, entry))
            return None if hides else _digits(number_of(entry, rules.form))
    return None


def _last_retargeted(header: str) -> NameAddr | None:
    """The entry from which the call came to where it is now: the one that the last entry names (rc, mp: RFC 7044, 9.1), else the
    one above it ("1.1" is below "1"), else the one before it.
    """
    history = sorted(_named(header), key=_index)  # carriers fold and reorder headers; entries without an index keep their order
    if len(history) < 2:
        return None
    now, earlier = history[-1], {entry.parameters.get("index", ""): entry for entry in history[:-1]}
    above = now.parameters.get("index", "").rpartition(".")[0]
    named = (now.parameters.get("rc", ""), now.parameters.get("mp", ""), above)
    return next((earlier[index] for index in named if index and index in earlier), history[-2])


def _index(entry: NameAddr) -> tuple[int, ...]:
    parts = entry.parameters.get("index", "").split(".")
    return tuple(int(part) for part in parts) if all(_INDEX_PART.fullmatch(part) for part in parts) else ()


def _history_is_private(headers: Mapping[str, str], entry: NameAddr) -> bool:
    asked = re.split(r"[;,\s]+", headers.get("privacy", "").lower())
    hidden = entry.uri.headers.get("privacy", "") if entry.uri is not None else ""
    return "history" in asked or "history" in re.split(r"[;,\s]+", hidden)


def _digits(number: TelephoneNumber) -> str | None:
    return number.e164 or number.short
