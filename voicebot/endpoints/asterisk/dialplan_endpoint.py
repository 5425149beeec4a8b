"""Calls that a dialplan brings without giving us any rights: it registers them by HTTP, connects the sound, asks for the result.

POST /calls (a form: id, cli, pai, did, diversion, uui, privacy, call_ref, rate) answers with the id by which the sound comes.
GET /calls/ID/result answers with QUEUE,QUEUE_PRIO,SEGMENT,INTENT,LANGUAGE,HANDOFF_REF,WHISPER; "hangup"; or nothing, which means
the default queue. Both want `Authorization: Bearer TOKEN`.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Mapping
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from caller_id.directory import CustomerDirectory
from caller_id.identify import identify
from caller_id.types import Caller
from voicebot.endpoints.asterisk.audiosocket import RATES, Expected
from voicebot.endpoints.asterisk.dialplan_leg import DEFAULT_QUEUE, DialplanLeg
from voicebot.endpoints.asterisk.media_server import MediaServer
from voicebot.endpoints.asterisk.settings import AsteriskSettings, DialplanSettings
from voicebot.endpoints.endpoint import EndpointCounts, Serve
from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.leg import CallOffer
from voicebot.endpoints.live_legs import LiveLegs
from voicebot.errors import ConfigError
from voicebot.hosts import uri_host
from voicebot.http.server import HttpServer, listen, serve
from voicebot.http.settings import HttpLimits

log = logging.getLogger(__name__)

TRUNK = "asterisk"
_HEADERS = {
    "pai": "p-asserted-identity",
    "privacy": "privacy",
    "diversion": "diversion",
    "history": "history-info",
    "identity": "identity",
    "uui": "user-to-user",
    "call_ref": "x-call-ref",
    "ticket": "x-ticket",
}
"""Header names by those of the form."""
_LIMITS = HttpLimits(max_connections=64, max_per_address=64, header_s=2, body_s=2, answer_s=5, max_body_octets=16 * 1024)
_MOST_FIELDS = 32


class DialplanEndpoint:
    """Implements `voicebot.endpoints.endpoint.Endpoint`."""

    name = "dialplan"

    def __init__(
        self,
        settings: AsteriskSettings,
        dialplan: DialplanSettings,
        server: MediaServer,
        serve: Serve,
        *,
        max_calls: int = 200,
        max_call_s: float = 3600.0,
        directory: CustomerDirectory | None = None,
    ) -> None:
        """`serve` gets every call whose sound has come; `server` is open before the start."""
        self.settings = settings
        self.dialplan = dialplan
        self.serve = serve
        self.died = asyncio.Event()
        self._server = server
        self._max_calls = max_calls
        self._max_call_s = max_call_s
        self._directory = directory
        self._known: dict[str, DialplanLeg] = {}
        self._live: LiveLegs[DialplanLeg] = LiveLegs("dialplan")
        self._http: HttpServer | None = None
        self._open = False
        self._refused = 0
        self._strangers = 0

    @property
    def port(self) -> int:
        """Where the dialplan registers calls; 0 before the start."""
        return self._http.port if self._http is not None else 0

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the dialplan registers calls, and where their sound comes."""
        if self._http is None:
            return ()
        return (f"http://{uri_host(self.dialplan.host)}:{self.port}/calls", *self._server.addresses)

    @property
    def healthy(self) -> bool:
        """Whether a call could come in now."""
        return self._open and self._http is not None

    @property
    def counts(self) -> EndpointCounts:
        """Calls since the start."""
        return EndpointCounts(live=len(self._live), refused=self._refused, turned_away=self._strangers)

    async def identify(self, offer: CallOffer) -> Caller:
        """Who calls, by what the dialplan told."""
        return await identify(offer.headers, offer.from_uri, offer.to_uri, offer.caller_id, directory=self._directory)

    async def start(self) -> None:
        """Listen. Raises EndpointError."""
        app = Starlette(
            routes=[
                Route("/calls", self._register, methods=["POST"]),
                Route("/calls/{name}/result", self._result, methods=["GET"]),
            ]
        )
        try:
            self._http = await serve(
                app, listen(self.dialplan.host, self.dialplan.port, setting="asterisk.dialplan"), limits=_LIMITS
            )
        except ConfigError as error:
            raise EndpointError(str(error)) from error
        self._open = True

    async def drain(self, timeout_s: float) -> bool:
        """Take no new calls and wait for the live ones; False when some are left after `timeout_s`."""
        self._open = False
        return await self._live.none_left(timeout_s)

    async def close(self) -> None:
        """End every call's sound, so that the dialplan goes on, and stop; results can be fetched until the end."""
        self._open = False
        await self._live.close()
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def _register(self, request: Request) -> Response:
        """An answer without a body, whatever its status, sends the dialplan to its default queue."""
        if not self._knows(request):
            return Response(status_code=401)
        if not self._open or len(self._live) >= self._max_calls:
            self._refused += 1
            return Response(status_code=503, headers={"Retry-After": "5"})
        told = _form(await request.body())
        name, rate = _uuid(told.get("id", "")), told.get("rate", "8000")
        if name is None or name in self._known or not rate.isdecimal() or int(rate) not in RATES.values():
            return Response(status_code=422)
        leg = DialplanLeg(
            _offer(name, told, self.settings),
            self._came,
            max_call_s=self._max_call_s,
            silent_s=self.settings.silent_s,
            fetch_s=self.dialplan.fetch_s,
        )
        self._known[name] = leg
        self._server.expect(name, Expected(leg, int(rate)))
        asyncio.get_running_loop().call_later(self.dialplan.expect_s, self._forget_unless_there, name)
        return PlainTextResponse(name)

    async def _result(self, request: Request) -> Response:
        if not self._knows(request):
            return Response(status_code=401)
        leg = self._known.get(request.path_params["name"])
        return PlainTextResponse(leg.fetch() if leg is not None else DEFAULT_QUEUE)

    def _knows(self, request: Request) -> bool:
        wanted = f"Bearer {self.dialplan.token.get_secret_value()}"
        known = hmac.compare_digest(request.headers.get("authorization", "").encode(), wanted.encode())
        self._strangers += not known
        return known

    def _forget_unless_there(self, name: str) -> None:
        if self._server.expects(name):
            self._server.forget(name)
            self._known.pop(name, None)
            self._refused += 1
            log.warning("dialplan: a call was registered, and its sound never came", extra={"call_ref": name})

    def _came(self, leg: DialplanLeg) -> None:
        """Whatever goes wrong in serving the call, the dialplan takes the caller on."""
        self._live.serve(leg, self.serve(leg, self.identify), after=lambda: self._keep_result(leg.offer.call_ref))

    def _keep_result(self, name: str) -> None:
        asyncio.get_running_loop().call_later(self.dialplan.fetch_s, self._known.pop, name, None)


def _form(body: bytes) -> dict[str, str]:
    """What the dialplan tells; nothing of a form that is none."""
    try:
        return dict(parse_qsl(body.decode(errors="replace"), max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


def _uuid(text: str) -> str | None:
    """The dialplan's own id, or a new one; None for what is no UUID."""
    try:
        return str(UUID(text) if text else uuid4())
    except ValueError:
        return None


def _offer(name: str, told: Mapping[str, str], settings: AsteriskSettings) -> CallOffer:
    return CallOffer(
        call_ref=name,
        from_uri=f"sip:{told.get('cli', 'anonymous')}@asterisk",
        to_uri=f"sip:{told.get('did', '')}@asterisk",
        headers={header: told[field] for field, header in _HEADERS.items() if field in told},
        trunk=TRUNK,
        caller_id=settings.caller_id,
        steered=True,
    )
