"""A network that loses packets and lets others wait: a UDP relay between the app and the stack, by a pattern of its own."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

Address = tuple[str, int]
KEYS_TYPE, _MARKER = 126, 0x80
"""The payload type that Chromium has for keys."""
_CANDIDATE = re.compile(r"(a=candidate:\S+ 1 (?:UDP|udp) \d+) (\S+) (\d+) (typ host)")


@dataclass
class Lossy:
    """Passes packets on between whoever sends first and `far`. `loss` is the share that is lost, of each direction; of the app's
    keys the first packet always is.
    """

    host: str
    loss: float
    jitter_s: float
    passed: int = 0
    lost: int = 0
    near: Address | None = None
    far: Address | None = None
    _chance: random.Random = random.Random(7)  # noqa: RUF009 - one pattern for all, the same at every run

    def redirect(self, answer: str) -> str:
        """The answer, with the relay's address in place of the stack's."""
        found = _CANDIDATE.search(answer)
        assert found is not None
        self.far = (found[2], int(found[3]))
        return _CANDIDATE.sub(rf"\1 {self.host} {self.port} \4", answer)

    port: int = 0
    app_side: asyncio.DatagramTransport | None = None
    stack_side: asyncio.DatagramTransport | None = None

    def take(self, data: bytes, addr: Address, from_app: bool) -> None:
        """A packet. Handshakes (STUN, DTLS) are passed on: it is the sound that is judged."""
        if from_app:
            self.near = addr
        out, to = (self.stack_side, self.far) if from_app else (self.app_side, self.near)
        is_sound = 128 <= data[0] <= 191
        begins_key = from_app and data[1] == _MARKER | KEYS_TYPE  # a header is not encrypted (RFC 3711, 3.1)
        if is_sound and (begins_key or self._chance.random() < self.loss):
            self.lost += 1
            return
        self.passed += is_sound
        wait = self._chance.random() * self.jitter_s if is_sound else 0.0
        asyncio.get_running_loop().call_later(wait, self._send, out, data, to)

    @staticmethod
    def _send(out: asyncio.DatagramTransport | None, data: bytes, to: Address | None) -> None:
        if out is not None and to is not None and not out.is_closing():
            out.sendto(data, to)


class _Side(asyncio.DatagramProtocol):
    def __init__(self, relay: Lossy, from_app: bool) -> None:
        self._relay = relay
        self._from_app = from_app

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._relay.take(data, addr, self._from_app)


@asynccontextmanager
async def lossy(host: str, *, loss: float, jitter_s: float) -> AsyncIterator[Lossy]:
    relay, loop = Lossy(host, loss, jitter_s), asyncio.get_running_loop()
    relay.app_side, _ = await loop.create_datagram_endpoint(lambda: _Side(relay, True), local_addr=(host, 0))
    relay.stack_side, _ = await loop.create_datagram_endpoint(lambda: _Side(relay, False), local_addr=(host, 0))
    relay.port = relay.app_side.get_extra_info("sockname")[1]
    try:
        yield relay
    finally:
        relay.app_side.close()
        relay.stack_side.close()
