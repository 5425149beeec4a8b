"""A mail of the Internet (RFC 5322, RFC 2045) as a message for the API. Pure; never raises, whatever a stranger sends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import Compat32
from email.utils import parseaddr

from voicebot.mail.limits import LONGEST_ADDRESS, LONGEST_NAME, MOST_ATTACHMENTS, MOST_HTML, MOST_SUBJECT, MOST_TEXT

_MOST_PARTS = 200
_FALLBACKS = ("utf-8", "cp1250")  # what Polish programs write without saying so
_LONGEST_HEADER = 20_000
_MOST_DECODED = 4 * MOST_TEXT
"""Octets of a text: more than are told, whatever its character set."""
_LEAST_CUT = 8_000
_LEAST_PLAIN = 10
"""A plain text with fewer characters beside HTML is a program's excuse."""


class _Headers(Compat32):
    """The library takes minutes to read the parameters of a header of a million characters."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """A header's name, and the beginning of what it says."""
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_LONGEST_HEADER]


_HEADERS = _Headers()


@dataclass(frozen=True, slots=True)
class ReadMail:
    """What is told to the API."""

    id: str
    """Made of the mail's octets: the same mail has it again, in whatever folder and under whatever UID; another never has."""
    subject: str
    text: str | None
    html: str | None
    sender: str | None
    attachments: tuple[str, ...]
    automatic: bool = False
    """A program wrote it: an automatic answer, a list, a report that a mail was not delivered."""

    def as_json(self) -> dict[str, object]:
        """The body of POST /api/messages."""
        told: dict[str, object] = {"id": self.id, "subject": self.subject, "attachments": list(self.attachments)}
        wanted = {"text": self.text, "html": self.html, "sender": self.sender, "automatic": self.automatic or None}
        return told | {name: value for name, value in wanted.items() if value is not None}


def read_mail(octets: bytes) -> ReadMail:
    """Read a mail, or its beginning. What cannot be read has no text: a person looks at the mail itself."""
    mail_id = f"sha256:{hashlib.sha256(octets).hexdigest()}"
    try:
        return _read(mail_id, BytesParser(policy=_HEADERS).parsebytes(octets))
    except Exception:  # the parser was written for what is well-formed; nesting can be too deep for it
        return _unreadable(mail_id, octets)


def _read(mail_id: str, mail: Message) -> ReadMail:
    plain, html = "", ""
    names: list[str] = []
    for part in _parts(mail):
        kind = part.get_content_type()
        name = _file_name(part)
        if name or part.get_content_disposition() == "attachment" or kind not in ("text/plain", "text/html"):
            names.append((name or kind)[:LONGEST_NAME])
        elif kind == "text/plain":
            plain = f"{plain}\n\n{_text(part)}" if plain else _text(part)
        else:
            html = html or _text(part)
    use_html = bool(html) and len(plain.strip()) < _LEAST_PLAIN
    return ReadMail(
        mail_id,
        _header(mail, "subject")[:MOST_SUBJECT],
        None if use_html else plain[:MOST_TEXT],
        html[:MOST_HTML] if use_html else None,
        _sender(mail),
        tuple(names[:MOST_ATTACHMENTS]),
        _is_automatic(mail),
    )


def _unreadable(mail_id: str, octets: bytes) -> ReadMail:
    try:
        head: Message = BytesHeaderParser(policy=_HEADERS).parsebytes(octets.split(b"\n\n", 1)[0][:50_000])
        return ReadMail(mail_id, _header(head, "subject")[:MOST_SUBJECT], "", None, _sender(head), ())
    except Exception:
        return ReadMail(mail_id, "", "", None, None, ())


def _parts(mail: Message) -> Iterator[Message]:
    """The parts that are no containers, in order. A mail that is attached is one part: it is not opened."""
    waiting, seen = [mail], 0
    while waiting and seen < _MOST_PARTS:
        part, seen = waiting.pop(), seen + 1
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting += reversed([each for each in payload if isinstance(each, Message)])
        else:
            yield part


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    octets = payload[:_MOST_DECODED] if isinstance(payload, bytes) else b""
    for charset in (part.get_content_charset(), *_FALLBACKS):
        try:
            return _clean(_decoded(octets, charset or "utf-8"))
        except (LookupError, UnicodeError):
            continue
    return _clean(octets.decode("latin-1"))


def _decoded(octets: bytes, charset: str) -> str:
    """Raises LookupError, UnicodeError. A last character of a long text, which was cut through, is left out."""
    try:
        return octets.decode(charset)
    except UnicodeDecodeError as error:
        if len(octets) < _LEAST_CUT or error.end < len(octets) or error.reason != "unexpected end of data":
            raise
        return octets[: error.start].decode(charset)


def _header(mail: Message, name: str) -> str:
    """Decoded (RFC 2047); as it stands where it cannot be."""
    raw = str(mail.get(name, ""))
    try:
        parts = [
            part.decode(charset or "utf-8", "replace") if isinstance(part, bytes) else part
            for part, charset in decode_header(raw)
        ]
    except Exception:  # an unknown character set, base64 that is none
        parts = [raw]
    return " ".join(_clean("".join(parts)).split())


def _is_automatic(mail: Message) -> bool:
    """By what programs say of themselves (RFC 3834, RFC 2919, RFC 3464)."""
    said = _header(mail, "auto-submitted").lower().partition(";")[0].strip()
    written = (
        _header(mail, "precedence").lower() in ("bulk", "junk", "list", "auto_reply"),
        bool(_header(mail, "list-id") or _header(mail, "list-unsubscribe")),
        _header(mail, "return-path") == "<>",
        mail.get_content_type() == "multipart/report",
        (_sender(mail) or "").lower().startswith(("mailer-daemon@", "postmaster@")),
    )
    return said not in ("", "no") or any(written)


def _sender(mail: Message) -> str | None:
    address = parseaddr(_header(mail, "from"))[1]
    return address if "@" in address and len(address) <= LONGEST_ADDRESS else None


def _file_name(part: Message) -> str:
    try:
        name = part.get_filename() or ""
    except Exception:
        return "?"
    return _clean(name).strip()


def _clean(text: str) -> str:
    """Without what JSON cannot hold, and NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
