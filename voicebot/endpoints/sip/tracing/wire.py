"""One message on the wire, as it is kept: when, from where to where, and its masked text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from voicebot.endpoints.sip.trace import SipMessage
from voicebot.endpoints.sip.tracing.masking import masked

_FIRST_LINE = re.compile(r"(?P<way>RX|TX) (?P<transport>\S+) (?P<source>\S+) -> (?P<target>\S+)\s*$")
_CALL_REF = re.compile(r"^X-Call-Ref[ \t]*:[ \t]*(\S{1,255})[ \t]*$", re.MULTILINE | re.IGNORECASE)
_STATUS = re.compile(r"SIP/2\.0 (\d{3}[^\n]*)")

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class WireMessage:
    """A SIP message. Addresses are (IP, port)."""

    at: float
    """Unix time."""
    received: bool
    transport: str
    """UDP, TCP or TLS."""
    source: Address
    target: Address
    text: str
    """Masked, with plain line ends."""

    @property
    def far(self) -> Address:
        """The other side's address."""
        return self.source if self.received else self.target

    @property
    def call_ref(self) -> str:
        """Of X-Call-Ref in an INVITE; "" where there is none."""
        found = _CALL_REF.search(self.text) if self.text.startswith("INVITE") else None
        return found[1] if found else ""

    @property
    def label(self) -> str:
        """What a ladder shows: "INVITE (SDP)", "200 OK (INVITE)"."""
        head, _, body = self.text.partition("\n\n")
        response = _STATUS.match(head)
        method = re.search(r"^CSeq:\s*\d+\s+(\S+)", head, re.MULTILINE | re.IGNORECASE)
        name = f"{response[1].strip()} ({method[1] if method else '?'})" if response else head.partition(" ")[0]
        if body.startswith("v="):
            return f"{name} SDP"
        return f"{name} {body.partition(chr(10))[0].removeprefix('SIP/2.0 ')}" if body.startswith("SIP/2.0") else name


def captured(at: float, record: str) -> WireMessage | None:
    """A record of the stack's trace; None when it is none."""
    first, _, text = record.partition("\n")
    way = _FIRST_LINE.match(first)
    if way is None:
        return None
    source, target = _address(way["source"]), _address(way["target"])
    return WireMessage(at, way["way"] == "RX", way["transport"].upper(), source, target, masked(text))


class WireTap:
    """Hears the stack's trace on its log thread (`SipTrace.taps`), and hands each message, masked once, to all who keep it."""

    def __init__(self, *receivers: Callable[[WireMessage, SipMessage], None]) -> None:
        self._receivers = receivers

    def __call__(self, at: float, record: str, said: SipMessage) -> None:
        """One record of the trace, at a unix time."""
        message = captured(at, record) if said.call_id else None
        if message is not None:
            for receive in self._receivers:
                receive(message, said)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port) if port.isdecimal() else 0
