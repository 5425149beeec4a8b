"""Text out of the escapes that other programs write: what is masked must be seen first.

JSON (RFC 8259), Python's repr of text and bytes, percent-encoding (RFC 3986), HTML's character references, base64 (RFC 4648).
"""

from __future__ import annotations

import base64
import html
import re
from binascii import Error as Base64Error

_MARKS = ("\\", "%", "&#")
_ESCAPE = re.compile(
    r"(?P<bytes>(?:\\x[0-9A-Fa-f]{2})+|(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<units>(?:\\u[0-9A-Fa-f]{4})+)"
    r"|\\U(?P<point>[0-9A-Fa-f]{8})"
    r"|\\(?P<mark>[abfnrtv0\\/\"'])"
    r"|(?P<reference>&#(?:\d{1,7}|[xX][0-9A-Fa-f]{1,6});)"
)
_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_BASE64 = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{8,}={0,2}(?![\w+/=-])")
_LAST_POINT = 0x10FFFF


def decoded(text: str) -> str:
    """The text with one layer of escapes taken off; the same text when there is none. Control characters become spaces."""
    if not any(mark in text for mark in _MARKS):
        return text
    return _ESCAPE.sub(_plain, text)


def _plain(match: re.Match[str]) -> str:
    if match["bytes"]:
        found = bytes(int(pair, 16) for pair in _HEX.findall(match["bytes"]))
        plain = _utf8(found) or found.decode("latin-1")  # repr of text writes a letter below 256 like a byte
    elif match["units"]:
        units = match["units"].replace("\\u", "")
        plain = bytes.fromhex(units).decode("utf-16-be", "replace")
    elif match["point"]:
        point = int(match["point"], 16)
        plain = chr(point) if point <= _LAST_POINT and not 0xD800 <= point < 0xE000 else " "
    elif match["reference"]:
        plain = html.unescape(match["reference"])
    else:
        plain = match["mark"] if match["mark"] in "\\/\"'" else " "
    return "".join(character if character.isprintable() else " " for character in plain)


def base64_texts(text: str) -> list[tuple[str, str]]:
    """Every part that is base64 of readable text, and that text."""
    return [(match[0], plain) for match in _BASE64.finditer(text) if (plain := _from_base64(match[0]))]


def _from_base64(part: str) -> str:
    """The readable text in base64 of either alphabet; "" when it is none."""
    bare = part.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        plain = _utf8(base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True))
    except (Base64Error, ValueError):
        return ""
    return plain if all(character.isprintable() or character.isspace() for character in plain) else ""


def _utf8(found: bytes) -> str:
    try:
        return found.decode()
    except UnicodeDecodeError:
        return ""
