"""The endpoint for the app's calls: an account of its own in the SIP endpoint's stack, which takes whoever names a session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import Protocol

from baresip import Account, BaresipError, Call

from caller_id.tied import tied_caller
from caller_id.types import Caller
from voicebot.endpoints.endpoint import EndpointCounts, Serve
from voicebot.endpoints.leg import CallOffer
from voicebot.endpoints.live_legs import LiveLegs
from voicebot.endpoints.sip.codecs import CODEC_SPECS
from voicebot.endpoints.sip.endpoint import SipEndpoint, offer_of
from voicebot.endpoints.sip.settings import APP_SESSION
from voicebot.endpoints.web_call.leg import WebLeg
from voicebot.endpoints.web_call.session import AppSession
from voicebot.endpoints.web_call.settings import WebCallSettings
from voicebot.errors import StateError
from voicebot.hosts import uri_host

log = logging.getLogger(__name__)

_LOG_EVERY_S = 5.0


class Sessions(Protocol):
    """Where the web process left what it knows of a call (see `AppSessions`)."""

    async def take(self, name: str) -> AppSession | None:
        """Once. Raises StateError."""
        ...


class WebCallEndpoint:
    """Implements `voicebot.endpoints.endpoint.Endpoint`. `sip` is started before it, and closed after it."""

    name = "web_call"

    def __init__(self, settings: WebCallSettings, sip: SipEndpoint, sessions: Sessions, serve: Serve) -> None:
        """`serve` gets every call; `sessions` tell whose it is."""
        self.settings = settings
        self.serve = serve
        self.died = asyncio.Event()
        self._sip = sip
        self._sessions = sessions
        self._known: dict[str, AppSession] = {}
        self._live: LiveLegs[WebLeg] = LiveLegs("web-call")
        self._open = False
        self._refused = 0
        self._next_line = 0.0

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens: for this machine alone."""
        host, port = self._sip.address
        return (f"{self.settings.user}@{uri_host(host)}:{port} (own machine)",) if self._open else ()

    @property
    def healthy(self) -> bool:
        """Whether a call could come in now."""
        return self._open and self._sip.healthy

    @property
    def counts(self) -> EndpointCounts:
        """Calls since the start; strangers and malformed messages are the stack's, and counted there."""
        return EndpointCounts(live=len(self._live), refused=self._refused)

    async def start(self) -> None:
        """Put the account into the running stack. Raises EndpointError."""
        account = Account(
            user=self.settings.user,
            domain=uri_host(self._sip.settings.host),
            password="",
            reg_interval=0,
            transport="udp",
            audio_codecs=(CODEC_SPECS["opus"],),
            # the stack's own settings are not enough for rtcp-mux, which browsers insist on
            extra_params=("video_codecs=none", "mediaenc=dtls_srtp", "medianat=ice", "rtcp_mux=yes"),
        )
        await self._sip.share(account, self._incoming, lambda: len(self._live), self._pressed)
        self._open = True

    async def identify(self, offer: CallOffer) -> Caller:
        """The customer of the ticket."""
        session = self._known.get(offer.call_ref)
        return tied_caller(Caller(), session.proof) if session is not None else Caller()

    async def drain(self, timeout_s: float) -> bool:
        """Take no new calls and wait for the live ones; False when some are left after `timeout_s`."""
        self._open = False
        return await self._live.none_left(timeout_s)

    async def close(self) -> None:
        """End every call; harmless when closed."""
        self._open = False
        await self._live.close()

    def _incoming(self, call: Call) -> None:
        if not self._open or self._sip.full:
            self._refuse(call, "closing" if not self._open else "too many calls")
            return
        offer = replace(offer_of(call), takes_refer=False)
        leg = WebLeg(call, offer, self._sip.settings, self._sip.trace, self.settings)
        self._live.serve(leg, self._serve(call, leg), after=lambda: self._forget(leg))

    async def _serve(self, call: Call, leg: WebLeg) -> None:
        """One call from offer to end. Whoever names no session that waits is refused, wherever it came from."""
        session = await self._session(leg.offer)
        if session is None:
            self._refuse(call, "no such session")
            await leg.ended.wait()
            return
        self._known[leg.offer.call_ref] = session
        leg.offer = replace(leg.offer, app_call=session.call)
        await self.serve(leg, self.identify)

    def _pressed(self, call_ref: str, key: str) -> None:
        for leg in self._live:
            if leg.offer.call_ref == call_ref:
                leg.key_came(key)

    def _forget(self, leg: WebLeg) -> None:
        self._known.pop(leg.offer.call_ref, None)

    async def _session(self, offer: CallOffer) -> AppSession | None:
        try:
            return await self._sessions.take(offer.headers.get(APP_SESSION.lower(), ""))
        except StateError as error:
            log.warning("an app's call is refused: %s", error)
            return None

    def _refuse(self, call: Call, why: str) -> None:
        self._refused += 1
        now = asyncio.get_running_loop().time()
        if now >= self._next_line:
            self._next_line = now + _LOG_EVERY_S
            log.warning("app call refused: %s", why, extra={"count": self._refused})
        self._live.run(_reject(call), "reject")


async def _reject(call: Call) -> None:
    with contextlib.suppress(BaresipError):  # it has gone
        await call.reject()
