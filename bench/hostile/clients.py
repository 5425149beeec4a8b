"""What attackers and the well-behaved client use to speak HTTP and WebSocket (RFC 6455), octet by octet when they want to."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

CHAT = "/chat/ws?lang=pl"
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
CONTINUATION = 0


@dataclass(frozen=True, slots=True)
class Target:
    """Where the service is, on loopback."""

    web: int
    """Port of the API and the chat."""
    health: int
    """Port of the calls' local socket."""
    token: str
    certificate: Path | None = None
    """With it the web speaks TLS."""

    async def opened(
        self, source: str, *, port: int | None = None, plain: bool = False
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection from this address of loopback, to the web unless `port` says otherwise."""
        tls = None
        if self.certificate is not None and port is None and not plain:
            tls = ssl.create_default_context(cafile=str(self.certificate))
        return await asyncio.open_connection("127.0.0.1", port or self.web, local_addr=(source, 0), ssl=tls)


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    """A whole request, or its beginning when the headers promise more."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered."""

    status: int
    body: bytes
    last: bool
    """It closes the connection."""


async def answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer, one with a length. Raises ConnectionError, IncompleteReadError."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return Answer(int(head.split(b" ", 2)[1]), await reader.readexactly(length), b"\r\nconnection: close" in head)


def upgrade(port: int, *, path: str = CHAT) -> bytes:
    """The opening handshake of a page of the service's own."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    ).encode()


def frame(opcode: int, payload: bytes = b"", *, last: bool = True, compressed: bool = False, length: int | None = None) -> bytes:
    """One masked frame. `length` is what it claims to be; the payload may be less. The mask is zero: the payload as it is."""
    claimed = len(payload) if length is None else length
    first = (0x80 if last else 0) | (0x40 if compressed else 0) | opcode
    if claimed < 126:
        size = bytes([0x80 | claimed])
    elif claimed < 65536:
        size = bytes([0x80 | 126]) + claimed.to_bytes(2, "big")
    else:
        size = bytes([0x80 | 127]) + claimed.to_bytes(8, "big")
    return bytes([first]) + size + bytes(4) + payload


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """The payload of the next frame of the server."""
    _, size = await reader.readexactly(2)
    length = size & 0x7F
    if length >= 126:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
    return await reader.readexactly(length)
