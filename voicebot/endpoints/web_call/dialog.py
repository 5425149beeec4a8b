"""The app's half of a SIP dialog with our own stack (RFC 3261): INVITE, ACK, keys by INFO, BYE, on one UDP socket for all calls.

No trunk is ever spoken to from here, and the stack is on this machine: requests are repeated, but nothing else of the transaction
layer is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Self, cast

from voicebot.endpoints.sip.trace import HOLD_CONTENT
from voicebot.hosts import uri_host

_T1_S = 0.5
_T2_S = 4.0
_TRANSACTION_S = 32.0  # 64*T1
_KEY_MS = 160
_KEPT = ("via", "from", "to", "call-id", "cseq")
_LINE = re.compile(r"SIP/2\.0 (\d{3})(?: (.*))?")

Address = tuple[str, int]


class Refused(Exception):
    """The stack did not take the call. `status` is SIP's, 408 when it did not answer in time."""

    def __init__(self, status: int, reason: str = "") -> None:
        super().__init__(f"{status} {reason}".strip())
        self.status = status


@dataclass(frozen=True, slots=True)
class Message:
    """A request, or the response (`status` > 0) to `method`."""

    method: str
    cseq: int
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @classmethod
    def parse(cls, datagram: bytes) -> Self | None:
        """None for what is no message of a dialog."""
        head, _, body = datagram.decode(errors="replace").partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        headers = tuple(
            (name.strip().lower(), value.strip()) for name, colon, value in (line.partition(":") for line in lines) if colon
        )
        number, _, method = dict(headers).get("cseq", "").partition(" ")
        response = _LINE.match(start)
        if not number.isdigit() or not method:
            return None
        status, reason = (int(response[1]), response[2] or "") if response else (0, "")
        return cls(method.strip(), int(number), status, reason, headers, body)

    def header(self, name: str) -> str:
        """The first with this name (lower-case); "" for none."""
        return dict(reversed(self.headers)).get(name, "")


@dataclass(slots=True)
class AppDialog:
    """One call of an app, towards our own stack."""

    wire: AppDialogs
    headers: Mapping[str, str]
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the call is over."""
    call_id: str = field(default_factory=lambda: secrets.token_hex(12))
    _tag: str = field(default_factory=lambda: secrets.token_hex(6))
    _to: str = ""
    _branch: str = ""
    _established: bool = False
    _given_up: bool = False
    _cseq: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _answers: dict[tuple[str, int], asyncio.Future[Message]] = field(default_factory=dict)

    async def invite(self, sdp: str, within_s: float) -> str:
        """The stack's answer. Raises Refused; then the call is over."""
        cseq = next(self._cseq)
        try:
            async with asyncio.timeout(within_s):
                final = await self._ask("INVITE", cseq, sdp, "application/sdp")
        except TimeoutError:
            self._give_up(cseq)
            raise Refused(408, "the stack did not answer in time") from None
        except asyncio.CancelledError:
            self._give_up(cseq)
            raise
        if not 200 <= final.status < 300:
            self._end()
            raise Refused(final.status, final.reason)
        self._established = True
        return final.body

    async def hold(self, held: bool) -> None:
        """The app holds the call, or takes it back. The stack does not know of it and says so; the leg hears it."""
        await self._inform("on" if held else "off", HOLD_CONTENT)

    async def press(self, key: str) -> bool:
        """One key, by INFO (RFC 6086, dtmf-relay); whether the stack took it."""
        return 200 <= await self._inform(f"Signal={key}\r\nDuration={_KEY_MS}\r\n", "application/dtmf-relay") < 300

    async def _inform(self, body: str, kind: str) -> int:
        """Send an INFO; the status of its answer, 0 when there is none."""
        if self.ended.is_set():
            return 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_T2_S):
                return (await self._ask("INFO", next(self._cseq), body, kind)).status
        return 0

    async def hang_up(self) -> None:
        """End the call; harmless when it is over."""
        if self.ended.is_set() or not self._established:
            return
        self.ended.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_T2_S):
                await self._ask("BYE", next(self._cseq))
        self._end()

    def abandon(self) -> None:
        """It does not begin."""
        self._end()

    def received(self, message: Message) -> None:
        """A message of this dialog came in."""
        if message.status:
            self._answered(message)
            return
        if message.method != "ACK":
            self.wire.reply(message, "200 OK" if message.method in ("BYE", "INFO", "UPDATE") else "488 Not Acceptable Here")
        if message.method == "BYE":
            self._end()

    def _answered(self, message: Message) -> None:
        waiting = self._answers.get((message.method, message.cseq))
        if message.method == "INVITE" and message.status >= 200:
            self._to = message.header("to")
            # a 2xx has an ACK of its own (13.2.2.4), repeated for every repetition of it
            self._send("ACK", message.cseq, branch="" if message.status < 300 else self._branch)
            if self._given_up and message.status < 300:
                self._send("BYE", next(self._cseq))
        if waiting is not None and not waiting.done() and message.status >= 200:
            waiting.set_result(message)

    async def _ask(self, method: str, cseq: int, body: str = "", kind: str = "") -> Message:
        """Send a request, again and again until it is answered (17.1)."""
        answer = self._answers[(method, cseq)] = asyncio.get_running_loop().create_future()
        branch, wait_s = f"z9hG4bK{secrets.token_hex(8)}", _T1_S
        if method == "INVITE":
            self._branch = branch
        try:
            async with asyncio.timeout(_TRANSACTION_S):
                while True:
                    self._send(method, cseq, body, kind, branch)
                    with contextlib.suppress(TimeoutError):
                        return await asyncio.wait_for(asyncio.shield(answer), wait_s)
                    wait_s = min(2 * wait_s, _T2_S)
        finally:
            del self._answers[(method, cseq)]

    def _give_up(self, cseq: int) -> None:
        """The INVITE is not waited for any more. If it is answered all the same, that call is ended at once."""
        self._given_up = True
        self._send("CANCEL", cseq, branch=self._branch)
        self._end()

    def _send(self, method: str, cseq: int, body: str = "", kind: str = "", branch: str = "") -> None:
        ours, uri = self.wire.contact, self.wire.uri
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.wire.sent_by};branch={branch or f'z9hG4bK{secrets.token_hex(8)}'};rport",
            "Max-Forwards: 70",
            f"From: <{ours}>;tag={self._tag}",
            f"To: {self._to if self._to and method != 'CANCEL' else f'<{uri}>'}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <{ours}>",
            *(f"{name}: {value}" for name, value in self.headers.items() if method == "INVITE"),
            *([f"Content-Type: {kind}"] if kind else []),
            f"Content-Length: {len(body.encode())}",
        ]
        self.wire.send("\r\n".join(lines) + "\r\n\r\n" + body)

    def _end(self) -> None:
        self.ended.set()
        self.wire.forget_soon(self)


