"""Light callers: SIP (RFC 3261) and RTP (RFC 3550) over plain UDP, many in one loop. They say nothing and note what they hear.

When a packet came is told by the kernel (SO_TIMESTAMPNS), so that a measuring process that is late measures no gap of its own.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

FRAME_S = 0.02
_SAMPLES = 160
_PCMA = 8
_SILENCE = b"\xd5" * _SAMPLES  # PCMA (G.711 A-law) zero
_SO_TIMESTAMPNS = 35  # Linux; not among Python's constants
_TIMESPEC = struct.Struct("@qq")
_RTP = struct.Struct("!BBHII")
_READ = 2048
_RESEND_S = (0.5, 1.0, 2.0, 4.0)  # RFC 3261, timer A
_PHASES = 4  # callers do not all send in the same moment
_SETTLE_S = 2.0
_SHORT_CALL_S = 1.0


@dataclass(frozen=True, slots=True)
class CallPlan:
    """So many calls that last, and short ones that begin while they do."""

    host: str
    port: int
    line: str
    """The number that is dialled."""
    calls: int
    seconds: float
    """How long is measured, from when all calls are up."""
    new_every_s: float = 0.5
    first_number: int = 0
    """Callers have numbers of their own, counted from here."""
    source: str = "127.0.0.1"
    """The address of loopback that they have."""


@dataclass(slots=True)
class CallReport:
    """What one caller met."""

    setup_s: float | None = None
    """From the INVITE to its 200; None: not answered."""
    refused: int = 0
    """The final status that was none of success, 0 when there was none."""
    ended_by_service: bool = False
    gap_s: float = 0.0
    """The longest time between two packets, beyond the 20 ms that are due, within the measured time."""
    missing: int = 0
    """Packets that never came, by their sequence numbers."""
    packets: int = 0


@dataclass(slots=True)
class CallersReport:
    """All of them."""

    lasting: list[CallReport] = field(default_factory=list)
    new: list[CallReport] = field(default_factory=list)


class Caller:
    """One call. Use `place`, then `hang_up`; `report` fills meanwhile."""

    def __init__(self, plan: CallPlan, number: int) -> None:
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._sip, self._rtp = _udp(plan.source), _udp(plan.source)
        self._uri = f"sip:{plan.line}@{plan.host}:{plan.port}"
        self._contact = f"sip:caller@{plan.source}:{self._sip.getsockname()[1]}"
        self._from = f"<sip:+4860{number:07}@{plan.source}>;tag={secrets.token_hex(4)}"
        self._to = f"<{self._uri}>"
        self._call_id = secrets.token_hex(8)
        self._branch = f"z9hG4bK{secrets.token_hex(6)}"
        self._invited_at = 0.0
        self._answered = asyncio.Event()
        self._media: tuple[str, int] | None = None
        self._sequence = 0
        self._ssrc = secrets.randbits(32)
        self._heard: tuple[float, int, int] | None = None
        self.measuring = False
        self.report = CallReport()

    async def place(self, within_s: float = 10.0) -> bool:
        """Invite and wait for a final answer. False when it is no success, or does not come."""
        self._loop.add_reader(self._sip, self._read_sip)
        self._loop.add_reader(self._rtp, self._read_rtp)
        invite = self._request("INVITE", 1, body=self._sdp())
        self._invited_at = time.time()
        self._send(invite)
        resending = [self._loop.call_later(after, self._send_unanswered, invite) for after in _RESEND_S]
        try:
            async with asyncio.timeout(within_s):
                await self._answered.wait()
        except TimeoutError:
            return False
        finally:
            for each in resending:
                each.cancel()
        return self.report.setup_s is not None

    def send_frame(self) -> None:
        """20 ms of silence, when the call is up."""
        if self._media is None or self.report.ended_by_service:
            return
        self._sequence += 1
        head = _RTP.pack(0x80, _PCMA, self._sequence & 0xFFFF, self._sequence * _SAMPLES & 0xFFFFFFFF, self._ssrc)
        self._rtp.sendto(head + _SILENCE, self._media)

    def hang_up(self) -> None:
        """End the call and close."""
        if self._media is not None and not self.report.ended_by_service:
            self._send(self._request("BYE", 2))
        self._loop.remove_reader(self._sip)
        self._loop.remove_reader(self._rtp)
        self._sip.close()
        self._rtp.close()

    # ------------------------------------------------------------------ SIP

    def _send(self, text: str) -> None:
        self._sip.sendto(text.encode(), (self._plan.host, self._plan.port))

    def _send_unanswered(self, invite: str) -> None:
        if not self._answered.is_set():
            self._send(invite)

    def _request(self, method: str, sequence: int, *, branch: str = "", body: str = "") -> str:
        own = branch or (self._branch if method == "INVITE" else f"z9hG4bK{secrets.token_hex(6)}")
        host, port = self._sip.getsockname()
        head = [
            f"{method} {self._uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch={own}",
            "Max-Forwards: 70",
            f"From: {self._from}",
            f"To: {self._to}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {sequence} {method}",
            f"Contact: <{self._contact}>",
        ]
        return _message(head, body)

    def _sdp(self) -> str:
        port = self._rtp.getsockname()[1]
        host = self._plan.source
        lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} RTP/AVP {_PCMA}"]
        return "\r\n".join([*lines, f"a=rtpmap:{_PCMA} PCMA/8000", "a=ptime:20", "a=sendrecv", ""])

    def _read_sip(self) -> None:
        for at, data in _received(self._sip):
            text = data.decode(errors="replace")
            if text.startswith("SIP/2.0 "):
                self._response(text, at)
            elif " SIP/2.0" in text.partition("\r\n")[0]:
                self._asked(text)

    def _response(self, text: str, at: float) -> None:
        status = int(text[8:11])
        if status < 200 or not _header(text, "CSeq").endswith("INVITE"):
            return
        self._to = _header(text, "To")
        if status >= 300:
            self.report.refused = status
            self._send(self._request("ACK", 1, branch=self._branch))
        else:
            if self._media is None:
                self.report.setup_s = at - self._invited_at
                self._media = _media_of(text, self._plan.host)
            self._send(self._request("ACK", 1))
        self._answered.set()

    def _asked(self, text: str) -> None:
        """A request of the service. A transfer is declined: who is put through is not measured any more."""
        method = text.partition(" ")[0]
        if method == "ACK":
            return
        if method == "BYE":
            self.report.ended_by_service = True
        copied = [f"{name}: {_header(text, name)}" for name in ("Via", "From", "To", "Call-ID", "CSeq")]
        status = "603 Decline" if method == "REFER" else "200 OK"
        body = self._sdp() if method == "INVITE" else ""
        self._send(_message([f"SIP/2.0 {status}", *copied, f"Contact: <{self._contact}>"], body))

    # ------------------------------------------------------------------ RTP

    def _read_rtp(self) -> None:
        for at, data in _received(self._rtp):
            if len(data) < _RTP.size:
                continue
            _, _, sequence, _, source = _RTP.unpack_from(data)
            if self.measuring:
                self._note(at, sequence, source)
            self._heard = (at, sequence, source)

    def _note(self, at: float, sequence: int, source: int) -> None:
        self.report.packets += 1
        if self._heard is None:
            return
        before, last, last_source = self._heard
        self.report.gap_s = max(self.report.gap_s, at - before - FRAME_S)
        jumped = (sequence - last) & 0xFFFF
        if source == last_source and 1 < jumped < 0x8000:  # another source counts from a number of its own (RFC 3550, 5.1)
            self.report.missing += jumped - 1

    def stop_measuring(self, now: float) -> None:
        """Silence up to now counts too."""
        if self.measuring and self._heard is not None and not self.report.ended_by_service:
            self.report.gap_s = max(self.report.gap_s, now - self._heard[0] - FRAME_S)
        self.measuring = False


async def call(plan: CallPlan, parent: Connection) -> CallersReport:
    """Place all calls, tell the parent ("up", how many), measure, hang up."""
    lasting = [Caller(plan, plan.first_number + number) for number in range(plan.calls)]
    new: list[Caller] = []
    everybody = list(lasting)
    sending = asyncio.create_task(_send_forever(everybody))
    placing: list[asyncio.Task[bool]] = []
    for each in lasting:
        placing.append(asyncio.create_task(each.place()))
        await asyncio.sleep(0.1)
    up = sum(await asyncio.gather(*placing))
    await asyncio.sleep(_SETTLE_S)
    parent.send(("up", up))
    for each in lasting:
        each.measuring = True
    shorts: list[asyncio.Task[None]] = []
    end = time.monotonic() + plan.seconds
    while time.monotonic() < end - _SHORT_CALL_S:
        caller = Caller(plan, plan.first_number + plan.calls + len(new))
        new.append(caller)
        shorts.append(asyncio.create_task(_short(caller, everybody)))
        await asyncio.sleep(plan.new_every_s)
    await asyncio.sleep(max(0.0, end - time.monotonic()))
    for each in lasting:
        each._read_rtp()
        each.stop_measuring(time.time())
    await asyncio.gather(*shorts)
    for each in lasting:
        each.hang_up()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    return CallersReport([each.report for each in lasting], [each.report for each in new])


async def _short(caller: Caller, everybody: list[Caller]) -> None:
    everybody.append(caller)
    if await caller.place():
        await asyncio.sleep(_SHORT_CALL_S)
    everybody.remove(caller)
    caller.hang_up()


async def _send_forever(callers: Sequence[Caller]) -> None:
    loop = asyncio.get_running_loop()
    due, phase = loop.time(), 0
    while True:
        for each in callers[phase::_PHASES]:
            each.send_frame()
        due, phase = due + FRAME_S / _PHASES, (phase + 1) % _PHASES
        await asyncio.sleep(max(0.0, due - loop.time()))


def run_callers(plan: CallPlan, parent: Connection) -> None:
    """In a process of its own: the parent gets ("up", calls) and then ("report", CallersReport)."""
    parent.send(("report", asyncio.run(call(plan, parent))))
    parent.close()


# ---------------------------------------------------------------------- sockets and messages


def _udp(source: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)
    made.bind((source, 0))
    made.setblocking(False)
    return made


def _received(sock: socket.socket) -> list[tuple[float, bytes]]:
    """What is there, each with the time (Unix seconds) at which the kernel received it."""
    found: list[tuple[float, bytes]] = []
    while True:
        try:
            data, extra, _, _ = sock.recvmsg(_READ, socket.CMSG_SPACE(_TIMESPEC.size))
        except (BlockingIOError, ConnectionRefusedError):
            return found
        at = time.time()
        for level, kind, value in extra:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(value) >= _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack_from(value)
                at = seconds + nanoseconds / 1e9
        found.append((at, data))


def _message(head: list[str], body: str) -> str:
    kind = ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([*head, *kind, f"Content-Length: {len(body)}", "", body])


def _header(text: str, name: str) -> str:
    """The header's values; Via may be there several times."""
    found = re.findall(rf"^{name}:[ \t]*(.*?)\r?$", text, re.MULTILINE | re.IGNORECASE)
    return f"\r\n{name}: ".join(found)


def _media_of(text: str, host: str) -> tuple[str, int] | None:
    port = re.search(r"^m=audio (\d+) ", text, re.MULTILINE)
    address = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE)
    return (address.group(1) if address else host, int(port.group(1))) if port else None
