"""The SIP messages of a call as a capture file for Wireshark: classic pcap, Ethernet, IP, UDP.

The stack hands over messages, not packets, so the headers are made up: every message is one UDP datagram with the true addresses
and time, also where it went by TCP or TLS. There is never audio in it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from voicebot.endpoints.sip.tracing.wire import Address, WireMessage

_MAGIC, _ETHERNET, _SNAP = 0xA1B2C3D4, 1, 0x40000
_MAC = bytes.fromhex("020000000002020000000001")  # locally administered, target and source
_UDP = 17
_MOST_PAYLOAD = 65_000


def as_pcap(messages: Iterable[WireMessage]) -> bytes:
    """The whole file, in the order of time."""
    ordered = sorted(messages, key=lambda message: message.at)
    return capture_file((each.at, udp_frame(each.source, each.target, wire_bytes(each.text)[:_MOST_PAYLOAD])) for each in ordered)


def capture_file(frames: Iterable[tuple[float, bytes]]) -> bytes:
    """Ethernet frames with their unix times."""
    head = struct.pack("=IHHiIII", _MAGIC, 2, 4, 0, 0, _SNAP, _ETHERNET)
    return head + b"".join(_record(at, frame) for at, frame in frames)


def wire_bytes(text: str) -> bytes:
    """A message with the line ends of RFC 3261, and the blank line that ends a head without a body. Where masking has changed
    the body's length, Content-Length says the new one.
    """
    head, _, body = text.partition("\n\n")
    content = body.strip("\n").replace("\n", "\r\n").encode()
    content += b"\r\n" if content else b""
    lines = [
        f"{name}: {len(content)}" if (name := line.partition(":")[0]).lower() in ("content-length", "l") else line
        for line in head.split("\n")
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def _record(at: float, frame: bytes) -> bytes:
    seconds = int(at)
    micros = int((at - seconds) * 1_000_000)
    return struct.pack("=IIII", seconds, micros, len(frame), len(frame)) + frame


def udp_frame(source: Address, target: Address, payload: bytes) -> bytes:
    """A datagram with its headers, IPv6 where either address is."""
    here, there = ip_address(source[0]), ip_address(target[0])
    length = 8 + len(payload)
    udp = struct.pack("!HHHH", source[1], target[1], length, 0)
    if isinstance(here, IPv4Address) and isinstance(there, IPv4Address):
        header = _ip4(here, there, length, _checksum(_ip4(here, there, length, 0)))
        return _MAC + b"\x08\x00" + header + udp + payload
    six = [address if isinstance(address, IPv6Address) else IPv6Address(f"::ffff:{address}") for address in (here, there)]
    pseudo = six[0].packed + six[1].packed + struct.pack("!II", length, _UDP)
    checksum = _checksum(pseudo + udp + payload) or 0xFFFF  # IPv6 has no UDP without one (RFC 8200, 8.1)
    udp = struct.pack("!HHHH", source[1], target[1], length, checksum)
    header = struct.pack("!IHBB", 6 << 28, length, _UDP, 64) + six[0].packed + six[1].packed
    return _MAC + b"\x86\xdd" + header + udp + payload


def _ip4(source: IPv4Address, target: IPv4Address, length: int, checksum: int) -> bytes:
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, _UDP, checksum) + source.packed + target.packed


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = int(sum(struct.unpack(f"!{len(data) // 2}H", data)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
