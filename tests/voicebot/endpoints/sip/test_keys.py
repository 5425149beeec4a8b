"""Keys arrive once, at their start, however the trunk sends them (RFC 4733, RFC 6086)."""

from __future__ import annotations

import pytest

from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, next_event
from tests.voicebot.endpoints.sip.sip_probe import PCMA
from voicebot.endpoints.leg import LegKey

KEYS = "0123456789*#"


@pytest.mark.parametrize("payload_type", [101, 96])
@pytest.mark.parametrize("copies", [1, 3])
async def test_an_rfc_4733_event_is_one_key(start_bot: StartBot, open_probe: OpenProbe, payload_type: int, copies: int) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer((*PCMA, f"{payload_type} telephone-event/8000")))
    for key in KEYS:
        probe.press(key, payload_type, copies)
        assert await next_event(leg) == LegKey(key)
    probe.press("1", payload_type, copies)
    assert await next_event(leg) == LegKey("1"), "a key was reported twice"
    await probe.bye()


async def test_a_key_is_reported_at_its_start(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer((*PCMA, "101 telephone-event/8000")))
    probe.press_without_end("5", 101)
    assert await next_event(leg) == LegKey("5")
    await probe.bye()


async def test_an_info_is_one_key(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    for key in KEYS:
        body = f"Signal={key}\r\nDuration=160\r\n"
        probe.send(probe.request("INFO", body=body, headers=("Content-Type: application/dtmf-relay",)))
        assert (await probe.final("INFO")).status == 200
        assert await next_event(leg) == LegKey(key)
    await probe.bye()
