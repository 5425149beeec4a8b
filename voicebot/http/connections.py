"""Connections: who gets one, how long each part of a request may take, and counting them until they end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from voicebot.http.settings import HttpLimits
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

Refused = Callable[[str], None]
"""Told the reason when a client is refused: "full", "address_full", "slow_header", "slow_body", "slow_answer", …"""

_TLS_HANDSHAKE_S = 5.0
_PAUSE_S = 0.2
"""After an error of accept: such as no file handles left. Others end meanwhile."""
_TELL_EVERY_S = 60.0


def client_of(address: str) -> str:
    """What counts as one client: an address, or the /64 network of an IPv6 address (one customer's, RFC 6177)."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    mapped = ip.ipv4_mapped
    return str(mapped) if mapped is not None else str(ip_network((ip, 64), strict=False))


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, which also tells when the connection is over."""

    def __init__(self, *args: Any, on_lost: Callable[[], None], **more: Any) -> None:
        super().__init__(*args, **more)
        self._on_lost = on_lost

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._on_lost()
        super().connection_lost(exc)


class HttpProtocol(H11Protocol):
    """uvicorn's, with a time limit for each part of a request: one that comes or is taken octet by octet ends."""

    def __init__(self, *args: Any, limits: HttpLimits, refused: Refused, on_lost: Callable[[], None], **more: Any) -> None:
        super().__init__(*args, **more)
        self._limits = limits
        self._refused = refused
        self._on_lost = on_lost
        self._part = ""
        self._upgraded = False
        self._deadline: asyncio.TimerHandle | None = None
        self.ws_protocol_class = partial(WebSocketProtocol, on_lost=on_lost)  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection begins; its first request is due."""
        super().connection_made(transport)
        self._enter("header")

    def data_received(self, data: bytes) -> None:
        """Something came: perhaps the next part of the request begins."""
        super().data_received(data)
        self._enter(self._part_now())

    def on_response_complete(self) -> None:
        """The answer is out."""
        super().on_response_complete()
        self._enter(self._part_now())

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From now on it is a WebSocket, which may last."""
        self._upgraded = True
        self._enter("")
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._enter("")
        self._on_lost()
        super().connection_lost(exc)

    def _part_now(self) -> str:
        """The part of a request that is under way; "" between requests and after the last."""
        if self._upgraded or self.transport.is_closing():
            return ""
        match self.conn.their_state:
            case h11.IDLE:
                return "header" if self.conn.trailing_data[0] or self._part == "header" else ""
            case h11.SEND_BODY:
                return "body"
            case h11.DONE | h11.MUST_CLOSE:
                return "answer"
        return ""

    def _enter(self, part: str) -> None:
        if part == self._part:
            return  # the limit is for the whole part: a little more of it does not extend the time
        self._part = part
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        limits = {"header": self._limits.header_s, "body": self._limits.body_s, "answer": self._limits.answer_s}
        if part:
            self._deadline = self.loop.call_later(limits[part], self._too_slow)

    def _too_slow(self) -> None:
        self._refused(f"slow_{self._part}")
        self.transport.abort()


class Acceptor:
    """Takes connections from a listening socket while there is room, in all and for their address. Nobody waits for a place."""

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[Callable[[], None]], asyncio.Protocol],
        *,
        limits: HttpLimits,
        proxies: Sequence[str],
        tls: ssl.SSLContext | None,
        refused: Refused,
    ) -> None:
        """`protocol` makes a connection's protocol; it is given what to call when the connection is over."""
        self._listener = listener
        self._protocol = protocol
        self._limits = limits
        self._proxies = [ip_network(each) for each in proxies]
        self._tls = tls
        self._refused = refused
        self._open: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._starting: set[asyncio.Task[None]] = set()
        self._told = float("-inf")

    def __len__(self) -> int:
        """Connections open now."""
        return self._open.total()

    def start(self) -> None:
        """Begin."""
        self._listener.setblocking(False)
        self._task = asyncio.create_task(self._accept_forever(), name="http-accept")

    async def close(self) -> None:
        """Take no more, and close the listening socket. Connections that are open stay."""
        await cancelled(self._task, *self._starting)
        self._listener.close()

    async def _accept_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(self._listener)
            except OSError as error:
                self._tell(error)
                await asyncio.sleep(_PAUSE_S)
                continue
            client = client_of(str(address[0]))
            reason = self._no_room(client)
            if reason:
                self._refused(reason)
                _reset(connection)
                continue
            self._open[client] += 1
            starting = asyncio.create_task(self._begin(connection, client), name="http-begin")
            self._starting.add(starting)
            starting.add_done_callback(self._starting.discard)

    def _no_room(self, client: str) -> str:
        if len(self) >= self._limits.max_connections:
            return "full"
        if self._open[client] >= self._limits.max_per_address and not self._is_proxy(client):
            return "address_full"
        return ""

    def _is_proxy(self, client: str) -> bool:
        try:
            return any(ip_network(client).subnet_of(network) for network in self._proxies)  # type: ignore[arg-type]
        except (ValueError, TypeError):  # another IP version
            return any(str(ip_network(client)) == str(network) for network in self._proxies)

    async def _begin(self, connection: socket.socket, client: str) -> None:
        over = False

        def lost() -> None:
            nonlocal over
            if not over:
                over = True
                self._open[client] -= 1
                if self._open[client] <= 0:
                    del self._open[client]

        try:
            connection.setblocking(False)
            # small answers must not wait for the acknowledgement of the headers (Nagle's algorithm): 44 ms each
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._protocol(lost),
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=_TLS_HANDSHAKE_S if self._tls else None,
            )
        except (OSError, TimeoutError):  # ssl.SSLError is an OSError
            self._refused("handshake")
            lost()
            connection.close()
        except BaseException:
            lost()
            connection.close()
            raise

    def _tell(self, error: OSError) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told >= _TELL_EVERY_S:
            self._told = now
            log.error("connections cannot be accepted", code="http.accept", error=error.strerror)
        self._refused("accept_failed")


def _reset(connection: socket.socket) -> None:
    """Close at once, without a socket that lingers (SO_LINGER 0)."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()
