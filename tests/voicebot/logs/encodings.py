"""Encodings in which something may stand in a log: each turns a text into one that says the same."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable, Mapping


def _each(form: str) -> Callable[[str], str]:
    """Every character by the number it has."""
    return lambda text: "".join(form.format(ord(character)) for character in text)


def _utf8(form: str) -> Callable[[str], str]:
    """Every octet of the text in UTF-8."""
    return lambda text: "".join(form.format(octet) for octet in text.encode())


ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "JSON": json.dumps,
    "JSON, every character": _each("\\u{:04x}"),
    "repr of text": ascii,
    "repr of bytes": lambda text: repr(text.encode()),
    "repr of bytes, every octet": _utf8("\\x{:02x}"),
    "long escapes": _each("\\U{:08x}"),
    "percent": urllib.parse.quote,
    "percent, every octet": _utf8("%{:02X}"),
    "references": _each("&#{};"),
    "references, hexadecimal": _each("&#x{:X};"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, of addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
}
