"""Taking connections from a listening socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_network

import structlog

from voicebot.http.connections import Refused
from voicebot.http.places import Place, Places, client_of
from voicebot.http.settings import HttpLimits
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

_TLS_HANDSHAKE_S = 5.0
_PAUSE_S = 0.2
"""After an error of accept: such as no file handles left. Others end meanwhile."""
_TELL_EVERY_S = 60.0


class Acceptor:
    """Takes connections from a listening socket while there is room, in all and for their address. Nobody waits for a place."""

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[Place], asyncio.Protocol],
        *,
        limits: HttpLimits,
        proxies: Sequence[str],
        tls: ssl.SSLContext | None,
        refused: Refused,
        most_per_s: float | None = None,
    ) -> None:
        """`protocol` makes a connection's protocol; it tells the place when the connection is over. `most_per_s` connections are
        taken in a second, the others wait.
        """
        self._listener = listener
        self._protocol = protocol
        self._limits = limits
        self._proxies = [ip_network(each) for each in proxies]
        self._tls = tls
        self._refused = refused
        self._pause_s = 1 / most_per_s if most_per_s else 0.0
        self._places = Places()
        self._task: asyncio.Task[None] | None = None
        self._starting: set[asyncio.Task[None]] = set()
        self._told = float("-inf")

    def __len__(self) -> int:
        """Connections open now."""
        return len(self._places)

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
            else:
                self._take(connection, client)
            await asyncio.sleep(self._pause_s)  # also for no time: in a flood the next one is there already, and others must run

    def _take(self, connection: socket.socket, client: str) -> None:
        place = self._places.take(client)
        starting = asyncio.create_task(self._begin(connection, place), name="http-begin")
        place.close = lambda: _cancel(starting)
        self._starting.add(starting)

        def started(task: asyncio.Task[None]) -> None:
            self._starting.discard(task)
            if task.cancelled():  # perhaps before its first step
                place.leave()
                connection.close()

        starting.add_done_callback(started)

    def _no_room(self, client: str) -> str:
        if self._places.of(client) >= self._limits.max_per_address and not self._is_proxy(client):
            return "address_full"
        if len(self) < self._limits.max_connections:
            return ""
        if not self._places.make_room():
            return "full"
        self._refused("gave_way")
        return ""

    def _is_proxy(self, client: str) -> bool:
        try:
            return any(ip_network(client).subnet_of(network) for network in self._proxies)  # type: ignore[arg-type]
        except (ValueError, TypeError):  # another IP version
            return any(str(ip_network(client)) == str(network) for network in self._proxies)

    async def _begin(self, connection: socket.socket, place: Place) -> None:
        try:
            connection.setblocking(False)
            # small answers must not wait for the acknowledgement of the headers (Nagle's algorithm): 44 ms each
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._protocol(place),
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=_TLS_HANDSHAKE_S if self._tls else None,
            )
        except (OSError, TimeoutError):  # ssl.SSLError is an OSError
            self._refused("handshake")
            place.leave()
            connection.close()
        except BaseException:
            place.leave()
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


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