class AppDialogs(asyncio.DatagramProtocol):
    """The socket that all apps' dialogs share. Its peer is our own stack at `stack`, whose account for apps is `user`."""

    def __init__(self, stack: Address, user: str) -> None:
        self._stack = stack
        self.uri = f"sip:{user}@{uri_host(stack[0])}:{stack[1]}"
        self.sent_by = ""
        self._transport: asyncio.DatagramTransport | None = None
        self._dialogs: dict[str, AppDialog] = {}
        self.away = False
        """Nobody has the stack's port: its process is being started anew."""

    @classmethod
    async def open(cls, stack: Address, user: str) -> Self:
        """Raises OSError when this machine has no way to the stack."""
        host = "127.0.0.1" if ip_address(stack[0]).is_unspecified else stack[0]
        _, wire = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls((host, stack[1]), user), remote_addr=(host, stack[1])
        )
        return wire

    def __len__(self) -> int:
        """Dialogs that are not forgotten."""
        return len(self._dialogs)

    @property
    def contact(self) -> str:
        """Where the stack reaches us."""
        return f"sip:app@{self.sent_by}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        host, port = transport.get_extra_info("sockname")[:2]
        self.sent_by = f"{uri_host(host)}:{port}"

    def new(self, headers: Mapping[str, str]) -> AppDialog:
        """A dialog that has not begun; `headers` go with its INVITE."""
        dialog = AppDialog(self, headers)
        self._dialogs[dialog.call_id] = dialog
        return dialog

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """See asyncio. The socket is connected: nobody but the stack is heard."""
        self.away = False
        message = Message.parse(data)
        dialog = self._dialogs.get(message.header("call-id")) if message is not None else None
        if message is not None and dialog is not None:
            dialog.received(message)

    def error_received(self, exc: Exception) -> None:
        """See asyncio. The stack is being started anew: whoever waits runs out of time."""
        self.away = True

    def send(self, text: str) -> None:
        """One datagram."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(text.encode())

    def reply(self, request: Message, status: str) -> None:
        """Answer a request of the stack."""
        kept = [f"{name}: {value}" for name, value in request.headers if name in _KEPT]
        self.send("\r\n".join([f"SIP/2.0 {status}", *kept, "Content-Length: 0"]) + "\r\n\r\n")

    def forget_soon(self, dialog: AppDialog) -> None:
        """It is over; a repetition that is still on its way finds it for a while."""
        loop = asyncio.get_running_loop()
        loop.call_later(_T2_S, self._dialogs.pop, dialog.call_id, None)

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()


class AppStacks:
    """The stacks of several processes of calls: a new call goes to the one that has the fewest."""

    def __init__(self, wires: Sequence[AppDialogs]) -> None:
        self._wires = wires

    @classmethod
    async def open(cls, stacks: Sequence[Address], user: str) -> Self:
        """Raises OSError when this machine has no way to one of them."""
        return cls([await AppDialogs.open(stack, user) for stack in stacks])

    def new(self, headers: Mapping[str, str]) -> AppDialog:
        """A dialog that has not begun; `headers` go with its INVITE. One that was away is tried when all are."""
        return min(self._wires, key=lambda wire: (wire.away, len(wire))).new(headers)

    def close(self) -> None:
        """Close the sockets."""
        for wire in self._wires:
            wire.close()
