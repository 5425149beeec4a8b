"""Raw sockets against the server: slow, many, silent, too long; and who is well-behaved meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import subprocess
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from voicebot.errors import ConfigError
from voicebot.http import connections
from voicebot.http.acceptor import Acceptor
from voicebot.http.guards import BodyLimit, ClientShare, TokenRequired
from voicebot.http.places import Place, Places, client_of
from voicebot.http.server import HttpServer, listen, serve, tls_context
from voicebot.http.settings import HttpLimits, Tls
from voicebot.tasks import cancelled

TOKEN = "the-token-of-the-test"
POST = b"POST /api/take HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n"
QUICK: dict[str, Any] = {"header_s": 0.2, "body_s": 0.2, "answer_s": 0.2, "keep_alive_s": 1}


@dataclass
class Served:
    """A server on loopback and what it refused."""

    server: HttpServer
    refused: Counter[str]
    waiting: asyncio.Semaphore
    """Released for each request that waits."""
    bodies: list[int] = field(default_factory=list)

    async def until_refused(self, reason: str, times: int = 1) -> None:
        async with asyncio.timeout(10):
            while self.refused[reason] < times:
                await asyncio.sleep(0.01)

    async def until_closed(self) -> None:
        async with asyncio.timeout(10):
            while self.server.connections:
                await asyncio.sleep(0.01)

    async def opened(self, source: str | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        local = (source, 0) if source else None
        return await asyncio.open_connection("127.0.0.1", self.server.port, local_addr=local)

    def client(self, **more: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.server.port}", trust_env=False, **more)


@asynccontextmanager
async def served(
    proxies: tuple[str, ...] = (), tls: ssl.SSLContext | None = None, most_per_s: float | None = None, **limits: Any
) -> AsyncIterator[Served]:
    refused: Counter[str] = Counter()
    bodies: list[int] = []
    waiting = asyncio.Semaphore(0)

    async def take(request: Request) -> Response:
        bodies.append(len(await request.body()))
        return PlainTextResponse(request.client.host if request.client else "")

    async def wait(request: Request) -> Response:
        waiting.release()
        await asyncio.Event().wait()
        return Response()

    def count(reason: str) -> None:
        refused[reason] += 1

    chosen = HttpLimits(**limits)
    app: ASGIApp = Starlette(
        routes=[Route("/api/take", take, methods=["GET", "POST"]), Route("/wait", wait), Route("/open", take)]
    )
    app = BodyLimit(app, octets=chosen.max_body_octets, refused=count)
    app = TokenRequired(app, token=TOKEN, prefixes=("/api",), refused=count)
    app = ClientShare(app, most=chosen.max_per_address, refused=count)
    listener = listen("127.0.0.1", 0, setting="test")
    server = await serve(app, listener, limits=chosen, proxies=proxies, tls=tls, refused=count, most_per_s=most_per_s)
    try:
        yield Served(server, refused, waiting, bodies)
    finally:
        await server.close()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "slow_header"),
        (b"GET /open HT", "slow_header"),
        (POST + b"Content-Length: 9\r\n\r\nabc", "slow_body"),
        (b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", "slow_answer"),
    ],
)
async def test_a_request_that_never_ends_loses_its_connection(sent: bytes, reason: str) -> None:
    """Whatever part of it it stops in."""
    async with served(**QUICK) as http:
        reader, writer = await http.opened()
        writer.write(sent)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1_000_000), 10)
        assert http.refused == {reason: 1}
        await http.until_closed()
        writer.close()


async def test_octet_by_octet_is_no_way_to_keep_a_connection() -> None:
    """The time is for all headers together, also those of a second request on the connection."""
    async with served(**QUICK) as http:
        reader, writer = await http.opened()
        writer.write(b"GET /open HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"127.0.0.1")).startswith(b"HTTP/1.1 200")

        writer.write(b"GET /open HTTP/1.1\r\nHost: ")

        async def drip() -> None:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        await http.until_refused("slow_header")
        await http.until_closed()
        await cancelled(dripping)
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api/take HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /open HTTP/x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_answered_and_leaves_no_line_in_the_log(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Also in the middle of a request: a traceback for each bad client would fill the disk."""
    async with served() as http:
        reader, writer = await http.opened()
        writer.write(sent)
        told = await asyncio.wait_for(reader.read(), 10)
        assert told.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401"))
        await http.until_closed()
        assert sum(http.refused.values()) >= 1
        writer.close()
    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


