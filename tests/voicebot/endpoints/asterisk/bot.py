"""Our side against the fake Asterisk: its calls wait to be served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pydantic import SecretStr

from tests.voicebot.endpoints.asterisk.fake_asterisk import PASSWORD, USER, Channel, FakeAsterisk
from tests.voicebot.endpoints.looking import until
from voicebot.endpoints.asterisk.applications import Applications
from voicebot.endpoints.asterisk.ari_endpoint import AriEndpoint
from voicebot.endpoints.asterisk.ari_leg import AriLeg
from voicebot.endpoints.asterisk.media_server import MediaServer
from voicebot.endpoints.asterisk.settings import AriSettings, AsteriskSettings, MediaSettings, MediaWay
from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.leg import Leg

MEDIA_PASSWORD = "media-password-1"
DEADLINE_S = 20.0


@dataclass
class AriBot:
    """The endpoint, its media server, and the Asterisk before it."""

    asterisk: FakeAsterisk
    endpoint: AriEndpoint
    server: MediaServer
    ringing: asyncio.Queue[AriLeg] = field(default_factory=asyncio.Queue)
    channel: Channel | None = None

    async def serve(self, leg: Leg, identify: Identify) -> None:
        assert isinstance(leg, AriLeg)
        self.ringing.put_nowait(leg)
        await leg.ended.wait()

    async def leg(self, number: str = "+48600100200", exten: str = "802", **headers: str) -> AriLeg:
        """A call, offered; `channel` is its channel."""
        self.channel = await self.asterisk.call(number, exten, **headers)
        return await asyncio.wait_for(self.ringing.get(), DEADLINE_S)

    async def answered(self) -> AriLeg:
        leg = await self.leg()
        await leg.answer()
        return leg


def settings(url: str, way: MediaWay = MediaWay.WEBSOCKET, **more: object) -> AsteriskSettings:
    ari = AriSettings(url=url, user=USER, password=SecretStr(PASSWORD), media=way, request_s=2.0)
    media = MediaSettings(websocket_port=0, audiosocket_port=0, password=SecretStr(MEDIA_PASSWORD))
    return AsteriskSettings.model_validate({"ari": ari, "media": media, "connect_s": 5.0, **more})


@asynccontextmanager
async def running(
    way: MediaWay = MediaWay.WEBSOCKET, *, max_call_s: float = 600.0, applications: Applications | None = None, **more: object
) -> AsyncIterator[AriBot]:
    asterisk = FakeAsterisk(media_password=MEDIA_PASSWORD)
    await asterisk.start()
    given = settings(asterisk.url, way, **more)
    server = MediaServer(given.media)
    await server.start()
    asterisk.media_url = f"ws://127.0.0.1:{server.websocket_port}/media"
    assert given.ari is not None
    bot: AriBot
    endpoint = AriEndpoint(
        given,
        given.ari,
        server,
        lambda leg, identify: bot.serve(leg, identify),
        max_call_s=max_call_s,
        applications=applications,
    )
    bot = AriBot(asterisk, endpoint, server)
    try:
        await endpoint.start()
        await until(lambda: endpoint.healthy)
        yield bot
    finally:
        await endpoint.close()
        await server.close()
        await asterisk.stop()
