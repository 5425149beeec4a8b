"""Keys arrive once, at their start, however the trunk sends them (RFC 4733, RFC 6086)."""

from __future__ import annotations

import struct

import pytest

from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of, next_event
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


_Sent = tuple[str, int, int, bool]
"""Key, timestamp, duration, whether it has ended."""
_HELD, _MORE, _ENDED = ("5", 1000, 160, False), ("5", 1000, 320, False), ("5", 1000, 480, True)
_NEXT, _NEXT_ENDED = ("7", 2000, 160, False), ("7", 2000, 480, True)
_AGAIN, _AGAIN_ENDED = ("5", 6000, 160, False), ("5", 6000, 480, True)
ON_A_BAD_NETWORK: list[tuple[str, list[_Sent]]] = [
    ("5", [_HELD, _ENDED, _MORE, _ENDED]),  # late
    ("57", [_HELD, _ENDED, _NEXT, _MORE, _NEXT_ENDED, _ENDED]),  # later still
    ("55", [_HELD, _MORE, _AGAIN, _AGAIN_ENDED]),  # the end of the first is lost
    ("57", [_HELD, _ENDED, _NEXT_ENDED, _NEXT_ENDED]),  # the beginning of the second is lost
    ("57", [_HELD, ("7", 1000, 320, False), _MORE, ("7", 1000, 480, True), _ENDED]),  # two keys at once
    ("5", [_HELD, _MORE, ("5", 1000, 160, False), ("5", 1000, 0, False), _ENDED]),  # it grows shorter
    ("5", [_HELD, ("5", 1000, 0xFFFF, False), ("5", 1000 + 0xFFFF, 400, False), ("5", 1000 + 0xFFFF, 800, True)]),
    ("57", [_ENDED, _ENDED, _NEXT, _NEXT_ENDED]),  # the beginning of the first is lost
]


async def test_a_bad_network_neither_loses_nor_invents_a_key(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    for wanted, sent in ON_A_BAD_NETWORK:
        probe = await open_probe(bot)
        leg = await bot.connect(probe, probe.offer((*PCMA, "101 telephone-event/8000")), talk=False)
        for key, timestamp, duration, ended in sent:
            probe._timestamp = timestamp
            probe._rtp(101, struct.pack("!BBH", KEYS.index(key), ended << 7 | 10, duration))
            probe._rtp(101, b"\x05\x0a")  # cut off
        probe._timestamp = 90_000
        probe.press("#", 101)
        pressed = ""
        while not pressed.endswith("#"):
            event = await next_event(leg)
            pressed += event.key if isinstance(event, LegKey) else ""
        assert pressed == f"{wanted}#", sent
        await probe.bye()
        assert (await end_of(leg)).cause == "hangup"


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
