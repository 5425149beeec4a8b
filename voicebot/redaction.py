"""Redaction of everything written: logs, journals, records, hand-offs and webhooks pass through here.

What a personal number looks like is known in `nlu.text.redaction`. Here is what is done with structure: nested values, bytes,
keys of mappings, secret names (their values are removed), identifiers (kept), escapes (what they hide is masked), and telephone
numbers (only the last digits stay).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from math import isfinite
from typing import TypeAlias

from caller_id.phone_numbers import shorten
from nlu.text.redaction.redact import redact
from voicebot.escapes import base64_texts, decoded

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

REMOVED = "[removed]"
_DEEPEST = 12
_SHORT_INT = 99_999  # up to five digits are no personal number; a longer one is judged as text

# a value under such a name is never written, whatever it is
_SECRET_NAMES = frozenset(
    "password passwd haslo secret token authorization api_key apikey cookie credentials pin cvv cvc otp blik blik_code pesel "
    "card_number iban".split()
)
_PLAIN_NAME = re.compile(r"[A-Za-z_]+")  # one word without a digit is no number
# the keys a caller presses: a few in a row can be a PIN
_KEYPAD_NAMES = frozenset("key keys digits dtmf".split())
# what we, or the telephone network, call a thing by: it must be found again, and no caller says or types it
_IDENTIFIER_NAMES = frozenset("call_id call_ref sip_call_id ref handoff_ref model bundle bundle_version release".split())
_IDENTIFIER = re.compile(r"[!-~]{1,255}")  # a SIP Call-ID (RFC 3261, 25.1) is no wider
_E164 = r"(?<![\w+])\+[1-9]\d{7,14}(?!\d)"
# what stays: E.164 numbers (shortened), and our call ids, which begin with the date and time
_OURS = re.compile(
    rf"{_E164}"
    r"|(?<![\w-])20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-(?:[01]\d|2[0-3])[0-5]\d[0-5]\d-[0-9a-f]{6}(?![\w-])"
)
_NUMBER = re.compile(_E164)
# what the machine writes about itself: addresses with their ports, and counts of things that no person has
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\w.])"
_MACHINE = re.compile(
    rf"{_OURS.pattern}"
    rf"|{_IPV4}(?::\d{{1,5}}(?!\d))?"
    rf"|\('{_IPV4}', \d{{1,5}}\)"
    r"|\[[0-9A-Fa-f:]*:[0-9A-Fa-f:]*(?:%\w+)?\](?::\d{1,5}(?!\d))?"
    r"|(?<![\w.])\d{1,15}(?=(?: of \d{1,15})?(?: |-)(?:bytes?|octets|packets|datagrams|frames|samples|characters|chars"
    r"|files|tasks|records|rows|handles|transports|seconds|B|kB|MB|GB|KiB|MiB|GiB|ms)\b)"
    r"|(?<=\bbytes[:=])[ ]?\d{1,15}(?!\d)|(?<=\bsize[:=])[ ]?\d{1,15}(?!\d)"
    r"|\brunner-[0-9a-f]{8}\b"  # pipecat's name for one of its own
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"  # RFC 9110, 5.6.7
    # what SIP (RFC 3261) and SDP (RFC 8866) say about a call: identifiers, codecs, ports
    r"|(?<=;branch=)z9hG4bK[^\s;,>]{1,200}|(?<=;tag=)[^\s;,>]{1,200}"
    r"|^(?:Call-ID|i):[ \t]*[!-~]{1,255}|^(?:CSeq:[ \t]*\d+ [A-Z]+|RSeq:[ \t]*\d+)"
    r"|^o=\S{1,64} \d+ \d+(?= IN )|^m=audio [\w /]+"
    r"|^a=(?:rtpmap|fmtp|ssrc|rtcp|[a-z]*ptime|cat|sendrecv)[^\r\n]*?(?= cname|[\r\n]|\Z)",
    re.MULTILINE,
)
# what must not be seen in a trace either: keys pressed (application/dtmf-relay, application/dtmf), passwords, media keys
_TRACED_SECRETS = tuple(
    re.compile(pattern, re.MULTILINE | re.IGNORECASE)
    for pattern in (
        r"^(?P<lead>Signal[ \t]*=[ \t]*)[^\r\n]+",
        r"(?P<lead>^(?:Content-Type|c):[ \t]*application/dtmf[ \t]*\r?$(?:.|\n)*?\r?\n\r?\n)[^\r\n]+",
        # a header may have a space before its colon, and go on in the next line (RFC 3261, 7.3.1)
        r"^(?P<lead>(?:(?:Proxy-)?Authorization|X-Ticket|X-App-Session)[ \t]*:[ \t]*)(?:[^\r\n]|\r?\n[ \t])+",
        r"^(?P<lead>a=ice-pwd:)\S+",
        r"(?P<lead>\binline:)[\w+/=|:]+",
    )
)
# a password in an address (RFC 3986, 3.2.1), a token in its query
_ADDRESS_SECRETS = re.compile(
    r"(?P<lead>\b[a-z][a-z0-9+.-]{1,30}://[^\s/?#@:]{0,200}:)[^\s\"'<>]{1,500}(?=@)"
    r"|(?P<key>[?&](?:token|api_?key|secret|password|passwd|pwd|pass|auth|access_token)=)[^\s&#\"']+",
    re.IGNORECASE,
)
# signed tokens (JWS, compact: RFC 7515, 7.1) are good for whoever has them; the head is JSON, so it begins so in base64url
_TOKENS = re.compile(
    r"(?P<lead>\b(?i:bearer)[ \t]+)[\w.~+/=-]{8,}|(?<![A-Za-z0-9_-])e(?:yJ|yA|wo)[\w-]{7,}\.[\w-]{8,}\.[\w-]{8,}"
)
_DEEPEST_ESCAPES = 4


@dataclass(frozen=True, slots=True)
class Redaction:
    """How strict to be."""

    keep_numbers: bool = False
    """Telephone numbers in E.164 stay whole."""
    keep_keys: bool = False
    """Values under keypad names stay."""
    by_machine: bool = False
    """The text is the machine's own, not a person's: addresses, ports, counts and what a protocol says stay readable."""

    def text(self, text: str) -> str:
        """The text with personal numbers masked; telephone numbers in E.164 become "+48…123"."""
        return self._text(text, _DEEPEST_ESCAPES)

    def _text(self, text: str, layers: int) -> str:
        """What escapes hide is masked in the plain text; where they hide nothing they stay as they are."""
        text = _TOKENS.sub(lambda match: (match["lead"] or "") + REMOVED, text)
        plain = decoded(text)
        if plain != text:
            if not layers:
                return REMOVED  # nobody escapes so often but to hide something
            masked = self._text(plain, layers - 1)
            if masked != plain:
                return masked
        for part, inside in base64_texts(text):
            if layers and self._text(inside, layers - 1) != inside:
                text = text.replace(part, REMOVED)
        return self._masked(text)

    def _masked(self, text: str) -> str:
        text = _ADDRESS_SECRETS.sub(lambda match: (match["lead"] or match["key"]) + REMOVED, text)
        if self.by_machine:
            for secret in _TRACED_SECRETS:
                text = secret.sub(rf"\g<lead>{REMOVED}", text)
        pieces: list[str] = []
        position = 0
        for match in (_MACHINE if self.by_machine else _OURS).finditer(text):
            whole = self.keep_numbers or not match[0].startswith("+")
            pieces += (
                redact(text[position : match.start()], by_machine=self.by_machine),
                match[0] if whole else shorten(match[0]),
            )
            position = match.end()
        return "".join((*pieces, redact(text[position:], by_machine=self.by_machine)))

    def identifier(self, value: str) -> str:
        """A name or an id that a machine made: it must be found again. A telephone number in it is one all the same."""
        return value if self.keep_numbers else _NUMBER.sub(lambda match: shorten(match[0]), value)

    def fields(self, named: Mapping[str, object]) -> dict[str, JsonValue]:
        """A mapping with every name and value redacted; values under secret names are removed."""
        return self._fields(named, 0)

    def value(self, value: object) -> JsonValue:
        """Any value as redacted JSON. Never raises: what cannot be read is written as its type."""
        return self._value(value, 0)

    def _fields(self, named: Mapping[str, object], depth: int) -> dict[str, JsonValue]:
        return {self._name(str(name)): self._named(str(name), value, depth) for name, value in named.items()}

    def _named(self, name: str, value: object, depth: int) -> JsonValue:
        if self._is_secret(name):
            return value if isinstance(value, bool) else REMOVED  # whether there is a secret tells nothing of it
        if name in _IDENTIFIER_NAMES and isinstance(value, str) and _IDENTIFIER.fullmatch(value):
            return self.identifier(value)
        return self._value(value, depth)

    def _name(self, name: str) -> str:
        return name if _PLAIN_NAME.fullmatch(name) else self.text(name)

    def _is_secret(self, name: str) -> bool:
        plain = name.lower().replace("-", "_")
        return plain in _SECRET_NAMES or (plain in _KEYPAD_NAMES and not self.keep_keys)

    def _value(self, value: object, depth: int) -> JsonValue:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self._value(value.value, depth)
        if isinstance(value, int | float):
            return self._number(value)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return self.text(bytes(value).decode("utf-8", "backslashreplace"))
        if isinstance(value, datetime | date):
            return value.isoformat()
        try:
            return self._structure(value, depth + 1) if depth < _DEEPEST else f"[{type(value).__name__}]"
        except Exception:  # a value's own code may do anything; the line is written all the same
            return f"[{type(value).__name__}]"

    def _structure(self, value: object, depth: int) -> JsonValue:
        if isinstance(value, Mapping):
            return self._fields(value, depth)
        if is_dataclass(value) and not isinstance(value, type):
            return self._fields({field.name: getattr(value, field.name, None) for field in fields(value)}, depth)
        if isinstance(value, list | tuple | set | frozenset):
            items: Iterable[object] = value
            return [self._value(item, depth) for item in items]
        return self.text(str(value))

    def _number(self, value: int | float) -> JsonValue:
        if not isfinite(value) or abs(value) <= _SHORT_INT:
            return value
        whole = str(int(value))
        masked = redact(whole)
        return value if masked == whole else masked


LOGS = Redaction(by_machine=True)
DEBUG_LOGS = Redaction(by_machine=True, keep_numbers=True)
RECORDS = Redaction(keep_keys=True)
WORDS = Redaction()
"""For what a person said or wrote, wherever it goes."""


def redact_text(text: str) -> str:
    """A person's words as they may be written anywhere."""
    return WORDS.text(text)
