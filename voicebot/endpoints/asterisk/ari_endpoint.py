"""Calls that Asterisk hands to our Stasis application."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from dataclasses import replace

from caller_id.directory import CustomerDirectory
from caller_id.identify import identify
from caller_id.types import Caller
from voicebot.endpoints.asterisk.applications import BEAT_S, Applications
from voicebot.endpoints.asterisk.ari import AriClient, AriError, AriEvent
from voicebot.endpoints.asterisk.ari_leg import MEDIA_PREFIX, AriLeg
from voicebot.endpoints.asterisk.media_server import MediaServer
from voicebot.endpoints.asterisk.settings import AriSettings, AsteriskSettings
from voicebot.endpoints.endpoint import EndpointCounts, Serve
from voicebot.endpoints.leg import CARRIED_HEADERS, CallOffer
from voicebot.endpoints.live_legs import LiveLegs
from voicebot.errors import StateError
from voicebot.tasks import cancelled

log = logging.getLogger(__name__)

TRUNK = "asterisk"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
_ORPHAN_S = 3.0
"""A channel in our application that nobody serves so long after a connection began was left by one that died."""


class AriEndpoint:
    """Implements `voicebot.endpoints.endpoint.Endpoint`."""

    name = "asterisk"

    def __init__(
        self,
        settings: AsteriskSettings,
        ari: AriSettings,
        server: MediaServer,
        serve: Serve,
        *,
        max_call_s: float = 3600.0,
        directory: CustomerDirectory | None = None,
        applications: Applications | None = None,
    ) -> None:
        """`serve` gets every call; `server` is open before the start; `applications` are those of all bots at this Asterisk."""
        self.settings = settings
        self.serve = serve
        self.died = asyncio.Event()
        self._ari = AriClient(ari)
        self._server = server
        self._max_call_s = max_call_s
        self._directory = directory
        self._applications = applications
        self._watching: asyncio.Task[None] | None = None
        self._live: LiveLegs[AriLeg] = LiveLegs("asterisk")
        self._legs: dict[str, AriLeg] = {}
        """The same by their channels."""
        self._listener: asyncio.Task[None] | None = None
        self._connected = False
        self._open = False
        self._refused = 0

    @property
    def addresses(self) -> tuple[str, ...]:
        """Whose calls come, and where their sound does."""
        settings = self._ari.settings
        return (f"{settings.app} at {settings.url}", *self._server.addresses) if self._open else ()

    @property
    def healthy(self) -> bool:
        """Whether Asterisk's events reach us."""
        return self._open and self._connected

    @property
    def counts(self) -> EndpointCounts:
        """Calls since the start."""
        return EndpointCounts(live=len(self._legs), refused=self._refused, turned_away=self._server.turned_away)

    async def identify(self, offer: CallOffer) -> Caller:
        """Who calls, by the headers that Asterisk got."""
        return await identify(offer.headers, offer.from_uri, offer.to_uri, offer.caller_id, directory=self._directory)

    async def start(self) -> None:
        """Begin to listen for events. An Asterisk that is away is no error: it is asked again and again."""
        self._open = True
        loop = asyncio.get_running_loop()
        self._listener = loop.create_task(self._listen(), name="ari-events")
        if self._applications is not None:
            self._watching = loop.create_task(self._watch_others(self._applications), name="ari-applications")

    async def drain(self, timeout_s: float) -> bool:
        """Send new calls on to the dialplan, and wait for the live ones; False when some are left after `timeout_s`."""
        self._open = False
        return await self._live.none_left(timeout_s)

    async def close(self) -> None:
        """Send every call on to the dialplan, and stop."""
        self._open = False
        await self._live.close()
        await cancelled(self._listener, self._watching)
        if self._applications is not None:
            with contextlib.suppress(StateError):
                await self._applications.forget(self._ari.settings.app)
        await self._ari.close()

    async def _listen(self) -> None:
        """For ever: connect, take events; when the connection breaks, let the calls go on in the dialplan, and connect anew."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                async for event in self._ari.events():
                    if event is None:
                        wait_s = _FIRST_WAIT_S
                        self._connected = True
                        log.info("asterisk: the application %s is up", self._ari.settings.app)
                        self._live.run(self._free_orphans(), "orphans")
                    else:
                        self._happened(event)
            except AriError as error:
                log.warning("asterisk: %s", error, extra={"code": error.code})
            except Exception:
                log.exception("asterisk: events could not be read")
            self._connected = False
            # without events we would not know what a caller does: the dialplan takes every call on
            await self._live.end("failed")
            await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))  # noqa: S311 - so that several bots do not come at once
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    async def _free_orphans(self) -> None:
        """Callers whom a process before us left in the application go on in the dialplan: nobody would ever speak to them."""
        try:
            held = await self._ari.channels(self._ari.settings.app)
            await asyncio.sleep(_ORPHAN_S)  # those whose start we are only hearing of
            for channel in held:
                if channel not in self._legs:
                    await self._drop_orphan(channel)
        except AriError as error:
            log.warning("asterisk: calls left over could not be looked for: %s", error)

    async def _watch_others(self, applications: Applications) -> None:
        """For ever: callers in the application of a bot that died go on in the dialplan, while there is another bot to see it."""
        while True:
            await asyncio.sleep(BEAT_S)
            if not self._connected:
                continue
            try:
                for app in await applications.dead(self._ari.settings.app):
                    left = await self._left_by(app)
                    for channel in left:
                        await self._drop_orphan(channel)
                    if not left:
                        await applications.forget(app)
            except (AriError, StateError) as error:
                log.warning("asterisk: applications of other bots could not be looked at: %s", error)
            except Exception:
                log.exception("asterisk: applications of other bots could not be looked at")

    async def _left_by(self, app: str) -> list[str]:
        """Channels in the application of a dead bot. Raises AriError."""
        try:
            return await self._ari.channels(app)
        except AriError as error:
            if error.gone:
                return []
            raise

    async def _drop_orphan(self, channel: str) -> None:
        with contextlib.suppress(AriError):
            if channel.startswith(MEDIA_PREFIX):
                if all(leg.media_id != channel for leg in self._legs.values()):
                    await self._ari.ask("DELETE", "channels", channel)
            else:
                log.warning("asterisk: a caller whom nobody serves goes on in the dialplan", extra={"call_ref": channel})
                await self._ari.ask("POST", "channels", channel, "continue")

    def _happened(self, event: AriEvent) -> None:
        """Pass an event on. Those of channels that we do not know are nobody's."""
        if event.channel.startswith(MEDIA_PREFIX):
            for leg in self._legs.values():
                if leg.media_id == event.channel:
                    leg.on_event(event)
        elif event.channel in self._legs:
            self._legs[event.channel].on_event(event)
        elif event.type == "StasisStart" and event.channel:
            self._begin(event)

    def _begin(self, event: AriEvent) -> None:
        """Whatever goes wrong in serving the call, the caller goes on in the dialplan."""
        if not self._open:
            self._live.run(self._refuse(event.channel), "refused")
            return
        offer = CallOffer(event.channel, f"sip:{event.number or 'anonymous'}@asterisk", f"sip:{event.exten}@asterisk")
        # a leg from the first moment on, so that it misses nothing that happens to the call
        leg = AriLeg(offer, self._ari, self._server, self.settings, max_call_s=self._max_call_s)
        self._legs[event.channel] = leg
        self._live.serve(leg, self._serve(leg, event), after=lambda: self._forget(event.channel))

    async def _serve(self, leg: AriLeg, event: AriEvent) -> None:
        headers = await self._headers(event)
        leg.offer = replace(leg.offer, headers=headers, trunk=TRUNK, caller_id=self.settings.caller_id, steered=True)
        await self.serve(leg, self.identify)

    def _forget(self, channel: str) -> None:
        del self._legs[channel]

    async def _refuse(self, channel: str) -> None:
        self._refused += 1
        with contextlib.suppress(AriError):
            await self._ari.ask("POST", "channels", channel, "continue")

    async def _headers(self, event: AriEvent) -> dict[str, str]:
        """What Asterisk knows of the caller. What it does not answer is not known."""
        wanted = (
            {name.lower(): f"PJSIP_HEADER(read,{name})" for name in CARRIED_HEADERS} if event.name.startswith("PJSIP/") else {}
        )
        wanted["presentation"] = "CALLERID(num-pres)"
        values = await asyncio.gather(
            *(self._ari.variable(event.channel, variable) for variable in wanted.values()), return_exceptions=True
        )
        headers = {name: value for name, value in zip(wanted, values, strict=True) if isinstance(value, str) and value}
        if headers.pop("presentation", "").startswith("prohib"):
            headers.setdefault("privacy", "id")
        return headers
