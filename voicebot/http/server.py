"""An HTTP server: uvicorn's protocols behind our own acceptor."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from asyncio import sslproto
from collections.abc import Iterator, Sequence
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from voicebot.errors import ConfigError
from voicebot.hosts import family_of
from voicebot.http.acceptor import Acceptor
from voicebot.http.connections import HttpProtocol, Refused
from voicebot.http.settings import HttpLimits, Tls
from voicebot.tasks import cancelled

_CLOSE_S = 2
_BACKLOG = 256
_HEADER_OCTETS = 16 * 1024
_MESSAGE_OCTETS = 64 * 1024
"""A longer WebSocket message ends its connection. The most a chat takes are 4,000 characters: 48,000 octets when all of them are
escaped as surrogate pairs (RFC 8259, section 7)."""
_MESSAGES_WAITING = 8
_TLS_READ_OCTETS = 16 * 1024
"""The longest record (RFC 8446, section 5.1). asyncio keeps a buffer of 256 KB for each connection from its first octet on: a
flood of handshakes that never end cost 900 MB."""


def listen(host: str, port: int, *, setting: str) -> socket.socket:
    """A listening socket. `setting` names the section with `host` and `port`. Raises ConfigError when it cannot listen."""
    try:
        return socket.create_server((host, port), family=family_of(host), backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"{setting} cannot listen on {host}:{port}: {error.strerror}. "
            f"Set {setting}.host and {setting}.port to an address that is free."
        ) from error


def tls_context(tls: Tls, *, setting: str = "web.tls") -> ssl.SSLContext:
    """TLS 1.2 and newer with this certificate. Raises ConfigError, which names `setting`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    sslproto.SSLProtocol.max_size = _TLS_READ_OCTETS
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{setting}: {tls.certificate} and {tls.key} cannot be used: {error.strerror or error}. "
            "Give a certificate and its key as PEM files that the service may read."
        ) from error
    return context


class _Uvicorn(uvicorn.Server):
    """Takes its connections from acceptors."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.acceptor: Acceptor | None = None
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, and say so."""
        await self.lifespan.startup()
        self.servers = []
        if self.acceptor is not None:
            self.acceptor.start()
        self.started = True
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, and let what is under way end."""
        if self.acceptor is not None:
            await self.acceptor.close()
        await super().shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process: stopping is more than closing this server."""
        yield


class HttpServer:
    """A server that runs."""

    def __init__(self, server: uvicorn.Server, acceptor: Acceptor, task: asyncio.Task[None], port: int) -> None:
        self._server = server
        self._acceptor = acceptor
        self._task = task
        self.port = port

    @property
    def connections(self) -> int:
        """Open now."""
        return len(self._acceptor)

    async def close(self) -> None:
        """Finish the requests under way, for two seconds at most, and stop."""
        self._server.should_exit = True
        await asyncio.gather(self._task, return_exceptions=True)


async def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    limits: HttpLimits | None = None,
    proxies: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
    refused: Refused = lambda _: None,
    most_per_s: float | None = None,
    prompt: tuple[str, ...] = (),
) -> HttpServer:
    """Serve until closed, on a socket of `listen`. `proxies` are networks whose X-Forwarded-For header is believed. `most_per_s`
    connections are taken in a second (None: all), however many come. A WebSocket whose path begins with one of `prompt` is over
    within 13 s when its other end is gone without a word; others within 40 s, for a phone may be in a lift.
    """
    limits = limits or HttpLimits()
    config = uvicorn.Config(
        app,
        log_config=None,  # the service's own log chain
        log_level="error",  # a client's bad request is counted, not logged: a log line each would fill the disk
        access_log=False,  # paths hold references
        server_header=False,
        lifespan="off",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_keep_alive=round(limits.keep_alive_s),
        timeout_graceful_shutdown=_CLOSE_S,
        h11_max_incomplete_event_size=_HEADER_OCTETS,
        ws_max_size=_MESSAGE_OCTETS,
        ws_max_queue=_MESSAGES_WAITING,
        ws_per_message_deflate=False,  # messages are short; an unpacker costs memory for each connection
    )
    config.load()
    server = _Uvicorn(config)
    protocol = partial(HttpProtocol, config, server.server_state, {}, limits=limits, refused=refused, prompt=prompt)
    server.acceptor = Acceptor(
        listener,
        lambda place: protocol(place=place),
        limits=limits,
        proxies=proxies,
        tls=tls,
        refused=refused,
        most_per_s=most_per_s,
    )
    task = asyncio.create_task(server.serve(), name="http")
    up = asyncio.create_task(server.up.wait())
    await asyncio.wait({task, up}, return_when=asyncio.FIRST_COMPLETED)
    if not up.done():
        await cancelled(up)
        task.result()
    return HttpServer(server, server.acceptor, task, int(listener.getsockname()[1]))
