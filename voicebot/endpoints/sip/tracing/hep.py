"""A copy of every SIP message for Homer: HEP version 3 over UDP (the HEP3 network protocol specification, rev. 38).

What is sent is masked as the trace is. Nothing waits for the collector: what cannot be sent at once is counted and forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

from voicebot.endpoints.sip.trace import SipMessage
from voicebot.endpoints.sip.tracing.masking import identifier
from voicebot.endpoints.sip.tracing.pcap import wire_bytes
from voicebot.endpoints.sip.tracing.settings import HepSettings
from voicebot.endpoints.sip.tracing.wire import WireMessage
from voicebot.tasks import cancelled

log = logging.getLogger(__name__)

_GENERIC = 0  # the vendor id of the chunks that the specification defines
_FAMILY, _PROTOCOL, _SOURCE4, _TARGET4, _SOURCE6, _TARGET6, _SOURCE_PORT, _TARGET_PORT = range(1, 9)
_SECONDS, _MICROS, _KIND, _AGENT = 0x09, 0x0A, 0x0B, 0x0C
_KEY, _PAYLOAD, _CORRELATION = 0x0E, 0x0F, 0x11
_AF_INET, _AF_INET6, _SIP = 2, 10, 1
_IP_PROTOCOLS = {"UDP": 17, "TCP": 6, "TLS": 6}
_MOST_BYTES = 65_000
_AGAIN_S, _FRESH_S = 10.0, 300.0


def packet(message: WireMessage, call_id: str, settings: HepSettings) -> bytes:
    """One HEP3 packet."""
    here, there = ip_address(message.source[0]), ip_address(message.target[0])
    seconds = int(message.at)
    six = here.version == 6
    chunks = [
        _chunk(_FAMILY, struct.pack("!B", _AF_INET6 if six else _AF_INET)),
        _chunk(_PROTOCOL, struct.pack("!B", _IP_PROTOCOLS.get(message.transport, 17))),
        _chunk(_SOURCE6 if six else _SOURCE4, here.packed),
        _chunk(_TARGET6 if six else _TARGET4, there.packed),
        _chunk(_SOURCE_PORT, struct.pack("!H", message.source[1])),
        _chunk(_TARGET_PORT, struct.pack("!H", message.target[1])),
        _chunk(_SECONDS, struct.pack("!I", seconds)),
        _chunk(_MICROS, struct.pack("!I", int((message.at - seconds) * 1_000_000))),
        _chunk(_KIND, struct.pack("!B", _SIP)),
        _chunk(_AGENT, struct.pack("!I", settings.node_id)),
        _chunk(_CORRELATION, identifier(call_id).encode()[:255]),
    ]
    if settings.password is not None:
        chunks.append(_chunk(_KEY, settings.password.get_secret_value().encode()))
    chunks.append(_chunk(_PAYLOAD, wire_bytes(message.text)[: _MOST_BYTES - sum(map(len, chunks))]))
    body = b"".join(chunks)
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


def _chunk(kind: int, value: bytes) -> bytes:
    return struct.pack("!HHH", _GENERIC, kind, 6 + len(value)) + value


class HepSender:
    """Sends packets to the collector from whatever thread, and never waits."""

    def __init__(self, settings: HepSettings) -> None:
        self.sent = 0
        self.lost = 0
        """Packets that could not be sent: no address yet, no room, nobody there."""
        self._settings = settings
        self._socket: socket.socket | None = None

    def wire(self, message: WireMessage, said: SipMessage) -> None:
        """Send a copy."""
        sock = self._socket
        if sock is None:
            self.lost += 1
            return
        try:
            sock.send(packet(message, said.call_id, self._settings))
            self.sent += 1
        except (OSError, ValueError):  # full, refused, closed meanwhile; an address that is none
            self.lost += 1

    async def keep_connected(self) -> None:
        """Look the collector's address up now and again: a name may move."""
        known: Any = None
        warned = False
        while True:
            found = await self._looked_up()
            if found is None and not warned:
                log.warning("sip.hep: %s cannot be resolved; SIP messages are not sent to it meanwhile", self._settings.address)
            warned = found is None
            if found is not None and found != known and self._connect(*found):
                known = found
            await asyncio.sleep(_FRESH_S if self._socket is not None else _AGAIN_S)

    async def _looked_up(self) -> tuple[int, Any] | None:
        with contextlib.suppress(OSError):
            loop = asyncio.get_running_loop()
            family, _, _, _, address = (
                await loop.getaddrinfo(self._settings.address, self._settings.port, type=socket.SOCK_DGRAM)
            )[0]
            return family, address
        return None

    def _connect(self, family: int, address: Any) -> bool:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.connect(address)
        except OSError as error:
            sock.close()
            log.warning("sip.hep: %s cannot be reached: %s", self._settings.address, error.strerror)
            return False
        before, self._socket = self._socket, sock
        if before is not None:
            before.close()
        return True

    def close(self) -> None:
        """Send no more."""
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()


@asynccontextmanager
async def hep_sender(settings: HepSettings) -> AsyncIterator[HepSender]:
    """A sender while the context lasts."""
    sender = HepSender(settings)
    keeping = asyncio.create_task(sender.keep_connected(), name="hep")
    try:
        yield sender
    finally:
        await cancelled(keeping)
        sender.close()
