"""Where Asterisk brings the sound of calls that are expected: by `chan_websocket`, by AudioSocket, or both."""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from voicebot.endpoints.accepting import AT_ONCE, let_wait
from voicebot.endpoints.asterisk.audiosocket import AudioSocketConnection, Expected
from voicebot.endpoints.asterisk.chan_websocket import MOST_OCTETS, SUBPROTOCOL, WebSocketMedia
from voicebot.endpoints.asterisk.settings import MediaSettings
from voicebot.endpoints.errors import EndpointError
from voicebot.errors import ConfigError
from voicebot.hosts import uri_host
from voicebot.http.server import tls_context

log = logging.getLogger(__name__)

_CLOSE_S = 2.0
_LOG_EVERY_S = 5.0
_WAITING_MESSAGES = 64


class MediaServer:
    """Listens for Asterisk. A connection that names no expected call is refused, whoever opens it."""

    def __init__(self, settings: MediaSettings) -> None:
        self.settings = settings
        self.turned_away = 0
        self._expected: dict[str, Expected] = {}
        self._connections: set[AudioSocketConnection] = set()
        self._websockets = 0
        self._websocket_server: Server | None = None
        self._audiosocket_server: asyncio.Server | None = None
        self._next_line = 0.0

    def expect(self, name: str, expected: Expected) -> None:
        """The sound of the call `name` (a UUID) will come, once."""
        self._expected[name] = expected

    def forget(self, name: str) -> None:
        """It is not expected any more."""
        self._expected.pop(name, None)

    def expects(self, name: str) -> bool:
        """Whether it is still to come."""
        return name in self._expected

    @property
    def websocket_port(self) -> int:
        """Where `chan_websocket` comes; 0 before the start."""
        return self._websocket_server.sockets[0].getsockname()[1] if self._websocket_server is not None else 0

    @property
    def audiosocket_port(self) -> int:
        """Where AudioSocket comes; 0 before the start."""
        return self._audiosocket_server.sockets[0].getsockname()[1] if self._audiosocket_server is not None else 0

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens."""
        host = uri_host(self.settings.host)
        found = [f"{host}:{self.websocket_port} (chan_websocket)"] if self._websocket_server is not None else []
        return (*found, *([f"{host}:{self.audiosocket_port} (AudioSocket)"] if self._audiosocket_server is not None else []))

    async def start(self) -> None:
        """Listen. Raises EndpointError."""
        settings = self.settings
        try:
            if settings.websocket_port is not None:
                self._websocket_server = await serve(
                    self._served,
                    settings.host,
                    settings.websocket_port,
                    process_request=self._let_in,
                    subprotocols=[Subprotocol(SUBPROTOCOL)],
                    compression=None,
                    max_size=MOST_OCTETS,
                    max_queue=_WAITING_MESSAGES,
                    open_timeout=5,
                    close_timeout=_CLOSE_S,
                    server_header=None,
                    logger=_quiet(),
                    ssl=tls_context(settings.tls, setting="asterisk.media.tls") if settings.tls is not None else None,
                    backlog=AT_ONCE,
                )
                let_wait(self._websocket_server.sockets)
            if settings.audiosocket_port is not None:
                self._audiosocket_server = await asyncio.get_running_loop().create_server(
                    self._audiosocket, settings.host, settings.audiosocket_port, backlog=AT_ONCE
                )
                let_wait(self._audiosocket_server.sockets)
        except ConfigError as error:
            raise EndpointError(str(error)) from error
        except OSError as error:
            await self.close()
            raise EndpointError(
                f"asterisk.media cannot listen on {settings.host}: {error.strerror or error}. "
                "Set asterisk.media.host, websocket_port and audiosocket_port to an address that is free."
            ) from error

    async def close(self) -> None:
        """Listen no more, and close what is left."""
        websockets, self._websocket_server = self._websocket_server, None
        audiosockets, self._audiosocket_server = self._audiosocket_server, None
        if audiosockets is not None:
            audiosockets.close()
            for connection in list(self._connections):
                connection.close()
        if websockets is not None:
            websockets.close()
            await websockets.wait_closed()

    def _audiosocket(self) -> AudioSocketConnection:
        return AudioSocketConnection(lambda name: self._expected.pop(name, None), self._turn_away, self._opened)

    def _opened(self, connection: AudioSocketConnection) -> bool:
        self._connections = {each for each in self._connections if not each.gone}
        if len(self._connections) >= self.settings.max_connections:
            return False
        self._connections.add(connection)
        return True

    def _let_in(self, connection: ServerConnection, request: Request) -> Response | None:
        """Before the handshake is answered: the password, a place, a call that is expected."""
        if not self._knows(request.headers.get("Authorization", "")):
            return self._refused(connection, HTTPStatus.UNAUTHORIZED, "its password is wrong")
        if self._websockets >= self.settings.max_connections:
            return self._refused(connection, HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
        if _name(request.path) not in self._expected:
            return self._refused(connection, HTTPStatus.NOT_FOUND, "its call is not expected")
        return None

    def _knows(self, authorization: str) -> bool:
        settings = self.settings
        if settings.password is None:
            return True
        wanted = base64.b64encode(f"{settings.user}:{settings.password.get_secret_value()}".encode()).decode()
        return hmac.compare_digest(authorization.encode(), f"Basic {wanted}".encode())

    def _refused(self, connection: ServerConnection, status: HTTPStatus, why: str) -> Response:
        self._turn_away(why)
        return connection.respond(status, "")

    async def _served(self, connection: ServerConnection) -> None:
        """One connection, taken: between its request and now somebody else may have named the same call."""
        expected = self._expected.pop(_name(connection.request.path), None) if connection.request is not None else None
        if expected is None:
            self._turn_away("its call is not expected")
            return
        self._websockets += 1
        try:
            await WebSocketMedia(connection, expected).run()
        finally:
            self._websockets -= 1

    def _turn_away(self, why: str) -> None:
        self.turned_away += 1
        now = asyncio.get_running_loop().time()
        if now >= self._next_line:
            self._next_line = now + _LOG_EVERY_S
            log.warning("a media connection is refused: %s", why, extra={"count": self.turned_away})


def _name(path: str) -> str:
    """The call that a request names: `…?id=UUID`."""
    try:
        return parse_qs(urlsplit(path).query).get("id", [""])[0]
    except ValueError:
        return ""


def _quiet() -> logging.Logger:
    """The library logs a line for each broken handshake, with a traceback: a flood would fill the disk."""
    logger = logging.getLogger("voicebot.endpoints.asterisk.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
