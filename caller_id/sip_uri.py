"""SIP headers that name somebody (name-addr, RFC 3261, 25.1), and sip:, sips: and tel: URIs (RFC 3261, 19.1.1; RFC 3966).

Written for hostile input: nothing here raises. What a caller can choose freely, the display name, is never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

_SCHEME = re.compile(r"(?i)(sips?|tel)\s*:")
_LONGEST = 4096  # characters of a header that are read


@dataclass(frozen=True, slots=True)
class SipUri:
    """A sip:, sips: or tel: URI."""

    user: str
    """The user, or the number of a tel: URI, unescaped, without password and parameters; "" when only a host is named."""
    host: str = ""
    """In lower case, without the port; an IPv6 address without its brackets; "" for tel:."""
    user_parameters: Mapping[str, str] = field(default_factory=dict)
    """Parameters inside the user part, or of a tel: number; names and values in lower case."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Parameters behind the host; names and values in lower case."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers behind the question mark (RFC 3261, 19.1.1), unescaped; names and values in lower case."""


@dataclass(frozen=True, slots=True)
class NameAddr:
    """One entry of a From, P-Asserted-Identity or similar header, without its display name."""

    uri: SipUri | None
    """None when it is no sip:, sips: or tel: URI."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Header parameters (`party`, `screen`, `privacy`, `tag`); names and values in lower case."""


def entries(header: str) -> list[str]:
    """The entries of a header, split at commas outside of quotes and angle brackets."""
    found = (piece.strip() for piece in _split(header[:_LONGEST], ","))
    return [piece for piece in found if piece]


def parse_name_addr(entry: str) -> NameAddr | None:
    """`"Jan" <sip:…>;tag=1`, or a bare URI; None when the text is neither."""
    entry = entry[:_LONGEST].strip()
    bracket = next((at for at, character in _outside_quotes(entry) if character == "<"), -1)
    if bracket >= 0:
        inside, _, after = entry[bracket + 1 :].partition(">")
        return NameAddr(_parse_uri(inside.strip()), _parameters(after))
    uri = _parse_uri(entry)
    # without brackets, what follows the host are parameters of the header (RFC 3261, 20.10)
    return NameAddr(uri, uri.parameters) if uri is not None else None


def _parse_uri(text: str) -> SipUri | None:
    scheme = _SCHEME.match(text)
    if scheme is None:
        return None
    rest = text[scheme.end() :].strip()
    if scheme[1].lower() == "tel":
        number, _, parameters = rest.partition(";")
        return SipUri(unquote(number).strip(), user_parameters=_parameters(parameters))
    address, _, asked = rest.partition("?")
    headers = {name.lower(): value.lower() for name, value in parse_qsl(asked)}
    userinfo, at, behind = address.rpartition("@")  # a careless sender leaves an "@" in the user, none in the host
    place, _, parameters = behind.partition(";")
    host = _host(place)
    if not at or not host:
        return SipUri("", host, parameters=_parameters(parameters), headers=headers)
    user, _, user_parameters = userinfo.partition(";")
    name = user.partition(":")[0]  # a password may follow the user
    return SipUri(unquote(name).strip(), host, _parameters(user_parameters), _parameters(parameters), headers)


def _host(text: str) -> str:
    """Without the port."""
    text = text.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def _parameters(text: str) -> dict[str, str]:
    found = {}
    for piece in _split(text, ";"):
        name, _, value = piece.partition("=")
        if name.strip():
            found[name.strip().lower()] = unquote(value).strip().strip('"').lower()
    return found


def _split(text: str, separator: str) -> Iterator[str]:
    start, inside = 0, False
    for at, character in _outside_quotes(text):
        if character in "<>":
            inside = character == "<"
        elif character == separator and not inside:
            yield text[start:at]
            start = at + 1
    yield text[start:]


def _outside_quotes(text: str) -> Iterator[tuple[int, str]]:
    """Each character outside of quoted strings, with its place. A backslash inside quotes escapes the next character."""
    quoted = escaped = False
    for at, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped = character == "\\"
            quoted = character != '"'
        elif character == '"':
            quoted = True
        else:
            yield at, character
