"""A far end made of raw datagrams: it says on the wire just what a test tells it to, right or wrong (RFC 3261, 3550, 4733)."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

DEADLINE_S = 5.0
Address = tuple[str, int]

PCMA = ("8 PCMA/8000",)
_LOUD_ALAW = 0x2A  # any code far from A-law's silence, 0xD5


@dataclass(frozen=True)
class Message:
    """A request or response as received. Header names are lower-case; a repeated header keeps its first value."""

    start: str
    headers: Mapping[str, str]
    body: str

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return self.headers["cseq"].split(" ")[1] if self.status else self.start.split(" ")[0]

    @property
    def rtp_port(self) -> int:
        return int(self.body.split("m=audio ")[1].split(" ")[0])

    @classmethod
    def parse(cls, data: bytes) -> Self:
        head, _, body = data.decode().partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        return cls(start, headers, body)


class Wire(asyncio.DatagramProtocol):
    """A UDP socket as a queue."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.received.put_nowait(data)

    def send(self, data: bytes, to: Address) -> None:
        assert self.transport is not None
        self.transport.sendto(data, to)

    @property
    def port(self) -> int:
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])

    @classmethod
    async def open(cls, host: str) -> Self:
        _, wire = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=(host, 0))
        return wire

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


class SipWire(Wire):
    """For SIP alone: sound that a call of another test still sends to a port that is ours now is passed over."""

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if data[:1] < b"\x80":
            super().datagram_received(data, addr)


def sdp(host: str, port: int, formats: tuple[str, ...] = PCMA, *, profile: str = "RTP/AVP", extra: tuple[str, ...] = ()) -> str:
    """An offer; `formats` are rtpmap values: "8 PCMA/8000", "96 telephone-event/8000"."""
    numbers = " ".join(item.split(" ")[0] for item in formats)
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} {profile} {numbers}"]
    lines += [f"a=rtpmap:{item}" for item in formats] + ["a=ptime:20", *extra]
    return "\r\n".join(lines) + "\r\n"


