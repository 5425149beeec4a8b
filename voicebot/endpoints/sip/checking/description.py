"""What a session description (RFC 8866) of the far end says it can do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

# static payload types that need no rtpmap (RFC 3551, table 4)
_STATIC = {"0": "PCMU", "3": "GSM", "8": "PCMA", "9": "G722", "18": "G729"}
_OURS = {"opus", "g722", "pcma", "pcmu"}


@dataclass(frozen=True, slots=True)
class Description:
    """Of the first audio stream."""

    codecs: tuple[str, ...]
    """As it names them, in its order, without telephone-event."""
    key_types: tuple[str, ...]
    """Payload types of telephone-event (RFC 4733)."""
    secure: str
    """"": none; "SDES" or "DTLS"."""
    address: str
    """Where it wants our RTP."""
    port: int
    """0: it refuses audio."""

    @property
    def common(self) -> tuple[str, ...]:
        """Codecs that we have as well."""
        return tuple(each for each in self.codecs if each.lower() in _OURS)

    @property
    def is_private(self) -> bool:
        """The address is of a private network."""
        try:
            return ip_address(self.address).is_private
        except ValueError:
            return False


def described(sdp: str) -> Description | None:
    """None when there is no audio in it."""
    lines = sdp.replace("\r\n", "\n").split("\n")
    at = next((number for number, line in enumerate(lines) if line.startswith("m=audio ")), None)
    if at is None:
        return None
    end = next((number for number in range(at + 1, len(lines)) if lines[number].startswith("m=")), len(lines))
    media = lines[at:end]
    fields = media[0].split()
    if len(fields) < 4:
        return None
    names = dict(_STATIC)
    for line in media:
        if found := re.match(r"a=rtpmap:(\d+) ([^/\s]+)", line):
            names[found[1]] = found[2]
    formats = [(each, names.get(each, each)) for each in fields[3:]]
    address = next((line.split()[2] for line in [*media, *lines[:at]] if line.startswith("c=") and len(line.split()) > 2), "")
    secure = "SDES" if any(line.startswith("a=crypto:") for line in media) else ""
    if any(line.startswith("a=fingerprint:") for line in [*media, *lines[:at]]):
        secure = "DTLS"
    port = fields[1].partition("/")[0]
    return Description(
        tuple(name for _, name in formats if name.lower() not in ("telephone-event", "cn")),
        tuple(number for number, name in formats if name.lower() == "telephone-event"),
        secure,
        address,
        int(port) if port.isdecimal() and len(port) <= len("65535") else 0,
    )
