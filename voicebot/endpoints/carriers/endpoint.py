"""Calls by carriers' WebSockets: /twilio, /telnyx and /genesys on one port."""

from __future__ import annotations

import asyncio
import hmac
import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from caller_id.directory import CustomerDirectory
from caller_id.identify import identify
from caller_id.types import Caller
from voicebot.endpoints.accepting import AT_ONCE, let_wait
from voicebot.endpoints.carriers.genesys import GenesysStream
from voicebot.endpoints.carriers.genesys_signature import GenesysSignatures, decoded
from voicebot.endpoints.carriers.leg import CarrierLeg
from voicebot.endpoints.carriers.settings import CarriersSettings, GenesysSettings
from voicebot.endpoints.carriers.stream import CarrierStream
from voicebot.endpoints.carriers.telnyx import TelnyxStream
from voicebot.endpoints.carriers.twilio import TwilioStream, is_signed
from voicebot.endpoints.endpoint import EndpointCounts, Serve
from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.leg import CallOffer
from voicebot.endpoints.live_legs import LiveLegs
from voicebot.errors import ConfigError
from voicebot.hosts import uri_host
from voicebot.http.server import tls_context

log = logging.getLogger(__name__)

_MOST_OCTETS = 64 * 1024
_WAITING_MESSAGES = 64
_LOG_EVERY_S = 5.0


