"""RTP by way of a real rtpengine, with the shipped files: neither side learns the other's address."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.deploy.edge import ROOT, open_edge, until
from tests.deploy.raw_sip import HOST, FarEnd, RawBot, RawTrunk, field, media_port
from voicebot.endpoints.sip.ports import free_port

pytestmark = [
    pytest.mark.skipif(shutil.which("kamailio") is None, reason="Kamailio is not installed here"),
    pytest.mark.skipif(shutil.which("rtpengine") is None, reason="rtpengine is not installed here"),
]


@asynccontextmanager
async def rtpengine(folder: Path) -> AsyncIterator[int]:
    """With the shipped configuration, on loopback; the port that commands come to."""
    text = (ROOT / "deploy/rtpengine/rtpengine.conf").read_text(encoding="utf-8")
    port = free_port(HOST)
    for name, value in (("interface", f"trunks/{HOST};bots/{HOST}"), ("listen-ng", f"{HOST}:{port}")):
        text, found = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.M)
        assert found == 1
    config = folder / "rtpengine.conf"
    config.write_text(text, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        "rtpengine", "--foreground", "--log-stderr", f"--config-file={config}", stderr=-3
    )
    try:
        await _says(port, "ping", "d6:result4:pong")
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _says(port: int, command: str, wanted: str) -> None:
    """Ask until it says so (rtpengine's ng protocol: a cookie and a bencoded dictionary)."""
    asking = await FarEnd.open()
    async with asyncio.timeout(30):
        while not asking.seen(f"1 {wanted}"):
            asking.send(f"1 d7:command4:{command}e", port)
            await asyncio.sleep(0.1)
    asking.close()


async def test_sound_goes_through_rtpengine_both_ways(tmp_path: Path) -> None:
    """The addresses in SDP are its own, and what is sent there arrives at the other end."""
    trunk, bot, trunk_media, bot_media = await RawTrunk.open(), await RawBot.open(), await FarEnd.open(), await FarEnd.open()
    trunk.rtp_port, bot.rtp_port = trunk_media.port, bot_media.port
    async with (
        rtpengine(tmp_path) as port,
        open_edge(tmp_path / "edge", [bot.uri], WITH_RTPENGINE="", RTPENGINE=f'"udp:{HOST}:{port}"') as edge,
    ):
        await until(lambda: edge.takes(bot.uri))
        trunk.ask("INVITE", edge.port)
        accepted = await trunk.until("SIP/2.0 200")
        number = field(accepted, "cseq").split()[0]
        trunk.within("ACK", accepted, edge.port, number)
        invite = await bot.until("INVITE")
        assert {media_port(invite), media_port(accepted)}.isdisjoint({trunk.rtp_port, bot.rtp_port})
        assert trunk_media.transport
        assert bot_media.transport
        sound = bytes((0x80, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7)) + b"\xd5" * 160
        async with asyncio.timeout(30):
            while not (bot_media.received and trunk_media.received):
                trunk_media.transport.sendto(sound, (HOST, media_port(accepted)))
                bot_media.transport.sendto(sound, (HOST, media_port(invite)))
                await asyncio.sleep(0.05)
        trunk.within("BYE", accepted, edge.port, str(int(number) + 1))
        await bot.until("BYE")
    for end in (trunk, bot, trunk_media, bot_media):
        end.close()
