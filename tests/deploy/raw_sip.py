"""Far ends of the edge made of raw datagrams: a trunk that says what a test tells it to, and a bot that answers as ours does."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from typing import Self

HOST = "127.0.0.1"
RTP_PORT = 24000
_COPIED = ("via", "from", "to", "call-id", "cseq", "record-route")


def sdp(port: int) -> str:
    """An audio call with A-law at this port."""
    lines = (
        "v=0",
        f"o=- 1 1 IN IP4 {HOST}",
        "s=-",
        f"c=IN IP4 {HOST}",
        "t=0 0",
        f"m=audio {port} RTP/AVP 8",
        "a=rtpmap:8 PCMA/8000",
    )
    return "".join(f"{line}\r\n" for line in lines)


def media_port(message: str) -> int:
    """Where its SDP wants RTP."""
    return int(message.partition("m=audio ")[2].split(" ")[0])


def fields(message: str, name: str) -> list[str]:
    """The values of a header, in order."""
    head = message.partition("\r\n\r\n")[0]
    lines = [line.partition(":") for line in head.split("\r\n")[1:]]
    return [value.strip() for each, _, value in lines if each.strip().lower() == name]


def field(message: str, name: str) -> str:
    """The first value of a header, empty when there is none."""
    return next(iter(fields(message, name)), "")


def answer(request: str, status: str, *, tag: str, more: tuple[str, ...] = (), body: str = "") -> str:
    """A response to the request; `status` is like "200 OK"."""
    lines = [f"SIP/2.0 {status}"]
    for name in _COPIED:
        for value in fields(request, name):
            if name == "to" and "tag=" not in value:
                value = f"{value};tag={tag}"
            lines.append(f"{name}: {value}")
    return _message(lines, more, body)


def _message(lines: list[str], more: tuple[str, ...], body: str) -> str:
    kind = ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([*lines, *more, *kind, f"Content-Length: {len(body)}", "", body])


class FarEnd(asyncio.DatagramProtocol):
    """A UDP socket; what comes is kept."""

    def __init__(self) -> None:
        self.transport: asyncio.DatagramTransport | None = None
        self.received: list[str] = []
        self.rtp_port = RTP_PORT
        """What its SDP says."""
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = data.decode(errors="replace")
        self.received.append(message)
        self._news.set()
        self.took(message, addr)

    def took(self, message: str, addr: tuple[str, int]) -> None:
        """What a far end does with it."""

    @classmethod
    async def open(cls) -> Self:
        _, end = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=(HOST, 0))
        return end

    @property
    def port(self) -> int:
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])

    @property
    def uri(self) -> str:
        return f"sip:{HOST}:{self.port}"

    def send(self, message: str, port: int) -> None:
        assert self.transport is not None
        self.transport.sendto(message.encode(), (HOST, port))

    def seen(self, start: str) -> list[str]:
        """The messages whose first line begins so."""
        return [message for message in self.received if message.startswith(start)]

    async def until(self, start: str, within_s: float = 20.0, *, count: int = 1) -> str:
        """The message number `count` whose first line begins so. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while len(self.seen(start)) < count:
                self._news.clear()
                await self._news.wait()
        return self.seen(start)[count - 1]

    def close(self) -> None:
        assert self.transport is not None
        self.transport.close()


class RawTrunk(FarEnd):
    """Sends requests to the edge."""

    def __init__(self) -> None:
        super().__init__()
        self._cseq = itertools.count(1)

    def ask(self, method: str, port: int, *more: str, to: str = "") -> str:
        """Send a request that begins something new, to the hotline unless `to` is given; its text."""
        request = self.request(method, port, *more, to=to)
        self.send(request, port)
        return request

    def request(self, method: str, port: int, *more: str, to: str = "") -> str:
        """Such a request, not sent."""
        number = next(self._cseq)
        lines = [
            f"{method} {to or f'sip:+48225550100@{HOST}:{port}'} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{self.port};branch=z9hG4bK{secrets.token_hex(8)}",
            "Max-Forwards: 70",
            f"From: <sip:+48600100200@{HOST}>;tag={secrets.token_hex(4)}",
            f"To: <sip:+48225550100@{HOST}:{port}>",
            f"Call-ID: {secrets.token_hex(8)}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:trunk@{HOST}:{self.port}>",
        ]
        return _message(lines, more, sdp(self.rtp_port) if method == "INVITE" else "")

    def cancel(self, invite: str, port: int) -> None:
        """Give up an INVITE that is not answered yet (RFC 3261, 9.1)."""
        lines = [invite.split("\r\n")[0].replace("INVITE", "CANCEL")]
        lines += [f"{name}: {field(invite, name)}" for name in ("via", "max-forwards", "from", "to", "call-id")]
        self.send(_message([*lines, f"CSeq: {field(invite, 'cseq').split()[0]} CANCEL"], (), ""), port)

    def within(self, method: str, accepted: str, port: int, cseq: str) -> None:
        """A request within the call that this 200 set up."""
        target = field(accepted, "contact").strip("<>")
        lines = [f"{method} {target} SIP/2.0", f"Via: SIP/2.0/UDP {HOST}:{self.port};branch=z9hG4bK{secrets.token_hex(8)}"]
        lines += ["Max-Forwards: 70", *(f"Route: {route}" for route in reversed(fields(accepted, "record-route")))]
        lines += [f"{name}: {field(accepted, name)}" for name in ("from", "to", "call-id")]
        self.send(_message([*lines, f"CSeq: {cseq} {method}"], (), ""), port)


class RawBot(FarEnd):
    """Answers OPTIONS and INVITE with a status of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.options, self.invite, self.within_call = "200 OK", "200 OK", "200 OK"
        """The empty text is silence; `within_call` is for OPTIONS of a call."""

    def took(self, message: str, addr: tuple[str, int]) -> None:
        method = message.split(" ", 1)[0]
        if method == "CANCEL":
            self._answer(self.seen("INVITE")[-1], "487 Request Terminated", addr)
        if method in ("SIP/2.0", "ACK"):
            return
        options = self.within_call if "tag=" in field(message, "to") else self.options
        status = {"OPTIONS": options, "INVITE": self.invite}.get(method, "200 OK")
        if status:
            self._answer(message, status, addr, sdp(self.rtp_port) if (method, status[0]) == ("INVITE", "2") else "")

    def _answer(self, request: str, status: str, addr: tuple[str, int], body: str = "") -> None:
        contact = (f"Contact: <sip:bot@{HOST}:{self.port}>",)
        assert self.transport is not None
        self.transport.sendto(answer(request, status, tag="bot", more=contact, body=body).encode(), addr)
