"""One call that Asterisk handed to our Stasis application, as a leg."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from uuid import uuid4

from voicebot.endpoints.asterisk.ari import AriClient, AriError, AriEvent
from voicebot.endpoints.asterisk.audiosocket import Expected
from voicebot.endpoints.asterisk.media_server import MediaServer
from voicebot.endpoints.asterisk.settings import AriSettings, AsteriskSettings, MediaWay
from voicebot.endpoints.errors import CallGone
from voicebot.endpoints.leg import CallOffer, TransferOutcome, TransferTarget
from voicebot.endpoints.streams.leg import StreamLeg
from voicebot.endpoints.streams.variables import variables_of
from voicebot.hosts import uri_host

log = logging.getLogger(__name__)

MEDIA_PREFIX = "voicebot-media-"
"""Of the ids of the channels that carry our sound: no caller is behind them."""
_RATE = 16000
_LEFT_S = 0.5
"""How long the channel may take to leave our application once it was sent on."""


class AriLeg(StreamLeg):
    """Whatever ends it but a hang-up by us, the caller goes on in the dialplan: behind Stasis stands the default queue."""

    def __init__(
        self, offer: CallOffer, ari: AriClient, server: MediaServer, settings: AsteriskSettings, *, max_call_s: float
    ) -> None:
        """`offer.call_ref` is the channel's id."""
        super().__init__(offer, max_call_s=max_call_s, silent_s=settings.silent_s, connect_s=settings.connect_s)
        self.media_id = f"{MEDIA_PREFIX}{uuid4()}"
        self._ari = ari
        self._server = server
        self._name = str(uuid4())  # by which our sound's connection is known
        self._bridge = f"voicebot-{uuid4()}"
        self._bridged = False
        self._media_there = asyncio.Event()
        self._hanging_up = False
        self._sent_on = False

    @property
    def _settings(self) -> AriSettings:
        return self._ari.settings

    @property
    def _channel(self) -> str:
        return self.offer.call_ref

    def on_event(self, event: AriEvent) -> None:
        """Something happened to the caller's channel, or to that of our sound."""
        if event.channel == self.media_id:
            if event.type == "StasisStart":
                self._media_there.set()
            return
        match event.type:
            case "ChannelDtmfReceived":
                super().pressed(event.digit)
            case "ChannelHold":
                self.holds(True)
            case "ChannelUnhold":
                self.holds(False)
            case "ChannelHangupRequest":
                self._hanging_up = True
            case "StasisEnd" | "ChannelDestroyed":
                self._left(event)

    def pressed(self, key: str) -> None:
        """Keys reach our sound's channel as well: those of the caller's own count."""

    def _left(self, event: AriEvent) -> None:
        if self._letting_go:
            self._over(self._cause, self._detail or event.cause)
        elif self._sent_on and not self._hanging_up:
            self._over("transferred", event.cause)
        else:
            self._over("hangup", event.cause)

    async def _pick_up(self) -> None:
        try:
            await self._ari.ask("POST", "channels", self._channel, "answer")
            await self._ari.ask("POST", "bridges", type="mixing", bridgeId=self._bridge)
            self._bridged = True
            await self._open_media()
            await self._media_there.wait()
            await self._ari.ask("POST", "bridges", self._bridge, "addChannel", channel=f"{self._channel},{self.media_id}")
        except AriError as error:
            if error.gone and self.ended.is_set():
                raise CallGone("the caller left while the call was being answered") from error
            raise

    async def _open_media(self) -> None:
        settings, name = self._settings, self._name
        self._server.expect(name, Expected(self, _RATE))
        if settings.media is MediaWay.WEBSOCKET:
            way = {
                "external_host": settings.connection,
                "encapsulation": "none",
                "transport": "websocket",
                "connection_type": "client",
                "transport_data": f"f(json)v(id={name})",
            }
        else:
            host = f"{uri_host(self._server.settings.host)}:{self._server.audiosocket_port}"
            way = {
                "external_host": settings.audiosocket_address or host,
                "encapsulation": "audiosocket",
                "transport": "tcp",
                "data": name,
            }
        way |= {"app": settings.app, "channelId": self.media_id, "format": "slin16", "direction": "both"}
        await self._ari.ask("POST", "channels", "externalMedia", **way)

    async def _steer(self, target: TransferTarget) -> TransferOutcome:
        """Set what the dialplan routes by, and let it go on. An extension that is not there is refused: the caller stays."""
        context = self._settings.context
        try:
            there = await self._ari.variable(self._channel, f"DIALPLAN_EXISTS({context},{target.address},1)")
            if there == "0":
                log.error("transfer: extensions.conf has no %s in the context %s", target.address, context)
                return TransferOutcome(False, "refused")
            for name, value in variables_of(target).items():
                await self._ari.ask("POST", "channels", self._channel, "variable", variable=name, value=value)
            self._sent_on = True
            await self._ari.ask(
                "POST", "channels", self._channel, "continue", context=context, extension=target.address, priority="1"
            )
        except AriError as error:
            self._sent_on = self._sent_on and not error.status  # without an answer it may have gone on
            log.warning("transfer: %s", error, extra={"call_ref": self._channel})
            return TransferOutcome(False, "gone" if error.gone else "refused")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEFT_S):
                await self.ended.wait()
        if self.ended.is_set():
            return TransferOutcome(self._cause == "transferred", "" if self._cause == "transferred" else "gone", 200)
        return TransferOutcome(True, status=100)

    async def _let_go(self, cause: str) -> None:
        try:
            if self._handed_over:
                return
            if cause == "hangup" and self._answered:
                await self._ari.ask("DELETE", "channels", self._channel)
            else:
                await self._ari.ask("POST", "channels", self._channel, "continue")
        except AriError as error:
            if not error.gone:
                raise

    async def release(self) -> None:
        """Take down what carried the sound."""
        self._server.forget(self._name)
        for kind, name in (("channels", self.media_id), ("bridges", self._bridge)):
            if self._bridged:
                with contextlib.suppress(AriError):  # gone with the call
                    await self._ari.ask("DELETE", kind, name)
        await super().release()
