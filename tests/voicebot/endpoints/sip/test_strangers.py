"""Peers outside the allow-list make no call, get no reply, and leave one short line in the log."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of, settings
from voicebot.endpoints.sip import gate

STRANGER = "127.0.0.2"


async def test_a_stranger_gets_no_reply_and_makes_no_call(
    start_bot: StartBot, open_probe: OpenProbe, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_LOG_INTERVAL_S", 0.05)
    bot = await start_bot()
    stranger, known = await open_probe(bot, STRANGER), await open_probe(bot)
    with caplog.at_level(logging.WARNING, logger=gate.__name__):
        for _ in range(50):
            stranger.invite()
            stranger.send(stranger.request("OPTIONS"))
            stranger.send(b"x" * 60_000)
        leg = await bot.connect(known)  # served after all of the stranger's, which were sent before
        await known.bye()
        await end_of(leg)
        await until(lambda: caplog.records)
    assert stranger.sip.received.empty()
    assert bot.ringing.empty()
    assert bot.endpoint.counts.turned_away >= 150
    assert len(caplog.records) <= 2
    line = caplog.records[0].getMessage()
    assert line.startswith("sip stranger dropped: ")
    assert (f"from {STRANGER}" in line) is _may_open_raw_sockets()


def _may_open_raw_sockets() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP).close()
    except OSError:
        return False
    return True


async def test_a_strangers_tcp_handshake_is_not_answered(start_bot: StartBot) -> None:
    bot = await start_bot()
    loop = asyncio.get_running_loop()
    for host, reaches in (("127.0.0.1", True), (STRANGER, False)):
        with socket.socket() as sock:
            sock.bind((host, 0))
            sock.setblocking(False)
            try:
                await asyncio.wait_for(loop.sock_connect(sock, bot.address), 1.0)
                reached = True
            except TimeoutError:
                reached = False
        assert reached is reaches


async def test_without_an_allow_list_nobody_can_call(
    start_bot: StartBot, open_probe: OpenProbe, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger=gate.__name__):
        bot = await start_bot(settings(peers=()))
    assert "allow-list is empty" in caplog.text
    probe = await open_probe(bot)
    probe.send(probe.request("OPTIONS"))
    await until(lambda: bot.endpoint.counts.turned_away)
    assert probe.sip.received.empty()


async def test_everybody_can_call_when_the_list_says_so(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(peers=("0.0.0.0/0",)))
    for host in ("127.0.0.1", STRANGER):
        probe = await open_probe(bot, host)
        probe.send(probe.request("OPTIONS"))
        assert (await probe.final("OPTIONS")).status == 200