async def test_an_idle_connection_between_requests_is_closed_after_a_while_and_nothing_is_counted() -> None:
    """A browser that keeps a connection has done nothing wrong."""
    async with served(**QUICK) as http:
        reader, writer = await http.opened()
        writer.write(b"GET /open HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(reader.read(), 10)  # to the end: the server closes
        assert not http.refused
        writer.close()


async def test_one_address_has_its_share_and_the_place_is_free_again() -> None:
    """Sockets beyond it are reset at once."""
    async with served(max_per_address=3, max_connections=100) as http:
        held = [await http.opened() for _ in range(3)]
        reader, writer = await http.opened()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(1), 10)
        writer.close()
        assert http.refused == {"address_full": 1}
        for _, each in held:
            each.close()
        await http.until_closed()
        async with http.client() as client:
            assert (await client.get("/open")).status_code == 200


async def test_two_thousand_silent_sockets_end_by_themselves_and_the_rest_are_turned_away() -> None:
    """No more are open than the limit, and soon a customer gets in again."""
    async with served(max_per_address=5000, max_connections=200, header_s=0.5) as http:
        sockets = []
        for _ in range(2000):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", http.server.port))
            sockets.append(each)
            if len(sockets) % 100 == 0:
                await asyncio.sleep(0.01)
                assert http.server.connections <= 200
        await http.until_refused("slow_header", 200)
        await http.until_closed()
        async with http.client() as client:
            assert (await client.get("/open")).status_code == 200
        for each in sockets:
            each.close()


async def test_when_all_places_are_taken_by_silent_sockets_the_oldest_gives_way_and_who_asks_is_answered() -> None:
    """Spread over many addresses, none of which has too many: one who asks must not wait until they end by themselves."""
    async with served(max_connections=20, max_per_address=10, header_s=60) as http:
        held = [await http.opened(source=f"127.0.1.{number % 5}") for number in range(20)]
        async with http.client() as client:
            assert (await client.get("/open")).status_code == 200
            reader, _ = held[0]
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), 10)
            assert (http.refused, http.server.connections) == ({"gave_way": 1}, 20)
            # more silent ones, each in the place of another: the one who asked keeps its own
            held += [await http.opened(source="127.0.1.1") for _ in range(5)]
            assert (await client.get("/open")).status_code == 200
        for _, writer in held:
            writer.close()


async def test_nobody_whose_request_is_under_way_gives_way() -> None:
    """Then who comes last is turned away."""
    async with served(max_connections=3, max_per_address=3) as http, http.client() as client:
        waiting = [asyncio.create_task(client.get("/wait")) for _ in range(3)]
        for _ in waiting:
            await http.waiting.acquire()
        reader, writer = await http.opened()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(1), 10)
        assert not any(each.done() for each in waiting)
        writer.close()
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_handshake_that_never_ends_gives_way_too(tmp_path: Path) -> None:
    """Before there is any HTTP."""
    tls = _certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(tls.certificate))
    async with served(tls=tls_context(tls), max_connections=2) as http:
        held = [await http.opened(source="127.0.1.1") for _ in range(2)]
        async with httpx.AsyncClient(verify=trusting, trust_env=False) as client:
            assert (await client.get(f"https://127.0.0.1:{http.server.port}/open")).status_code == 200
        for _, writer in held:
            writer.close()


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["take", "works", "waits", "leave", "room"]))))
def test_places_are_counted_right_whatever_happens(steps: list[tuple[int, str]]) -> None:
    """And room is made only by one that waits, of the client that has most of these."""
    places = Places()
    kept: list[Place] = []
    closed: list[Place] = []
    working: set[Place] = set()
    for number, step in steps:
        if step == "take":
            place = places.take(f"client {number}")
            place.close = lambda place=place: closed.append(place)  # type: ignore[misc]
            kept.append(place)
        elif step == "room":
            waiting = [each for each in kept if each not in working]
            assert places.make_room() == bool(waiting)
            if waiting:
                gone = closed[-1]
                counts = Counter(each.client for each in waiting)
                assert counts[gone.client] == max(counts.values())
                kept.remove(gone)
        elif kept:
            place = kept[number % len(kept)]
            getattr(place, step)()
            (working.add if step == "works" else working.discard)(place)
            if step == "leave":
                kept.remove(place)
        assert len(places) == len(kept)
        assert all(places.of(f"client {each}") == sum(p.client == f"client {each}" for p in kept) for each in range(4))


