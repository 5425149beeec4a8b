"""Serving the API in the loop that also runs the calls."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from voicebot.errors import ConfigError
from voicebot.tasks import cancelled

_CLOSE_S = 2
_MESSAGE_OCTETS = 64 * 1024
"""A longer WebSocket message ends its connection. The most a chat takes are 4,000 characters: 48,000 octets when all of them are
escaped as surrogate pairs (RFC 8259, section 7)."""
_MESSAGES_WAITING = 8


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when requests are taken."""
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the service: stopping is more than closing this server."""
        yield


class WebServer:
    """A server that runs."""

    def __init__(self, server: uvicorn.Server, task: asyncio.Task[None]) -> None:
        self._server = server
        self._task = task

    async def close(self) -> None:
        """Finish the requests under way, for two seconds at most, and stop."""
        self._server.should_exit = True
        await asyncio.gather(self._task, return_exceptions=True)


async def serve(app: ASGIApp, host: str, port: int) -> tuple[WebServer, int]:
    """Serve until closed. Returns the server and its port (a free one for `port` 0). Raises ConfigError when it cannot listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise ConfigError(
            f"the web API cannot listen on {host}:{port}: {error.strerror}. Set web.host and web.port to an address that is free."
        ) from error
    server = _Uvicorn(
        uvicorn.Config(
            app,
            log_config=None,  # the service's own log chain
            access_log=False,  # paths hold references
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_CLOSE_S,
            ws_max_size=_MESSAGE_OCTETS,
            ws_max_queue=_MESSAGES_WAITING,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name="web")
    up = asyncio.create_task(server.up.wait())
    await asyncio.wait({task, up}, return_when=asyncio.FIRST_COMPLETED)
    if not up.done():
        await cancelled(up)
        task.result()
    return WebServer(server, task), int(listener.getsockname()[1])
