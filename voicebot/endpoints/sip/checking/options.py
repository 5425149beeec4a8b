"""An OPTIONS request (RFC 3261, 11) from a socket of our own, so that it can be sent while the service runs, and its answer."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal

from voicebot.hosts import family_of, uri_host

Transport = Literal["udp", "tcp", "tls"]
T1_S = 0.5
_MOST_BYTES = 65_536
_MOST_BODY = 1_000_000
_MOST_WORDS = 80
_VIA_PARAMETER = re.compile(r";[ \t]*(received|rport)[ \t]*=[ \t]*([^\s;,]+)", re.IGNORECASE)
_BRANCH = re.compile(r";[ \t]*branch[ \t]*=[ \t]*([^\s;,]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,19})", re.IGNORECASE | re.MULTILINE)
_SHORT = {"v": "via", "c": "content-type", "i": "call-id", "m": "contact"}  # RFC 3261, 7.3.3


class NoAnswer(Exception):
    """Nothing came back, or no connection. The message says what was seen."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response."""

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
        return host, int(port) if port.isdecimal() and len(port) <= len("65535") else self.local[1]

    def belongs_to(self, asked: bytes) -> bool:
        """Whether it answers this request of ours (RFC 3261, 17.1.3), and is not an answer to another one, or made up."""
        ours, theirs = _read_headers(asked.decode().split("\r\n")[1:]), self.headers
        return all(theirs.get(name, "").split() == ours[name].split() for name in ("call-id", "cseq")) and _branch_of(
            theirs
        ) == _branch_of(ours)


@dataclass(slots=True)
class _Heard:
    """What came in place of a final answer."""

    provisional: str = ""
    foreign: int = 0
    """Answers to requests that are not ours."""
    unread: int = 0
    """Messages that are no SIP response."""

    def final(self, reply: Reply | None, asked: bytes) -> bool:
        """Whether this is the answer that was waited for; anything else is noted."""
        if reply is None:
            self.unread += 1
        elif not reply.belongs_to(asked):
            self.foreign += 1
        elif reply.status < 200:
            self.provisional = f"{reply.status} {reply.reason}".strip()
        else:
            return True
        return False

    def __str__(self) -> str:
        told = [f"only {self.provisional}"] if self.provisional else []
        if self.foreign:
            told.append(f"{self.foreign} that answer another request: Via, Call-ID or CSeq is not ours")
        if self.unread:
            told.append(f"{self.unread} that are no SIP response")
        return "".join(f"; {each}" for each in told)


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
    return Reply(int(found[1]), found[2].strip()[:_MOST_WORDS], round_trip_s, local, _read_headers(lines), body)


def _read_headers(lines: Sequence[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        headers.setdefault(_SHORT.get(name, name), value.strip())
    return headers


def _branch_of(headers: Mapping[str, str]) -> str:
    """Of the topmost Via: the name of the transaction (RFC 3261, 8.1.1.7)."""
    found = _BRANCH.search(headers.get("via", ""))
    return found[1] if found else ""


async def ask(
    target: tuple[str, int], transport: Transport, *, host: str, user: str, timeout_s: float, tls: ssl.SSLContext | None = None
) -> Reply:
    """The final answer of `target` (IP address and port). `host` is the address to send from. Raises NoAnswer."""
    heard = _Heard()
    try:
        async with asyncio.timeout(timeout_s):
            if transport == "udp":
                return await _by_udp(target, host, user, heard)
            return await _by_stream(target, transport, host, user, tls, heard)
    except TimeoutError:
        raise NoAnswer(f"no answer within {timeout_s:.0f} s{heard}") from None
    except ssl.SSLError as error:
        raise NoAnswer(f"TLS: {error.reason or error}") from None
    except OSError as error:
        raise NoAnswer(reason(error)) from None


async def _by_udp(target: tuple[str, int], host: str, user: str, heard: _Heard) -> Reply:
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
                if heard.final(reply, data) and reply is not None:
                    return reply
            wait = min(2 * wait, 4.0)


async def _by_stream(
    target: tuple[str, int], transport: Transport, host: str, user: str, tls: ssl.SSLContext | None, heard: _Heard
) -> Reply:
    reader, writer = await asyncio.open_connection(*target, local_addr=(host, 0), ssl=tls, limit=_MOST_BYTES)
    try:
        local = writer.get_extra_info("sockname")[:2]
        began = time.monotonic()
        data = request(target, transport, local, user)
        writer.write(data)
        await writer.drain()
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if length and int(length[1]) > _MOST_BODY:
                raise NoAnswer(f"what it sends claims to be {int(length[1])} octets long")
            body = await reader.readexactly(int(length[1])) if length else b""
            reply = parse_reply(head + body, time.monotonic() - began, local)
            if heard.final(reply, data) and reply is not None:
                return reply
    except asyncio.IncompleteReadError:
        raise NoAnswer(f"the connection was closed without an answer{heard}") from None
    except asyncio.LimitOverrunError:
        raise NoAnswer(f"{_MOST_BYTES} octets came without the end of a SIP message's head") from None
    finally:
        writer.transport.abort()  # nobody waits for a far end that does not close
