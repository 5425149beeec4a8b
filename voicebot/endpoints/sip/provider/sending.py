"""A request on its way: by UDP from the address that the stack listens on, by TCP or TLS from one of its own.

By UDP the registrar sees the port that calls are to come to, and a NAT on the way keeps it open.
The stack owns that socket and reads it; what it reads it tells in its trace (`SipTrace.watch_text`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from voicebot.endpoints.sip.provider.messages import Place, Reply, Request, parse_reply

_LONGEST = 65_535


class NoReply(Exception):
    """Raised when nobody answers; the text says what was seen instead."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take (seconds; RFC 3261, 17.1.2.2)."""

    t1_s: float = 0.5
    """The first repetition by UDP comes after so long, each further one after twice as long."""
    t2_s: float = 4.0
    """But never after more than this."""
    give_up_s: float = 8.0
    """So long an answer is waited for: less than 64*T1, because another address, or another try, is better than waiting."""


class Datagrams(Protocol):
    """A socket that somebody listens on."""

    def send(self, data: bytes, host: str, port: int) -> None:
        """Send. Raises OSError."""
        ...

    def replies(self, call_id: str, take: Callable[[bytes], None]) -> contextlib.AbstractContextManager[None]:
        """While the context lasts, `take` gets what comes in with this Call-ID."""
        ...


class Sender:
    """Sends requests and waits for their answers."""

    def __init__(self, datagrams: Datagrams, *, ca: Path | None = None, pace: Pace | None = None) -> None:
        """`ca` is a PEM file of who vouches for certificates, None: those that the machine trusts."""
        self._datagrams = datagrams
        self._ca = ca
        self._pace = pace or Pace()

    async def send(self, request: Request, here: Place, to: Place, headers: tuple[str, ...] = ()) -> Reply:
        """The final answer. Raises NoReply."""
        data = request.text(here, headers)
        try:
            async with asyncio.timeout(self._pace.give_up_s):
                if to.transport == "udp":
                    return await self._by_datagram(request, data, to)
                return await self._by_stream(request, data, to)
        except TimeoutError:
            raise NoReply(f"{to} does not answer") from None
        except ssl.SSLError as error:
            raise NoReply(f"{to} is not trusted: {error.reason or error}") from None
        except OSError as error:
            raise NoReply(f"{to} cannot be reached: {error.strerror or error}") from None

    async def _by_datagram(self, request: Request, data: bytes, to: Place) -> Reply:
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def take(received: bytes) -> None:
            reply = parse_reply(received, request.call_id, request.cseq)
            if reply is not None and reply.status >= 200 and not answer.done():
                answer.set_result(reply)

        wait = self._pace.t1_s
        with self._datagrams.replies(request.call_id, take):
            while True:
                self._datagrams.send(data, to.host, to.port)
                done, _ = await asyncio.wait((answer,), timeout=wait)
                if done:
                    return answer.result()
                wait = min(2 * wait, self._pace.t2_s)

    async def _by_stream(self, request: Request, data: bytes, to: Place) -> Reply:
        trust = ssl.create_default_context(cafile=self._ca) if to.transport == "tls" else None
        name = (to.name or to.host) if trust is not None else None
        reader, writer = await asyncio.open_connection(to.host, to.port, ssl=trust, server_hostname=name, limit=_LONGEST)
        try:
            writer.write(data)
            await writer.drain()
            while True:
                reply = parse_reply(await _message(reader), request.call_id, request.cseq)
                if reply is not None and reply.status >= 200:
                    return reply
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            raise NoReply(f"{to} ended the connection") from None
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1.0)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One message with its body (RFC 3261, 18.3). Raises IncompleteReadError, LimitOverrunError, ValueError."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() in ("content-length", "l"):
            length = int(value)
    if not 0 <= length <= _LONGEST:
        raise ValueError("no length")
    return head + await reader.readexactly(length)


def source_towards(host: str) -> str:
    """The address of this machine that packets to `host` leave from. Raises OSError."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        return str(probe.getsockname()[0])
