"""Requests of our own outside a call (REGISTER, OPTIONS), and what is answered to them (RFC 3261, 7, 8.1). No I/O."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from voicebot.hosts import uri_host

_STATUS = re.compile(r"SIP/2\.0 (\d{3})(?: ([^\r\n]{0,200}))?")
_SHORT = {"i": "call-id", "m": "contact", "v": "via", "l": "content-length"}  # RFC 3261, 7.3.3
_FOLD = re.compile(r"\r?\n[ \t]+")
_LONGEST = 65_535


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes, or comes from."""

    transport: str
    """udp, tcp or tls"""
    host: str
    """An IP address."""
    port: int
    name: str = ""
    """What a TLS certificate must be for; "" for the address itself."""

    def __str__(self) -> str:
        return f"{uri_host(self.host)}:{self.port} ({self.transport})"


@dataclass(slots=True)
class Request:
    """One request; every sending of it has a branch and a number of its own."""

    method: str
    uri: str
    sender: str
    """Of From, an address without brackets."""
    receiver: str
    """Of To."""
    contact: str = ""
    route: Sequence[str] = ()
    call_id: str = field(default_factory=lambda: f"{secrets.token_hex(12)}@voicebot")
    tag: str = field(default_factory=lambda: secrets.token_hex(6))
    cseq: int = 0

    def text(self, here: Place, headers: Sequence[str] = ()) -> bytes:
        """The next sending of it, from `here`."""
        self.cseq += 1
        via = f"SIP/2.0/{here.transport.upper()} {uri_host(here.host)}:{here.port};rport;branch=z9hG4bK{secrets.token_hex(10)}"
        lines = [
            f"{self.method} {self.uri} SIP/2.0",
            f"Via: {via}",
            "Max-Forwards: 70",
            *(f"Route: <{each}>" for each in self.route),
            f"From: <{self.sender}>;tag={self.tag}",
            f"To: <{self.receiver}>",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} {self.method}",
            *([f"Contact: <{self.contact}>"] if self.contact else []),
            *headers,
            "Content-Length: 0",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    reason: str = ""
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By lower-case names, each value as it came."""

    def number(self, name: str) -> int:
        """The number that a header begins with; 0 when there is none."""
        for value in self.headers.get(name, ()):
            if found := re.match(r"\s*(\d{1,9})", value):
                return int(found[1])
        return 0

    @property
    def challenges(self) -> list[str]:
        """What a 401 or 407 asks for."""
        return [*self.headers.get("www-authenticate", ()), *self.headers.get("proxy-authenticate", ())]

    @property
    def told(self) -> str:
        """For a person: the status and its words, without marks that could steer a terminal."""
        return f"{self.status} {''.join(mark for mark in self.reason if mark.isprintable())}".strip()


def parse_reply(data: bytes, call_id: str, cseq: int) -> Reply | None:
    """The answer in a message, if it answers this request; None for all else."""
    text = data[:_LONGEST].decode("utf-8", "replace")
    head = _FOLD.sub(" ", text.replace("\r\n", "\n").partition("\n\n")[0])
    first, *lines = head.split("\n")
    status = _STATUS.match(first)
    if status is None:
        return None
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if colon:
            headers.setdefault(_SHORT.get(name, name), []).append(value.strip())
    if headers.get("call-id", [""])[0] != call_id or headers.get("cseq", [""])[0].partition(" ")[0] != str(cseq):
        return None
    return Reply(int(status[1]), status[2] or "", headers)
