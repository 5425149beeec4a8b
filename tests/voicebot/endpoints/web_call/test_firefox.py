"""The same call from Firefox."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.voicebot.endpoints.web_call.bank import bank_with_calls, needs_address, ticket, until
from tests.voicebot.endpoints.web_call.marionette import firefox
from tests.voicebot.endpoints.web_call.test_chromium import app_site, of

FIREFOX = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
pytestmark = [
    needs_address,
    pytest.mark.skipif(FIREFOX is None, reason="no Firefox on this machine: apt-get install firefox-esr, or FIREFOX=its path"),
]


@pytest.mark.parametrize("names", [False, True], ids=["addresses", "mdns"])
async def test_a_customer_hears_the_bot_presses_keys_and_hangs_up(tmp_path: Path, names: bool) -> None:
    assert FIREFOX is not None
    profile = tmp_path / "profile"
    profile.mkdir()
    preferences = {
        "media__navigator__permission__disabled": True,
        "media__navigator__streams__fake": True,
        "media__autoplay__default": 0,
        "media__autoplay__blocking_policy": 0,
        "media__peerconnection__ice__obfuscate_host_addresses": names,
    }
    async with (
        app_site() as site,
        bank_with_calls(tmp_path / "data", web_calls={"origins": [site]}) as service,
        firefox(FIREFOX, profile, **preferences) as window,
    ):
        await window.command("WebDriver:Navigate", url=site)
        base = f"http://{service.web.api[0]}:{service.web.api[1]}"
        microphone = not names  # whoever is granted it shows addresses
        wanted = json.dumps([base, await ticket(service), microphone])
        dialled = await window.ask(f"dial(...{wanted})")
        assert dialled["status"] == 201
        assert (".local" in dialled["local"]) == names
        async with asyncio.timeout(15):
            while (await window.ask("heard()")).get("energy", 0) < 0.001:
                await asyncio.sleep(0.1)
        await window.ask("press('12#')")
        await until(lambda: len(of(service, "KeyPressed")) == 3)
        assert [line["key"] for line in of(service, "KeyPressed")] == ["1", "2", "#"]
        assert await window.ask("hangUp()") == 204
        await until(lambda: of(service, "closed", "kind"))
