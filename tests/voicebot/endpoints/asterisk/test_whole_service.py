"""The whole service behind Asterisk: a caller hears the greeting, presses keys, and is in the right queue with all it needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from dialogs.data.bundle import load_bundle
from tests.voicebot.endpoints.asterisk.fake_asterisk import (
    PASSWORD,
    USER,
    AudioSocketChannel,
    Channel,
    FakeAsterisk,
    MediaChannel,
)
from tests.voicebot.running import RunningService, open_service
from voicebot.config.settings import Settings
from voicebot.endpoints.asterisk.ari_endpoint import AriEndpoint
from voicebot.endpoints.asterisk.dialplan_endpoint import DialplanEndpoint
from voicebot.tasks import cancelled

MEDIA_PASSWORD, TOKEN = "media-password-1", "dialplan-token-1234"
LINE = "+48225550100"
DEADLINE_S = 60.0
SPOKEN_S = 0.5


async def soon(happened: Callable[[], object]) -> None:
    """A whole service on a busy machine takes its time."""
    async with asyncio.timeout(DEADLINE_S):
        while not happened():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def behind_asterisk(folder: Path, **sections: Any) -> AsyncIterator[tuple[RunningService, FakeAsterisk]]:
    asterisk = FakeAsterisk(media_password=MEDIA_PASSWORD)
    asterisk.extensions = {queue.target or name for name, queue in load_bundle(Settings().bundle).queues.items()}
    await asterisk.start()
    try:
        settings = {
            "ari": {"url": asterisk.url, "user": USER, "password": PASSWORD},
            "media": {"websocket_port": 0, "password": MEDIA_PASSWORD},
        }
        async with open_service(folder, asterisk=settings, **sections) as service:
            (endpoint,) = [each for each in service.service.endpoints if isinstance(each, AriEndpoint)]
            asterisk.media_url = f"ws://127.0.0.1:{endpoint._server.websocket_port}/media"
            await soon(lambda: endpoint.healthy)
            yield service, asterisk
    finally:
        await asterisk.stop()


async def greeted(asterisk: FakeAsterisk, channel: Channel) -> MediaChannel:
    await soon(lambda: asterisk.media_of(channel))
    (sound,) = asterisk.media_of(channel)
    await soon(lambda: len(sound.played) > SPOKEN_S * 32_000)
    return sound


async def test_a_caller_by_ari_is_in_the_right_queue_and_the_agent_finds_the_context(tmp_path: Path) -> None:
    async with behind_asterisk(tmp_path) as (service, asterisk):
        channel = await asterisk.call("+48600100200", LINE)
        await greeted(asterisk, channel)
        for key in "91":
            await asterisk.press(channel, key)
        await soon(lambda: channel.place)
        assert channel.place == ("steer-queues", "card_emergency")
        told = channel.variables
        assert (told["QUEUE"], told["QUEUE_PRIO"], told["INTENT"], told["LANGUAGE"]) == (
            "card_emergency",
            "10",
            "card_block",
            "pl",
        )
        assert "600100200" not in "".join(told.values())
        async with service.api() as api:
            record = (await api.get(f"/api/handoffs/{told['HANDOFF_REF']}")).json()
        assert (record["queue"], record["call_ref"]) == ("card_emergency", channel.id)
        ((call_id, _),) = service.journals.items()
        await service.closed(call_id)
        assert not channel.hung_up
        await soon(lambda: not asterisk.media and not asterisk.bridges)


async def test_who_is_full_sends_callers_to_the_dialplan_unanswered(tmp_path: Path) -> None:
    async with behind_asterisk(tmp_path, limits={"max_calls": 1}) as (_, asterisk):
        first = await asterisk.call("+48600100200", LINE)
        await greeted(asterisk, first)
        second = await asterisk.call("+48600100201", LINE)
        await soon(lambda: second.place)
        assert (second.place, second.state) == (("", ""), "Ring")
        assert first.place is None


async def test_a_service_that_stops_puts_its_callers_through(tmp_path: Path) -> None:
    """Told, and in the default queue."""
    async with behind_asterisk(tmp_path) as (service, asterisk):
        channel = await asterisk.call("+48600100200", LINE)
        await greeted(asterisk, channel)
        await service.service.drain(0.1)
        assert channel.place == ("steer-queues", "general")
        assert channel.variables["HANDOFF_REF"]


async def test_a_dialplan_without_rights_learns_the_queue(tmp_path: Path) -> None:
    settings = {"dialplan": {"port": 0, "token": TOKEN}, "media": {"websocket_port": None, "audiosocket_port": 0}}
    async with open_service(tmp_path, asterisk=settings) as service:
        (endpoint,) = [each for each in service.service.endpoints if isinstance(each, DialplanEndpoint)]
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{endpoint.port}", headers=headers, trust_env=False) as dialplan:
            name = (await dialplan.post("/calls", data={"cli": "+48600100200", "did": LINE})).text
            sound = AudioSocketChannel("127.0.0.1", endpoint._server.audiosocket_port, name)
            running = asyncio.create_task(sound.run())
            try:
                await soon(lambda: len(sound.played) > SPOKEN_S * 16_000)
                for key in "91":
                    await sound.press(key)
                await asyncio.wait_for(sound.closed.wait(), DEADLINE_S)
                result = (await dialplan.get(f"/calls/{name}/result")).text.split(",")
            finally:
                await cancelled(running)
        assert result[:2] == ["card_emergency", "10"]
        assert result[3:5] == ["card_block", "pl"]
        ((call_id, _),) = service.journals.items()
        await service.closed(call_id)
