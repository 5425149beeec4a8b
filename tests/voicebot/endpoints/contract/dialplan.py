"""The far end of a leg that a dialplan brought: registered by HTTP, its sound by AudioSocket or `chan_websocket`."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.voicebot.endpoints.asterisk.bot import MEDIA_PASSWORD
from tests.voicebot.endpoints.asterisk.fake_asterisk import AudioSocketChannel, MediaChannel, WebSocketChannel
from tests.voicebot.endpoints.contract.far_end import Answer
from voicebot.endpoints.asterisk.dialplan_endpoint import DialplanEndpoint
from voicebot.endpoints.asterisk.dialplan_leg import DialplanLeg
from voicebot.endpoints.asterisk.media_server import MediaServer
from voicebot.endpoints.asterisk.settings import AsteriskSettings, DialplanSettings, MediaSettings
from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.leg import Leg
from voicebot.tasks import cancelled

TOKEN = "dialplan-token-1234"
DEADLINE_S = 10.0


class Dialplan:
    """The endpoint, and a dialplan's way to it."""

    def __init__(self, **settings: Any) -> None:
        dialplan = DialplanSettings(port=0, token=SecretStr(TOKEN), **{"fetch_s": 1.0, **settings})
        media = MediaSettings(websocket_port=0, audiosocket_port=0, password=SecretStr(MEDIA_PASSWORD))
        given = AsteriskSettings(dialplan=dialplan, media=media)
        self.ringing: asyncio.Queue[DialplanLeg] = asyncio.Queue()
        self.server = MediaServer(media)
        self.endpoint = DialplanEndpoint(given, dialplan, self.server, self.serve, max_call_s=600)
        self.http = httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)

    async def serve(self, leg: Leg, identify: Identify) -> None:
        assert isinstance(leg, DialplanLeg)
        self.ringing.put_nowait(leg)
        await leg.ended.wait()

    async def start(self) -> None:
        await self.server.start()
        await self.endpoint.start()
        self.http.base_url = httpx.URL(f"http://127.0.0.1:{self.endpoint.port}")

    async def close(self) -> None:
        await self.endpoint.close()
        await self.server.close()
        await self.http.aclose()

    async def register(self, **told: str) -> str:
        """CURL(…/calls,…); the id for the sound, "" when the default queue takes the call."""
        answer = await self.http.post("/calls", data={"cli": "+48600100200", "did": "802", **told})
        return answer.text

    async def result(self, name: str) -> str:
        return (await self.http.get(f"/calls/{name}/result")).text

    def channel(self, name: str, way: str) -> WebSocketChannel | AudioSocketChannel:
        if way == "websocket":
            return WebSocketChannel(f"ws://127.0.0.1:{self.server.websocket_port}/media?id={name}", MEDIA_PASSWORD)
        return AudioSocketChannel("127.0.0.1", self.server.audiosocket_port, name)


class DialplanFarEnd:
    """Implements `FarEnd`, as far as a dialplan can: it tells of no hold, and takes whatever result it fetches."""

    tells_sip_status = False

    def __init__(self, dialplan: Dialplan, way: str) -> None:
        self._dialplan = dialplan
        self._way = way
        self._name = ""
        self._media: MediaChannel | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def media(self) -> MediaChannel:
        assert self._media is not None
        return self._media

    async def dial(self) -> Leg:
        self._name = await self._dialplan.register(rate="16000" if self._way == "websocket" else "8000")
        self._media = self._dialplan.channel(self._name, self._way)
        self._media.speaking = True
        self._running = asyncio.create_task(self._media.run())
        return await asyncio.wait_for(self._dialplan.ringing.get(), DEADLINE_S)

    async def close(self) -> None:
        await cancelled(self._running)

    async def connected(self) -> None:
        """The dialplan answered before."""

    async def press(self, key: str) -> None:
        await self.media.press(key)

    async def hold(self) -> None:
        pytest.skip("a dialplan tells of no hold")

    async def resume(self) -> None:
        pytest.skip("a dialplan tells of no hold")

    async def renegotiate(self) -> None:
        pytest.skip("the sound's connection is agreed once")

    async def answer_transfer(self, answer: Answer) -> None:
        if answer not in (Answer.COMPLETE, Answer.LEAVE):
            pytest.skip("a dialplan takes the result that it fetches, and goes on")
        await self.hung_up_on()
        if answer is Answer.COMPLETE:
            assert (await self._dialplan.result(self._name)).startswith("cards,")

    async def hung_up_on(self) -> None:
        await asyncio.wait_for(self.media.closed.wait(), DEADLINE_S)

    async def leave(self) -> None:
        await self.media.hang_up()
