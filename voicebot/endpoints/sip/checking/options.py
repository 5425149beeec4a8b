"""An OPTIONS request (RFC 3261, 11) from a socket of our own, so that it can be sent while the service runs, and its answer."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal

from voicebot.hosts import family_of, uri_host

Transport = Literal["udp", "tcp", "tls"]
T1_S = 0.5
_MOST_BYTES = 65_536
_VIA_PARAMETER = re.compile(r";[ \t]*(received|rport)[ \t]*=[ \t]*([^\s;,]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,6})", re.IGNORECASE | re.MULTILINE)


class NoAnswer(Exception):
    """Nothing came back, or no connection. The message says what was seen."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A final response to our OPTIONS."""

    status: int
    reason: str
    round_trip_s: float
    local: tuple[str, int]
    """Our own end of the socket."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case; of a repeated one the first."""
    body: str = ""

    @property
    def seen_as(self) -> tuple[str, int] | None:
        """The address that our packet came from, as the far end saw it (RFC 3581); None when it does not tell."""
        found = {name.lower(): value for name, value in _VIA_PARAMETER.findall(self.headers.get("via", ""))}
        if "received" not in found and "rport" not in found:
            return None
        host, port = found.get("received", self.local[0]).strip("[]"), found.get("rport", "")
        try:
            ip_address(host)
        except ValueError:
            return None
        return host, int(port) if port.isdecimal() else self.local[1]


def reason(error: OSError) -> str:
    """The system's own words: asyncio puts the address before them."""
    return os.strerror(error.errno) if error.errno else str(error)


def request(target: tuple[str, int], transport: Transport, local: tuple[str, int], user: str) -> bytes:
    """The request, which asks for a description of what the far end can do."""
    here, there = uri_host(local[0]), uri_host(target[0])
    lines = (
        f"OPTIONS sip:{there}:{target[1]} SIP/2.0",
        f"Via: SIP/2.0/{transport.upper()} {here}:{local[1]};branch=z9hG4bK{secrets.token_hex(8)};rport",
        "Max-Forwards: 70",
        f"From: <sip:{user}@{here}>;tag={secrets.token_hex(6)}",
        f"To: <sip:{there}:{target[1]}>",
        f"Call-ID: {secrets.token_hex(10)}@check",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:{user}@{here}:{local[1]};transport={transport}>",
        "Accept: application/sdp",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def parse_reply(data: bytes, round_trip_s: float, local: tuple[str, int]) -> Reply | None:
    """A response; None for anything else."""
    head, _, body = data.decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")
    start, *lines = re.sub(r"\n[ \t]+", " ", head).split("\n")
    found = re.match(r"SIP/2\.0 (\d{3}) ?(.*)", start)
    if found is None:
        return None
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault({"v": "via", "c": "content-type"}.get(name.strip().lower(), name.strip().lower()), value.strip())
    return Reply(int(found[1]), found[2].strip(), round_trip_s, local, headers, body)


async def ask(
    target: tuple[str, int], transport: Transport, *, host: str, user: str, timeout_s: float, tls: ssl.SSLContext | None = None
) -> Reply:
    """The final answer of `target` (IP address and port). `host` is the address to send from. Raises NoAnswer."""
    try:
        async with asyncio.timeout(timeout_s):
            if transport == "udp":
                return await _by_udp(target, host, user)
            return await _by_stream(target, transport, host, user, tls)
    except TimeoutError:
        raise NoAnswer(f"no answer within {timeout_s:.0f} s") from None
    except ssl.SSLError as error:
        raise NoAnswer(f"TLS: {error.reason or error}") from None
    except OSError as error:
        raise NoAnswer(reason(error)) from None


async def _by_udp(target: tuple[str, int], host: str, user: str) -> Reply:
    """Repeated as RFC 3261, 17.1.2.2 wants it."""
    loop = asyncio.get_running_loop()
    with socket.socket(family_of(target[0]), socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((host, 0))
        sock.connect(target)
        local = sock.getsockname()[:2]
        data, wait = request(target, "udp", local, user), T1_S
        began = time.monotonic()
        while True:
            sent = time.monotonic()
            await loop.sock_sendall(sock, data)
            while (left := sent + wait - time.monotonic()) > 0:
                try:
                    answer = await asyncio.wait_for(loop.sock_recv(sock, _MOST_BYTES), left)
                except TimeoutError:
                    break
                reply = parse_reply(answer, time.monotonic() - began, local)
                if reply is not None and reply.status >= 200:
                    return reply
            wait = min(2 * wait, 4.0)


async def _by_stream(target: tuple[str, int], transport: Transport, host: str, user: str, tls: ssl.SSLContext | None) -> Reply:
    reader, writer = await asyncio.open_connection(*target, local_addr=(host, 0), ssl=tls, limit=_MOST_BYTES)
    try:
        local = writer.get_extra_info("sockname")[:2]
        began = time.monotonic()
        writer.write(request(target, transport, local, user))
        await writer.drain()
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            reply = parse_reply(head + body, time.monotonic() - began, local)
            if reply is not None and reply.status >= 200:
                return reply
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise NoAnswer("the connection was closed without an answer") from None
    finally:
        writer.close()
