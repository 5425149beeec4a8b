"""A SIP message fit to be kept and shown: what tells of the person or opens a door is taken out, what tells of the call stays.

Numbers keep their country and last digits, names are removed, and so are credentials, tickets, media keys, and every body but
session descriptions and the status of a transfer. It runs for each message, so it is quick: the wider redaction of
`voicebot.redaction` comes on top where a message is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from caller_id.phone_numbers import shorten

REMOVED = "[removed]"
_LONGEST = 16_384
_NUMBER_DIGITS = 6  # an extension is shorter
_FOLD = re.compile(r"\n[ \t]+")
_HEADER = re.compile(r"([!-9;-~]+)[ \t]*:[ \t]*(.*)")

_SECRET = frozenset(
    "authorization proxy-authorization x-ticket x-app-session identity y user-to-user subject s call-info alert-info "
    "p-access-network-info geolocation cookie".split()
)
# what has no person in it: these stay whole, so that transactions and dialogues can be followed
_PLAIN = frozenset(
    "via v cseq max-forwards content-length l content-type c allow supported k require proxy-require unsupported event o expires "
    "min-expires session-expires x min-se rseq rack retry-after server user-agent allow-events u subscription-state route "
    "record-route www-authenticate proxy-authenticate accept accept-encoding content-encoding e mime-version date timestamp "
    "refer-sub privacy reason".split()
)
_IDENTIFIERS = frozenset("call-id i x-call-ref session-id in-reply-to".split())
_E164 = re.compile(r"(?<![\w+])\+[1-9]\d{7,14}(?!\d)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"?')
_BRACKETED = re.compile(r"(<[^<>]*>)")
_URI_USER = re.compile(r"(?P<scheme>\b(?:sips?|tel):)(?P<user>[^\s@<>,\"]{1,256}(?=@)|\+?[\d().-]{6,40}(?![\w.]))", re.IGNORECASE)
_RUN = re.compile(r"\+?\d(?:[-. ()/]{0,2}\d){5,}")
_SDP_SECRETS = re.compile(r"(?P<lead>\binline:|^a=ice-pwd:)[^\s;]+", re.MULTILINE)
_SDP_LINE = re.compile(r"[vosctmabkr]=")
_SDP_SECRET_LINES = ("k=", "a=key-mgmt:")


def masked(message: str) -> str:
    """One message as the stack traced it, with plain line ends and no other control character. Never raises."""
    text = message[:_LONGEST].replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
    head, gap, body = text.partition("\n\n")
    start, *lines = _FOLD.sub(" ", head).split("\n")
    kind, shown = "", [_uris(start)]
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            shown.append(REMOVED if line.strip() else "")
            continue
        name, value = found[1], found[2]
        if name.lower() in ("content-type", "c"):
            kind = value.partition(";")[0].strip().lower()
        shown.append(f"{name}: {_value(name.lower(), value)}")
    return "\n".join(shown) + (gap + "\n".join(_body(kind, body)) if body.strip() else "")


def identifier(value: str) -> str:
    """A Call-ID or a reference: it must be found again, but some exchanges make theirs of a telephone number."""
    return _E164.sub(lambda number: shorten(number[0]), value)


def _value(name: str, value: str) -> str:
    if name in _SECRET:
        return REMOVED
    if name in _PLAIN:
        return _uris(value)
    if name in _IDENTIFIERS:
        return identifier(value)
    if "<" in value or "sip" in value[:5].lower() or value[:4].lower() == "tel:":
        return _uris(_nameless(value))
    return _RUN.sub(lambda run: _last(run[0]), value)


def _nameless(value: str) -> str:
    """An address list without display names: what stands before "<" and is no parameter of the address before."""
    pieces = _BRACKETED.split(_QUOTED.sub('"…"', value))
    for at in range(0, len(pieces) - 1, 2):
        before, comma, name = pieces[at].rpartition(",")
        before = before if not before.strip() or before.lstrip().startswith(";") else "…"
        pieces[at] = before + comma + (' "…" ' if comma else '"…" ') if name.strip() else pieces[at]
    return "".join(pieces)


def _uris(text: str) -> str:
    text = _URI_USER.sub(lambda uri: uri["scheme"] + _user(uri["user"]), text)
    return identifier(text)


def _user(user: str) -> str:
    """The user part of an address: a telephone number is shortened, a name of a queue or an extension stays."""
    digits = sum(char.isdigit() for char in user)
    if "%" in user or ":" in user:  # escaped, or with a password (RFC 3261, 19.1.1)
        return "…"
    if digits < _NUMBER_DIGITS:
        return user
    bare = re.sub(r"[-.()]", "", user.partition(";")[0])
    return shorten(bare) if _E164.fullmatch(bare) else _last(user)


def _last(number: str) -> str:
    digits = [char for char in number if char.isdigit()]
    return "…" + "".join(digits[-3:])


def _body(kind: str, body: str) -> Iterator[str]:
    """Session descriptions (RFC 8866) and the status of a transfer (RFC 3420); of anything else only how long it was."""
    if kind == "application/sdp":
        yield from _description(body)
    elif kind == "message/sipfrag":
        yield _uris(body.strip().partition("\n")[0])
    else:
        yield f"[removed: {len(body)} characters]"


def _description(body: str) -> Iterator[str]:
    for line in body.split("\n"):
        if not _SDP_LINE.match(line) or line.startswith(_SDP_SECRET_LINES):
            yield REMOVED if line.strip() else ""
        elif line.startswith("s="):
            yield "s=-"
        elif line.startswith("o="):
            _, gap, rest = line.partition(" ")
            yield f"o=-{gap}{rest}"
        else:
            yield _uris(_SDP_SECRETS.sub(rf"\g<lead>{REMOVED}", line))
