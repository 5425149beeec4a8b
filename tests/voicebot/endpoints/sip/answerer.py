"""A queue made of raw datagrams: it answers an INVITE with whatever a test tells it to, and speaks and presses like an agent."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable
from typing import Self

from tests.voicebot.endpoints.sip.sip_probe import DEADLINE_S, PCMA, Address, Message, SipWire, Wire, sdp

EVENTS = 101
MEDIA = (*PCMA, f"{EVENTS} telephone-event/8000")
HOST = "127.0.0.1"


class _Socket(Wire):
    """Remembers who sent last."""

    def __init__(self) -> None:
        super().__init__()
        self.peer: Address = (HOST, 0)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.peer = addr
        super().datagram_received(data, addr)


class _SipSocket(SipWire, _Socket):
    """The same for SIP alone."""


class Queue:
    """One agent's telephone; one call at a time."""

    def __init__(self, sip: _SipSocket, rtp: _Socket, host: str) -> None:
        self._sip, self.rtp, self._host = sip, rtp, host
        self._tag = secrets.token_hex(4)
        self.invite: Message | None = None
        self.talking: asyncio.Task[None] | None = None
        self._sequence = itertools.count(1)
        self._timestamp = 0
        self._cseq = 100
        self._seen: set[str] = set()
        self._key_at = b""

    @classmethod
    async def open(cls, host: str = HOST) -> Self:
        return cls(await _SipSocket.open(host), await _Socket.open(host), host)

    async def close(self) -> None:
        if self.talking is not None:
            self.talking.cancel()
        self._sip.close()
        self.rtp.close()

    @property
    def address(self) -> str:
        """As `handoff.address`."""
        return f"sip:{{queue}}@{self._host}:{self._sip.port}"

    # ---------------------------------------------------------------- SIP

    async def called(self) -> Message:
        """The next INVITE of a new call."""
        self.invite = await self._next(lambda found: found.method == "INVITE" and found.headers["call-id"] not in self._seen)
        self._seen.add(self.invite.headers["call-id"])
        return self.invite

    def say(self, status: str, *, body: str = "", headers: tuple[str, ...] = (), to: Message | None = None) -> None:
        """Answer the INVITE (or `to`): "486 Busy Here"."""
        request = to or self.invite
        assert request is not None
        their_to = request.headers["to"]
        tagged = their_to if ";tag=" in their_to or status.startswith("100") else f"{their_to};tag={self._tag}"
        names = {"via": "Via", "from": "From", "call-id": "Call-ID", "cseq": "CSeq"}
        lines = [f"SIP/2.0 {status}", *(f"{name}: {request.headers[key]}" for key, name in names.items()), f"To: {tagged}"]
        lines += [f"Contact: <sip:agent@{self._host}:{self._sip.port}>", *headers]
        if body:
            lines.append("Content-Type: application/sdp")
        self._send("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body)

    async def answer(self, *, talk: bool = True, formats: tuple[str, ...] = MEDIA) -> None:
        """Pick up, and wait for the ACK."""
        self.say("200 OK", body=sdp(self._host, self.rtp.port, formats))
        await self._next(lambda found: found.method == "ACK")
        if talk:
            self.talk()

    async def hung_up_on(self) -> Message:
        """Wait for the BYE or CANCEL, and agree."""
        end = await self._next(lambda found: found.method in ("BYE", "CANCEL"))
        self.say("200 OK", to=end)
        if end.method == "CANCEL":
            self.say("487 Request Terminated")
        return end

    async def hang_up(self) -> None:
        self._request("BYE")
        await self._next(lambda found: found.method == "BYE" and found.status == 200, answers=True)

    async def hold(self, *, on: bool = True) -> None:
        """Re-INVITE: hold the call, or take it back."""
        self._request("INVITE", sdp(self._host, self.rtp.port, MEDIA, extra=("a=sendonly" if on else "a=sendrecv",)))
        answer = await self._next(lambda found: found.method == "INVITE" and found.status == 200, answers=True)
        self._request("ACK", cseq=int(answer.headers["cseq"].split(" ")[0]))

    def _request(self, method: str, body: str = "", cseq: int = 0, headers: tuple[str, ...] = ()) -> None:
        assert self.invite is not None
        if not cseq:
            self._cseq += 1
        uri = self.invite.headers["contact"].split("<")[1].split(">")[0]
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host}:{self._sip.port};branch=z9hG4bK{secrets.token_hex(6)}",
            f"From: {self.invite.headers['to']};tag={self._tag}",
            f"To: {self.invite.headers['from']}",
            f"Call-ID: {self.invite.headers['call-id']}",
            f"CSeq: {cseq or self._cseq} {method}",
            f"Contact: <sip:agent@{self._host}:{self._sip.port}>",
            "Max-Forwards: 70",
            *headers,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._send("\r\n".join(lines) + "\r\n\r\n" + body)

    def _send(self, text: str) -> None:
        self._sip.send(text.encode(), self._sip.peer)

    async def _next(self, wanted: Callable[[Message], bool], *, answers: bool = False) -> Message:
        """The next request (or answer) that is wanted; others are passed over."""
        async with asyncio.timeout(8 * DEADLINE_S):  # a whisper is said twice
            while True:
                found = Message.parse(await self._sip.received.get())
                if bool(found.status) == answers and wanted(found):
                    return found

    # ---------------------------------------------------------------- RTP

    @property
    def _media(self) -> Address:
        assert self.invite is not None
        return (self._host, self.invite.rtp_port)

    def talk(self) -> None:
        """A steady loud tone, until `fall_silent`."""
        self.talking = asyncio.get_running_loop().create_task(self._talk())

    def fall_silent(self) -> None:
        if self.talking is not None:
            self.talking.cancel()

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time()
        wave = bytes(0x2A ^ (0x80 if i // 4 % 2 else 0) for i in range(160))  # 1 kHz: the probe's is 400 Hz
        while True:
            self._packet(8, wave)
            self._timestamp += 160
            at += 0.02
            await asyncio.sleep(max(0.0, at - loop.time()))

    async def press(self, key: str) -> None:
        """RFC 4733, at the pace of a telephone."""
        event = "0123456789*#".index(key)
        for at, (end, duration) in enumerate([(0, 160), (0, 320), (0, 480), (1, 640), (1, 640), (1, 640)]):
            self._packet(EVENTS, bytes((event, end << 7 | 10)) + duration.to_bytes(2, "big"), marker=at == 0)
            await asyncio.sleep(0.02)
        self._timestamp += 640

    async def heard_key(self) -> str:
        """The next key that reaches us."""
        async with asyncio.timeout(DEADLINE_S):
            while (packet := await self.rtp.received.get())[1] & 0x7F != EVENTS or packet[4:8] == self._key_at:
                pass
            self._key_at = packet[4:8]  # an event has one timestamp (RFC 4733, 2.3)
            return "0123456789*#"[packet[12]]

    def _packet(self, payload_type: int, payload: bytes, *, marker: bool = False) -> None:
        head = bytes((0x80, int(marker) << 7 | payload_type)) + (next(self._sequence) & 0xFFFF).to_bytes(2, "big")
        self.rtp.send(head + self._timestamp.to_bytes(4, "big") + b"agnt" + payload, self._media)