async def test_a_connection_that_is_given_up_before_it_began_is_closed() -> None:
    """Its other side must learn it."""
    listener = listen("127.0.0.1", 0, setting="test")
    acceptor = Acceptor(listener, lambda _: asyncio.Protocol(), limits=HttpLimits(), proxies=(), tls=None, refused=lambda _: None)
    ours, theirs = socket.socketpair()
    acceptor._take(ours, "192.0.2.1")
    assert len(acceptor) == 1
    await acceptor.close()
    await asyncio.sleep(0)  # what is to be called when the task ends is called
    assert (len(acceptor), theirs.recv(1)) == (0, b"")
    theirs.close()


async def test_a_flood_of_connections_leaves_the_loop_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the next connection is always there already, taking them would never let anything else run."""
    async with served(max_connections=1) as http:
        loop = asyncio.get_running_loop()
        taken, others = 0, 0
        over = asyncio.Event()

        async def at_once(listener: socket.socket) -> tuple[socket.socket, Any]:
            nonlocal taken
            taken += 1
            if taken > 200:
                over.set()
                await asyncio.Event().wait()
            ours, theirs = socket.socketpair()
            theirs.close()
            return ours, ("192.0.2.1", taken)

        monkeypatch.setattr(loop, "sock_accept", at_once)
        held = await http.opened()  # the acceptor comes back for the next
        async with asyncio.timeout(10):
            while not over.is_set():
                others += 1
                await asyncio.sleep(0)
        assert others >= 150
        held[1].close()


async def test_so_many_connections_a_second_are_taken_and_the_rest_wait() -> None:
    """Where a flood must not take the processor of whoever serves."""
    async with served(most_per_s=20) as http:
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(20):
            for _ in range(11):
                async with http.client() as client:
                    assert (await client.get("/open")).status_code == 200
        assert asyncio.get_running_loop().time() - began >= 10 / 20


async def test_the_token_comes_before_the_body() -> None:
    """Of a stranger's 400 MB nothing is read."""
    async with served() as http:
        reader, writer = await http.opened()
        writer.write(b"POST /api/take HTTP/1.1\r\nHost: x\r\nContent-Length: 400000000\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
        assert answer.startswith(b"HTTP/1.1 401")
        assert b"connection: close" in answer.lower()
        assert http.bodies == []
        writer.close()


@pytest.mark.parametrize("headers", [b"Content-Length: 70000", b"Transfer-Encoding: chunked", b"Content-Length: 1e9"])
async def test_a_long_body_is_refused_with_the_token_too(headers: bytes) -> None:
    """By its told length, or by what came."""
    async with served() as http:
        reader, writer = await http.opened()
        writer.write(POST + headers + b"\r\n\r\n")
        if b"chunked" in headers:
            for _ in range(20):
                writer.write(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        with contextlib.suppress(ConnectionResetError):  # by what comes after the answer
            answer = await asyncio.wait_for(reader.read(), 10)
            assert answer.split(b" ", 2)[1] in (b"413", b"400")
        await http.until_closed()
        assert http.bodies == []
        writer.close()


async def test_kept_alive_answers_are_not_held_back() -> None:
    """No socket of ours waits for acknowledgements (TCP_NODELAY)."""
    async with served() as http, http.client() as client:
        await client.get("/open")
        assert list(_no_delay(http.server.port)) == [1]


def _no_delay(port: int) -> Iterator[int]:
    """TCP_NODELAY of every connection of this process whose own port it is."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(name))) as each:
            if each.family == socket.AF_INET and each.getsockname()[1] == port and each.getpeername():
                yield each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_named_proxy_tells_whose_request_it_is_and_each_client_has_a_share() -> None:
    """Another's word is not taken."""
    async with served(proxies=("127.0.0.0/8",), max_per_address=2) as http:  # noqa: SIM117
        async with http.client(limits=httpx.Limits(max_connections=20)) as client:
            from_one = {"X-Forwarded-For": "192.0.2.7"}
            waiting = [asyncio.create_task(client.get("/wait", headers=from_one)) for _ in range(2)]
            for _ in waiting:
                await http.waiting.acquire()
            assert (await client.get("/open", headers=from_one)).status_code == 429
            other = await client.get("/open", headers={"X-Forwarded-For": "203.0.113.9, 192.0.2.8"})
            assert (other.status_code, other.text) == (200, "192.0.2.8"), "the last that the proxy itself added"
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    async with served() as http, http.client() as client:
        assert (await client.get("/open", headers={"X-Forwarded-For": "192.0.2.7"})).text == "127.0.0.1"


async def test_accept_errors_are_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file handles left: a pause and one line in the log, not thousands; then it goes on."""
    async with served() as http:
        loop = asyncio.get_running_loop()
        real, tries = loop.sock_accept, 0

        async def none_left(listener: socket.socket) -> tuple[socket.socket, Any]:
            nonlocal tries
            tries += 1
            if tries <= 2:
                raise OSError(24, "Too many open files")
            return await real(listener)

        monkeypatch.setattr(loop, "sock_accept", none_left)
        async with http.client() as client:
            for _ in range(4):
                assert (await client.get("/open", headers={"Connection": "close"})).status_code == 200
        assert http.refused == {"accept_failed": 2}


def _certificate(folder: Path) -> Tls:
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return Tls(certificate=folder / "cert.pem", key=folder / "key.pem")


async def test_https_by_setting_and_a_handshake_that_never_comes_is_not_waited_for(tmp_path: Path) -> None:
    """TLS 1.2 at least."""
    tls = _certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(tls.certificate))
    async with served(tls=tls_context(tls)) as http:
        async with httpx.AsyncClient(verify=trusting, trust_env=False) as client:
            assert (await client.get(f"https://127.0.0.1:{http.server.port}/open")).text == "127.0.0.1"
        reader, writer = await http.opened()
        writer.write(b"GET /open HTTP/1.1\r\n\r\n")  # no TLS at all
        await asyncio.wait_for(reader.read(), 10)
        await http.until_refused("handshake")
        writer.close()
        await http.until_closed()


async def test_handshakes_that_never_end_cost_little_memory(tmp_path: Path) -> None:
    """A hundred of them: each a fraction of what asyncio keeps for one by itself."""
    tls = tls_context(_certificate(tmp_path))
    tracemalloc.start()
    try:
        async with served(tls=tls, max_per_address=200) as http:
            before, _ = tracemalloc.get_traced_memory()
            held = [await http.opened() for _ in range(100)]
            async with asyncio.timeout(10):
                while http.server.connections < 100:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0)
            assert tracemalloc.get_traced_memory()[0] - before < 100 * 64 * 1024
            for _, writer in held:
                writer.close()
    finally:
        tracemalloc.stop()


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    """With the setting."""
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"web\.tls: .*cert\.pem"):
        tls_context(Tls(certificate=tmp_path / "cert.pem", key=tmp_path / "missing.pem"))


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_a_customer_s_ipv6_network_is_one_client(address: Any, host: int) -> None:
    """However many addresses it has (RFC 6177)."""
    if address.ipv4_mapped is None:
        other = type(address)((int(address) >> 64 << 64) | host)
        if other.ipv4_mapped is None:
            assert client_of(str(address)) == client_of(str(other))


def test_an_ipv4_address_in_ipv6_clothes_is_the_same_client() -> None:
    """A listener on "::" sees them so."""
    assert client_of("::ffff:192.0.2.7") == client_of("192.0.2.7") == "192.0.2.7"


async def test_a_websocket_whose_other_end_is_gone_without_a_word_ends_soon_where_somebody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A desk's; a customer's phone may be in a lift, and has longer."""
    monkeypatch.setattr(connections, "_PROMPT_PING_S", 0.02)
    monkeypatch.setattr(connections, "_PROMPT_PONG_S", 0.05)
    ended: asyncio.Queue[str] = asyncio.Queue()

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
        ended.put_nowait(socket.url.path)

    app = Starlette(routes=[WebSocketRoute("/{who}/ws", talk)])
    server = await serve(app, listen("127.0.0.1", 0, setting="test"), prompt=("/desk/",))
    asks = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    asks += b"Sec-WebSocket-Key: " + b"A" * 22 + b"==\r\n\r\n"
    silent = []
    for path in (b"/chat/ws", b"/desk/ws"):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + asks)
        assert b" 101 " in await reader.readline()
        silent.append(writer)
    async with asyncio.timeout(10):
        assert await ended.get() == "/desk/ws"
    assert ended.empty()
    for writer in silent:
        writer.close()
    await server.close()