class CarriersEndpoint:
    """Implements `voicebot.endpoints.endpoint.Endpoint`."""

    name = "carriers"

    def __init__(
        self,
        settings: CarriersSettings,
        serve: Serve,
        *,
        max_calls: int = 200,
        max_call_s: float = 3600.0,
        directory: CustomerDirectory | None = None,
    ) -> None:
        """`serve` gets every call."""
        self.settings = settings
        self.serve = serve
        self.died = asyncio.Event()
        self._max_calls = max_calls
        self._max_call_s = max_call_s
        self._directory = directory
        self._server: Server | None = None
        self._connections = 0
        self._live: LiveLegs[CarrierLeg] = LiveLegs("carrier")
        self._open = False
        self._refused = self._strangers = 0
        self._next_line = 0.0
        self._signatures = _signatures(settings.genesys)

    @property
    def port(self) -> int:
        """Where carriers come; 0 before the start."""
        return self._server.sockets[0].getsockname()[1] if self._server is not None else 0

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where carriers come."""
        settings = self.settings
        names = [name for name in ("twilio", "telnyx", "genesys") if getattr(settings, name) is not None]
        return tuple(f"ws://{uri_host(settings.host)}:{self.port}/{name}" for name in names) if self._server is not None else ()

    @property
    def healthy(self) -> bool:
        """Whether a call could come in now."""
        return self._open and self._server is not None

    @property
    def counts(self) -> EndpointCounts:
        """Calls since the start."""
        return EndpointCounts(live=len(self._live), refused=self._refused, turned_away=self._strangers)

    async def identify(self, offer: CallOffer) -> Caller:
        """Who calls, by the number that the carrier tells."""
        return await identify(offer.headers, offer.from_uri, offer.to_uri, offer.caller_id, directory=self._directory)

    async def start(self) -> None:
        """Listen. Raises EndpointError."""
        settings = self.settings
        try:
            self._server = await serve(
                self._served,
                settings.host,
                settings.port,
                process_request=self._let_in,
                compression=None,
                max_size=_MOST_OCTETS,
                max_queue=_WAITING_MESSAGES,
                open_timeout=5,
                close_timeout=2,
                server_header=None,
                logger=_quiet(),
                ssl=tls_context(settings.tls, setting="carriers.tls") if settings.tls is not None else None,
                backlog=AT_ONCE,
            )
            let_wait(self._server.sockets)
        except ConfigError as error:
            raise EndpointError(str(error)) from error
        except OSError as error:
            raise EndpointError(
                f"carriers cannot listen on {settings.host}:{settings.port}: {error.strerror or error}. "
                "Set carriers.host and carriers.port to an address that is free."
            ) from error
        self._open = True

    async def drain(self, timeout_s: float) -> bool:
        """Take no new calls and wait for the live ones; False when some are left after `timeout_s`."""
        self._open = False
        return await self._live.none_left(timeout_s)

    async def close(self) -> None:
        """Send every caller to the default queue, and stop."""
        self._open = False
        await self._live.close()
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    def _let_in(self, connection: ServerConnection, request: Request) -> Response | None:
        """Before the handshake is answered: whether it is the carrier. A carrier that is refused goes on in its own flow."""
        why = "it does not prove who it is" if not self._knows(request) else self._unsigned(request)
        if why:
            self._turn_away(why)
            return connection.respond(HTTPStatus.UNAUTHORIZED, "")
        if not self._open or self._connections >= self.settings.max_connections or len(self._live) >= self._max_calls:
            self._refused += 1
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "")
        return None

    def _knows(self, request: Request) -> bool:
        settings, url = self.settings, urlsplit(request.path)
        match url.path:
            case "/twilio" if settings.twilio is not None:
                return is_signed(settings.twilio, _header(request, "X-Twilio-Signature"))
            case "/telnyx" if settings.telnyx is not None:
                return _same(parse_qs(url.query).get("token", [""])[0], settings.telnyx.token.get_secret_value())
            case "/genesys" if settings.genesys is not None:
                return _same(_header(request, "X-API-KEY"), settings.genesys.api_key.get_secret_value())
        return False

    def _unsigned(self, request: Request) -> str:
        """What is wrong with the signature of Genesys; "" where none is asked for."""
        if self._signatures is None or urlsplit(request.path).path != "/genesys":
            return ""
        return self._signatures.fault(request.headers, request.path)

    async def _served(self, connection: ServerConnection) -> None:
        self._connections += 1
        try:
            stream = self._stream(connection)
            if stream is not None:
                await stream.run()
        finally:
            self._connections -= 1

    def _stream(self, connection: ServerConnection) -> CarrierStream[Any] | None:
        settings = self.settings
        path = urlsplit(connection.request.path).path if connection.request is not None else ""
        if path == "/twilio" and settings.twilio is not None:
            return TwilioStream(connection, self._came, settings.twilio)
        if path == "/telnyx" and settings.telnyx is not None:
            return TelnyxStream(connection, self._came, settings.telnyx)
        if path == "/genesys" and settings.genesys is not None:
            return GenesysStream(connection, self._came, settings.genesys)
        return None

    def _came(self, stream: CarrierStream[Any]) -> CarrierLeg | None:
        """A call is known."""
        if not self._open or stream.offer is None or len(self._live) >= self._max_calls:  # many may have been let in at once
            self._refused += 1
            return None
        leg = CarrierLeg(stream.offer, stream, max_call_s=self._max_call_s, silent_s=self.settings.silent_s)
        self._live.serve(leg, self.serve(leg, self.identify))
        return leg

    def _turn_away(self, why: str) -> None:
        self._strangers += 1
        now = asyncio.get_running_loop().time()
        if now >= self._next_line:
            self._next_line = now + _LOG_EVERY_S
            log.warning("a carrier's connection is refused: %s", why, extra={"count": self._strangers})


def _signatures(settings: GenesysSettings | None) -> GenesysSignatures | None:
    if settings is None or settings.client_secret is None:
        return None
    key, secret = settings.api_key.get_secret_value(), settings.client_secret.get_secret_value()
    return GenesysSignatures(key, decoded(secret), authority=settings.authority)


def _header(request: Request, name: str) -> str:
    """What stands in it, if it stands there once."""
    values = request.headers.get_all(name)
    return values[0] if len(values) == 1 else ""


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())


def _quiet() -> logging.Logger:
    """The library logs each broken handshake with a traceback: a flood would fill the disk."""
    logger = logging.getLogger("voicebot.endpoints.carriers.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
