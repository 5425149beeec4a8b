"""The real web process beside a real service: started, killed, attacked and stopped, while calls go on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from dialogs.data.bundle import load_bundle
from tests.voicebot.chat.bank import Customer
from tests.voicebot.running import TOKEN, quick_engines
from voicebot.config.settings import Settings
from voicebot.conversation.session import utc_now
from voicebot.service import Service, open_service
from voicebot.web.process import WebProcess, child_settings
from voicebot.web.service import open_listeners

AUTH = {"Authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def running(folder: Path, **web: Any) -> AsyncIterator[tuple[Service, WebProcess, Any]]:
    """The calls in this process, the web in its own; the keyword understander's pack has no model to train."""
    sip = {"host": "127.0.0.1", "port": 0, "peers": ["127.0.0.1/32"], "net_interface": "127.0.0.1", "transports": ["udp"]}
    settings = Settings.model_validate(
        {
            "sip": {**sip, "rtp_ports": [22000, 22999]},
            "state": {"data_dir": str(folder)},
            "health": {"port": 0},
            "web": {"port": 0, "token": TOKEN, **web},
            "limits": {"drain_s": 1},
            "nlu": {"semantic": False},
        }
    )
    listeners = open_listeners(settings)
    async with (
        quick_engines(load_bundle(settings.bundle), folder, utc_now) as engines,
        open_service(settings, engines=engines) as service,
    ):
        process = WebProcess(
            child_settings(settings, state_url=service.stores.url, health=service.health, sip=service.addresses), listeners
        )
        process.start()
        try:
            assert await process.ready(90)
            yield service, process, listeners
        finally:
            await process.drain(1)
            await process.close()


async def test_the_web_is_a_process_that_is_started_again_and_shares_what_the_calls_know(tmp_path: Path) -> None:
    """Killed in the middle of a chat: customers wait a moment on the same port, and the calls' process never notices."""
    async with running(tmp_path) as (service, process, listeners):
        port = listeners.api.getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=AUTH, trust_env=False, timeout=60) as client:
            told = (await client.get("/health/ready")).json()
            assert (told["status"], told["parts"]["calls"]["ok"]) == ("ready", True)
            figures = (await client.get("/metrics")).text
            assert 'voicebot_live_calls{process="calls"} 0.0' in figures
            assert 'voicebot_live_chats{process="web"} 0.0' in figures
            order = {"kind": "surge", "on": True, "who": "anna"}
            assert (await client.post("/api/switches", json=order)).status_code == 200
            async with asyncio.timeout(10):
                while not service.stores.conditions.snapshot.switches:
                    await asyncio.sleep(0.05)
            first = process.pid
            assert first is not None
            assert first != os.getpid()
            nicer = os.getpriority(os.PRIO_PROCESS, first) - os.getpriority(os.PRIO_PROCESS, 0)
            assert nicer > 0, "calls come first when both want the processor"
            os.kill(first, signal.SIGKILL)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=90) as fresh:
                assert (await fresh.get("/health/live")).json() == {"live": True}
            assert process.restarts == 1
            assert process.pid not in (first, None)


async def test_a_chat_in_the_web_process_is_put_through_when_it_is_stopped(tmp_path: Path) -> None:
    """On a port of its own, where the API is not."""
    async with running(tmp_path, chat={"port": 0}) as (service, process, listeners):
        host = f"127.0.0.1:{listeners.chat.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=f"http://{host}", headers=AUTH, trust_env=False) as client:
            assert (await client.get("/chat")).status_code == 200
            assert (await client.get("/api/calls")).status_code == 404
        api = f"http://127.0.0.1:{listeners.api.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=api, headers=AUTH, trust_env=False, timeout=60) as client:
            at_work = {"desk": "desk-1", "queue": ["card_emergency", "general"]}
            assert (await client.get("/api/chats", params=at_work)).json()["queues"] == ["card_emergency", "general"]
        async with connect(f"ws://{host}/chat/ws?lang=pl", origin=f"http://{host}") as socket:  # type: ignore[arg-type]
            customer = Customer(socket)
            await customer.until("options")
            await (await customer.key("9")).until("options")
            stopping = asyncio.create_task(process.drain(1))
            ref = (await customer.until("handed_over"))["ref"]
            await stopping
        assert await service.stores.handoffs.get(ref) is not None
        assert process.pid is None


async def test_a_web_process_that_cannot_serve_says_why_and_health_tells_of_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A damaged token is told in a sentence, with what to do; the calls go on."""
    (tmp_path / "web-token").touch(0o600)
    (tmp_path / "web-token").write_bytes(bytes(44))
    settings = Settings.model_validate(
        {
            "state": {"data_dir": str(tmp_path), "redis_url": f"unix://{tmp_path}/none"},
            "web": {"port": 0},
            "log": {"format": "json"},
        }
    )
    process = WebProcess(settings, open_listeners(settings))
    assert process.trouble() == "has not started yet"
    process.start()
    try:
        async with asyncio.timeout(90):
            while not process.restarts:
                await asyncio.sleep(0.05)
    finally:
        await process.close()
    assert process.trouble() == "ended, and is started again: see web.* in the log"
    said = capfd.readouterr().err
    assert "a process of ours cannot serve" in said
    assert '"worker": "web"' in said
    assert "Delete it, and a new one is made" in said
    assert "Traceback" not in said
