"""The console as a child: a taken port costs nothing but the console, and it comes up when the port is free."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import httpx
import pytest

from tests.voicebot.state.servers import StateServer
from voicebot.config.settings import Settings
from voicebot.console.process import ConsoleProcess
from voicebot.errors import ConfigError


async def test_a_taken_port_is_tried_until_it_is_free(tmp_path: Path, server: StateServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        sections = {
            "console": {"port": port, "language": "en"},
            "state": {"data_dir": str(tmp_path), "redis_url": server.url},
        }
        console = ConsoleProcess(Settings.model_validate(sections))
        with pytest.raises(ConfigError, match=r"console\.port to an address that is free"):
            console.bind()
        console.start()
        await asyncio.wait_for(console.failed.wait(), 10)
        assert console.trouble() is not None
    try:
        assert await console.ready(60)
        assert console.address == ("127.0.0.1", port)
        async with httpx.AsyncClient() as client:
            page = await client.get(f"http://127.0.0.1:{port}/login")
        assert (page.status_code, "Log in" in page.text) == (200, True)
    finally:
        await console.drain(0)
        await console.close()