class Probe:
    """One caller's SIP and RTP sockets, and one dialogue at most."""

    tone_hertz = 400.0  # a whole number of periods in a packet

    def __init__(self, target: Address, sip: Wire, rtp: Wire, host: str) -> None:
        self.target, self.sip, self.rtp, self.host = target, sip, rtp, host
        self.call_id = f"{secrets.token_hex(6)}@probe"
        self.tag = secrets.token_hex(4)
        self.to = f"<sip:802@{target[0]}:{target[1]}>"
        self.branch = ""
        self.cseq = 0
        self._sequence = itertools.count(1)
        self._timestamp = 0
        self._ssrc = secrets.randbits(32)
        self._media: Address = target
        self._talking: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, target: Address, host: str = "127.0.0.1") -> Self:
        return cls(target, await SipWire.open(host), await Wire.open(host), host)

    async def close(self) -> None:
        if self._talking is not None:
            self._talking.cancel()
        self.sip.close()
        self.rtp.close()

    # ---------------------------------------------------------------- SIP

    def request(
        self,
        method: str,
        *,
        body: str = "",
        headers: tuple[str, ...] = (),
        cseq: int | None = None,
        branch: str = "",
        uri: str = "",
    ) -> bytes:
        """A request of this dialogue, not sent yet."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        self.branch = branch or f"z9hG4bK{secrets.token_hex(6)}"
        lines = [
            f"{method} {uri or f'sip:802@{self.target[0]}:{self.target[1]}'} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.sip.port};branch={self.branch}",
            f"From: <sip:+48600100200@{self.host}>;tag={self.tag}",
            f"To: {self.to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:probe@{self.host}:{self.sip.port}>",
            "Max-Forwards: 70",
            *headers,
        ]
        if body and not any(line.startswith("Content-Type") for line in headers):
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def send(self, data: bytes) -> None:
        self.sip.send(data, self.target)

    def offer(self, formats: tuple[str, ...] = PCMA, **options: object) -> str:
        return sdp(self.host, self.rtp.port, formats, **options)  # type: ignore[arg-type]

    def invite(self, body: str | None = None, headers: tuple[str, ...] = ()) -> bytes:
        """Send an INVITE with an offer (None: PCMA; "": a late offer); returns it."""
        data = self.request("INVITE", body=self.offer() if body is None else body, headers=headers)
        self.send(data)
        return data

    async def next(self) -> Message:
        return Message.parse(await asyncio.wait_for(self.sip.received.get(), DEADLINE_S))

    async def expect(self, wanted: Callable[[Message], bool]) -> Message:
        """The next message that is wanted; others are passed over."""
        async with asyncio.timeout(DEADLINE_S):
            while not wanted(message := await self.next()):
                pass
        return message

    async def final(self, method: str) -> Message:
        """The final response to `method`; its To tag joins the dialogue, if there is one to begin."""
        message = await self.expect(lambda found: found.status >= 200 and found.method == method)
        if message.status < 300 and method != "OPTIONS":
            self.to = message.headers["to"]
        return message

    async def asked(self, method: str) -> Message:
        """The next request `method` of the far end."""
        return await self.expect(lambda found: not found.status and found.method == method)

    def ack(self, answer: Message, body: str = "") -> None:
        """Acknowledge a final response: a 2xx as a transaction of its own, others in the INVITE's."""
        branch = "" if answer.status < 300 else self.branch
        self.to = answer.headers["to"]
        self.send(self.request("ACK", cseq=int(answer.headers["cseq"].split(" ")[0]), body=body, branch=branch))

    def reply(self, request: Message, status: str, *, body: str = "", headers: tuple[str, ...] = ()) -> None:
        """Answer a request of the far end: "202 Accepted"."""
        names = {"via": "Via", "from": "From", "to": "To", "call-id": "Call-ID", "cseq": "CSeq"}
        lines = [f"SIP/2.0 {status}", *(f"{name}: {request.headers[key]}" for key, name in names.items()), *headers]
        lines.append(f"Contact: <sip:probe@{self.host}:{self.sip.port}>")
        self.send(("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body).encode())

    def notify(self, refer: Message, fragment: str, state: str = "active;expires=60") -> None:
        """Report progress on a REFER: "SIP/2.0 100 Trying"."""
        event = f"Event: refer;id={refer.headers['cseq'].split(' ')[0]}"
        headers = (event, f"Subscription-State: {state}", "Content-Type: message/sipfrag;version=2.0")
        self.send(self.request("NOTIFY", body=fragment + "\r\n", headers=headers))

    async def call(self, body: str | None = None, *, talk: bool = True, headers: tuple[str, ...] = ()) -> Message:
        """A call, answered and acknowledged, with RTP flowing; returns the 200."""
        self.invite(body, headers)
        answer = await self.final("INVITE")
        self.take_up(answer, talk=talk)
        return answer

    def take_up(self, answer: Message, *, talk: bool = True) -> None:
        """Acknowledge the 200 to an INVITE, with RTP flowing from now on."""
        assert answer.status == 200, answer.start
        self.ack(answer)
        self._media = (self.target[0], answer.rtp_port)
        if talk:
            self._talking = asyncio.get_running_loop().create_task(self._talk())

    @property
    def answered(self) -> bool:
        """Whether the far end's tag is known: a BYE can be sent."""
        return ";tag=" in self.to

    async def bye(self) -> Message:
        self.send(self.request("BYE"))
        return await self.final("BYE")

    async def switch_to_pcma(self) -> None:
        """Re-INVITE to PCMA alone, and talk."""
        self.invite(self.offer(PCMA))
        answer = await self.final("INVITE")
        assert answer.status == 200, answer.start
        self.ack(answer)
        self._media = (self.target[0], answer.rtp_port)
        self._talking = asyncio.get_running_loop().create_task(self._talk())

    def fall_silent(self) -> None:
        """Send no more RTP."""
        if self._talking is not None:
            self._talking.cancel()

    # ---------------------------------------------------------------- RTP

    async def _talk(self) -> None:
        """A steady square wave of `tone_hertz` in PCMA, 20 ms a packet."""
        loop = asyncio.get_running_loop()
        at = loop.time()
        half = round(4000 / self.tone_hertz)
        wave = bytes(_LOUD_ALAW ^ (0x80 if i // half % 2 else 0) for i in range(160))
        while True:
            self._rtp(8, wave)
            self._timestamp += 160
            at += 0.02
            await asyncio.sleep(max(0.0, at - loop.time()))

    def press(self, key: str, payload_type: int, copies: int = 1) -> None:
        """One RFC 4733 event: three packets of its course, three of its end, each sent `copies` times, all at once."""
        for packet in self._event(key, payload_type, copies):
            self.rtp.send(packet, self._media)

    async def press_as_a_phone(self, key: str, payload_type: int) -> None:
        """The same at the pace of a phone: a packet every 20 ms."""
        for packet in self._event(key, payload_type, 1):
            self.rtp.send(packet, self._media)
            await asyncio.sleep(0.02)

    def _event(self, key: str, payload_type: int, copies: int) -> list[bytes]:
        event = "0123456789*#".index(key)
        packets = []
        for at, (end, duration) in enumerate([(0, 160), (0, 320), (0, 480), (1, 640), (1, 640), (1, 640)]):
            payload = struct.pack("!BBH", event, end << 7 | 10, duration)
            packets += [self._packet(payload_type, payload, marker=at == 0) for _ in range(copies)]
        self._timestamp += 640
        return packets

    def press_without_end(self, key: str, payload_type: int) -> None:
        """The first packet of a key that is held down."""
        self._rtp(payload_type, struct.pack("!BBH", "0123456789*#".index(key), 10, 160), marker=True)

    def _rtp(self, payload_type: int, payload: bytes, *, marker: bool = False) -> None:
        self.rtp.send(self._packet(payload_type, payload, marker=marker), self._media)

    def _packet(self, payload_type: int, payload: bytes, *, marker: bool) -> bytes:
        head = struct.pack(
            "!BBHII", 0x80, int(marker) << 7 | payload_type, next(self._sequence) & 0xFFFF, self._timestamp, self._ssrc
        )
        return head + payload
