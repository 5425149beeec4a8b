"""The attacks. Each keeps on until its time is over: who is turned away comes again after a moment."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import socket
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

from bench.hostile.clients import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    Target,
    answer,
    frame,
    read_message,
    request,
    upgrade,
)

ONE_ADDRESS = "127.0.0.2"
_AGAIN_S = 2.0
_BODY = 400_000_000
_BLOCK = bytes(64 * 1024)
_PATIENCE_S = 10.0
_NICE = 10


class Attack:
    """One attack under way: its target, and what became of its connections."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.tally: Counter[str] = Counter()

    async def keep(self, many: int, act: Callable[[int], Awaitable[None]]) -> None:
        """So many clients at once, each again and again, for ever."""

        async def client(number: int) -> None:
            while True:
                try:
                    await act(number)
                except (OSError, EOFError, asyncio.LimitOverrunError, ValueError) as error:
                    self.tally[type(error).__name__] += 1
                    await asyncio.sleep(_AGAIN_S * random.uniform(0.5, 1.5))

        async with asyncio.TaskGroup() as group:
            for number in range(many):
                group.create_task(client(number))
                if number % 50 == 49:
                    await asyncio.sleep(0.02)

    async def opened(
        self, source: str = ONE_ADDRESS, *, port: int | None = None, plain: bool = False
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that counts."""
        reader, writer = await self.target.opened(source, port=port, plain=plain)
        self.tally["opened"] += 1
        return reader, writer

    async def chat(self, source: str = ONE_ADDRESS) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A WebSocket that was let in. Raises ConnectionError for one that was not."""
        reader, writer = await self.opened(source)
        try:
            writer.write(upgrade(self.target.web))
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in head:
                self.tally[head.split(b" ", 2)[1].decode()] += 1
                raise ConnectionError
        except BaseException:  # also when the attack is over meanwhile
            writer.close()
            raise
        self.tally["websockets"] += 1
        return reader, writer


def spread(number: int) -> str:
    """One of forty addresses: none of them reaches its own limit."""
    return f"127.0.1.{1 + number % 40}"


async def _until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.read(65536):
            pass
    finally:
        writer.close()


async def nothing(attack: Attack) -> None:
    """No attack: what the others are compared with."""
    await asyncio.Event().wait()


async def unfinished(attack: Attack) -> None:
    """2,000 requests whose headers come octet by octet, from one address."""
    await attack.keep(2000, lambda _: _drip(attack, ONE_ADDRESS))


async def unfinished_spread(attack: Attack) -> None:
    """The same from forty addresses."""
    await attack.keep(2000, lambda number: _drip(attack, spread(number)))


async def _drip(attack: Attack, source: str) -> None:
    _, writer = await attack.opened(source)
    try:
        writer.write(request("GET", "/health/live")[:-2] + b"X-Slow: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(1)
    finally:
        writer.close()


async def silent(attack: Attack) -> None:
    """2,000 sockets that send nothing, from one address."""
    await attack.keep(2000, lambda _: _silent(attack, ONE_ADDRESS))


async def silent_spread(attack: Attack) -> None:
    """The same from forty addresses."""
    await attack.keep(2000, lambda number: _silent(attack, spread(number)))


async def _silent(attack: Attack, source: str) -> None:
    await _until_closed(*await attack.opened(source))
    raise ConnectionError


async def bodies(attack: Attack) -> None:
    """Bodies of 400 MB without the token, half of them with no length told."""
    await attack.keep(20, lambda number: _body(attack, chunked=number % 2 == 0))


async def bodies_token(attack: Attack) -> None:
    """The same with the token."""
    await attack.keep(20, lambda number: _body(attack, f"Authorization: Bearer {attack.target.token}", chunked=number % 2 == 0))


async def _body(attack: Attack, *headers: str, chunked: bool) -> None:
    reader, writer = await attack.opened()
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {_BODY}"
    block = b"%x\r\n%b\r\n" % (len(_BLOCK), _BLOCK) if chunked else _BLOCK
    try:
        writer.write(request("POST", "/api/switches", *headers, "Content-Type: application/json", length))
        for _ in range(_BODY // len(_BLOCK)):
            writer.write(block)
            await writer.drain()
            attack.tally["megabytes"] += 1 if attack.tally["blocks"] % 16 == 15 else 0
            attack.tally["blocks"] += 1
        attack.tally[f"taken whole: {(await answer(reader)).status}"] += 1
    finally:
        writer.close()


async def chats(attack: Attack) -> None:
    """200 chats that talk and 200 WebSockets that do not, from one address."""
    await attack.keep(400, lambda number: _chat(attack, ONE_ADDRESS, talks=number % 2 == 0))


async def chats_spread(attack: Attack) -> None:
    """The same from forty addresses: they take every place there is."""
    await attack.keep(400, lambda number: _chat(attack, spread(number), talks=number % 2 == 0))


async def _chat(attack: Attack, source: str, *, talks: bool) -> None:
    reader, writer = await attack.chat(source)
    reading = asyncio.create_task(_until_closed(reader, writer))
    try:
        for number in itertools.count():
            await asyncio.wait({reading}, timeout=2)
            if reading.done():
                raise ConnectionError
            if talks:
                writer.write(frame(TEXT, b'{"type": "say", "text": "zgubilem karte numer %d"}' % number))
                await writer.drain()
    finally:
        reading.cancel()
        writer.close()


_BAD = (
    b"\x16\x03\x01 no HTTP at all\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/switches HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 15_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + b"X-Many: y\r\n" * 1400 + b"\r\n",
    request("GET", "/../../etc/passwd"),
    request("GET", "/chat/%00%ff%fe"),
    request("GET", "/api/calls", "Authorization: Bearer wrong"),
    request("BREW", "/chat"),
    request("GET", "/chat/ws", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: none"),
)


async def bad_requests(attack: Attack) -> None:
    """Requests that are none, a new connection each, as fast as twenty clients can."""
    with_token = tuple(
        request(
            "POST", "/api/switches", f"Authorization: Bearer {attack.target.token}", f"Content-Length: {len(body)}", body=body
        )
        for body in (b"{", b"[" * 60_000, b'{"kind": NaN}', b'"\\ud800"', b'{"on": 1' + b"0" * 60_000 + b"}")
    )
    await attack.keep(20, lambda _: _bad(attack, (*_BAD, *with_token)))


async def _bad(attack: Attack, requests: tuple[bytes, ...]) -> None:
    for each in requests:
        reader, writer = await attack.opened()
        try:
            writer.write(each)
            writer.write_eof() if writer.can_write_eof() else None
            async with asyncio.timeout(_PATIENCE_S):
                told = await reader.read(65536)
            attack.tally[told.split(b" ", 2)[1].decode() if told.startswith(b"HTTP") else "closed"] += 1
        except ConnectionError:
            attack.tally["reset"] += 1
        finally:
            writer.close()


async def handshakes(attack: Attack) -> None:
    """2,000 TLS handshakes that never end; half of them say a few octets of a ClientHello."""
    await attack.keep(2000, lambda number: _handshake(attack, number))


async def _handshake(attack: Attack, number: int) -> None:
    reader, writer = await attack.opened(spread(number), plain=True)
    if number % 2:
        writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    await _until_closed(reader, writer)
    raise ConnectionError


async def local_socket(attack: Attack) -> None:
    """Somebody on the machine itself: fifty clients ask for health and metrics as fast as they can, 2,000 sockets are silent."""
    port = attack.target.health
    await asyncio.gather(
        attack.keep(50, lambda _: _ask_on(attack, port, ONE_ADDRESS)),
        attack.keep(2000, lambda _: _silent_at(attack, port)),
    )


async def _ask_on(attack: Attack, port: int, source: str) -> None:
    """One request after another, on a new connection where the last was closed."""
    web = port == attack.target.web
    reader, writer = await attack.opened(source, port=None if web else port)
    try:
        for path in itertools.cycle(("/health/ready", "/metrics")):
            writer.write(request("GET", path))
            async with asyncio.timeout(_PATIENCE_S):
                told = await answer(reader)
            attack.tally[str(told.status)] += 1
            if told.last:
                return
    finally:
        writer.close()


async def _silent_at(attack: Attack, port: int) -> None:
    await _until_closed(*await attack.opened(port=port))
    raise ConnectionError


async def health_web(attack: Attack) -> None:
    """Forty strangers ask the web how the service is, as fast as they can: the web asks the calls' process."""
    await attack.keep(40, lambda number: _ask_on(attack, attack.target.web, spread(number)))


async def slow_readers(attack: Attack) -> None:
    """Eighty clients ask for big answers, hundreds on each connection, and read none."""
    await attack.keep(80, lambda number: _slow_reader(attack))


async def _slow_reader(attack: Attack) -> None:
    token = f"Authorization: Bearer {attack.target.token}"
    wanted = request("GET", "/chat/chat.js") + request("GET", "/metrics", token) + request("GET", "/api/calls?limit=500", token)
    _, writer = await attack.opened()
    plain: socket.socket = writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    try:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(500):
            writer.write(wanted)
            await writer.drain()
        while not writer.is_closing():
            writer.write(b"GET ")
            await writer.drain()
            await asyncio.sleep(1)
        raise ConnectionError
    finally:
        writer.close()


async def frames(attack: Attack) -> None:
    """WebSockets of ten addresses: frames that claim 2^62 octets, messages without an end, pings, packed bombs, binary."""
    await attack.keep(50, lambda number: _frames(attack, number))


async def _frames(attack: Attack, number: int) -> None:
    reader, writer = await attack.chat(f"127.0.1.{1 + number % 10}")
    reading = asyncio.create_task(_until_closed(reader, writer))
    kind = number % 6
    bomb = zlib.compressobj(wbits=-15)
    packed = bomb.compress(bytes(60_000_000)) + bomb.flush() if kind == 3 else b""
    try:
        for turn in itertools.count():
            writer.write(_hostile_frame(kind, turn, packed))
            await writer.drain()
            attack.tally["frames"] += 1
            if reading.done():
                raise ConnectionError
            if turn % 20 == 19:
                await asyncio.sleep(0.01)
    finally:
        reading.cancel()
        writer.close()


def _hostile_frame(kind: int, turn: int, packed: bytes) -> bytes:
    match kind:
        case 0:
            return frame(TEXT, b"x" * 1000, length=2**62)
        case 1:
            return frame(CONTINUATION if turn else TEXT, b"x" * 10, last=False)
        case 2:
            return frame(PING, b"x" * 125)
        case 3:
            return frame(TEXT, packed, compressed=True)
        case 4:
            return frame(BINARY, os.urandom(1000))
        case _:
            return frame(TEXT, b'{"type": "say", "text": "' + b"x" * 40_000 + b'"}')


ATTACKS: dict[str, Callable[[Attack], Awaitable[None]]] = {
    "none": nothing,
    "unfinished": unfinished,
    "unfinished_spread": unfinished_spread,
    "silent": silent,
    "silent_spread": silent_spread,
    "bodies": bodies,
    "bodies_token": bodies_token,
    "chats": chats,
    "chats_spread": chats_spread,
    "bad_requests": bad_requests,
    "handshakes": handshakes,
    "health_web": health_web,
    "local_socket": local_socket,
    "slow_readers": slow_readers,
    "frames": frames,
}
"""By name; `none` always comes first."""


async def _attack(name: str, target: Target, seconds: float) -> Counter[str]:
    attack = Attack(target)
    try:
        async with asyncio.timeout(seconds):
            await ATTACKS[name](attack)
    except TimeoutError:
        pass
    return attack.tally


def run_attack(name: str, target: Target, seconds: float, parent: Connection) -> None:
    """In a process of its own: the parent gets the tally. It is nice: an attacker would not take the service's processor."""
    os.nice(_NICE)
    parent.send(asyncio.run(_attack(name, target, seconds)))
    parent.close()


__all__ = ["ATTACKS", "Attack", "read_message", "run_attack"]
