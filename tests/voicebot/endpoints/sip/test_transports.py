"""Signalling over UDP, TCP and TLS, media in the clear and over SRTP: a real phone in another process gets through."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from typing import Literal

import pytest

from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, settings
from voicebot.endpoints.leg import LegKey
from voicebot.endpoints.sip.settings import MediaEncryption, Transport
from voicebot.softphone import CallScript, Keys, Pause, UntilEnded, run_script_process


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of our own with its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("the command openssl makes the test's certificate: install it to test TLS")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    subprocess.run([*command.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    both.write_text(certificate.read_text() + key.read_text())
    return both


@pytest.mark.parametrize(
    ("transport", "bot_media", "caller_media"),
    [
        ("udp", "none", "none"),
        ("tcp", "none", "none"),
        ("tls", "srtp-mand", "srtp-mand"),
        ("udp", "srtp", "none"),
        ("udp", "srtp", "srtp"),
        ("udp", "dtls_srtp", "dtls_srtp"),
    ],
)
async def test_a_call_gets_through(
    start_bot: StartBot,
    certificate: Path,
    transport: Transport,
    bot_media: MediaEncryption,
    caller_media: Literal["none", "srtp", "srtp-mand", "dtls_srtp"],
) -> None:
    chosen = settings(transports=("udp", "tcp", "tls"), tls_certificate=certificate, media_encryption=bot_media)
    bot = await start_bot(chosen)
    host, port = bot.address
    script = CallScript(
        f"sip:802@{host}:{port + (transport == 'tls')}",
        (Keys("5"), UntilEnded(3)),
        transport=transport,
        media_encryption=caller_media,
    )
    calling = asyncio.create_task(run_script_process([script]))
    leg = await asyncio.wait_for(bot.ringing.get(), 20)
    await leg.answer()
    assert await asyncio.wait_for(leg.next_event(), 5) == LegKey("5"), "the key travels as RTP"
    await leg.hang_up()
    (report,) = await calling
    assert report.answered


async def test_a_call_without_srtp_is_refused_where_it_is_mandatory(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(media_encryption="srtp-mand"))
    probe = await open_probe(bot)
    probe.invite()
    leg = asyncio.create_task(_answer(bot.ringing))
    assert (await probe.final("INVITE")).status == 488
    leg.cancel()


async def _answer(ringing: asyncio.Queue) -> None:  # type: ignore[type-arg]
    await (await ringing.get()).answer()


async def test_a_stranger_without_the_key_keeps_no_srtp_caller_from_being_heard(start_bot: StartBot) -> None:
    """Whoever is within the media networks may send first; what the stack cannot read decides for a second only."""
    bot = await start_bot(settings(media_encryption="srtp-mand"))
    host, port = bot.address
    script = CallScript(f"sip:802@{host}:{port}", (Pause(4), Keys("5"), UntilEnded(5)), media_encryption="srtp-mand")
    calling = asyncio.create_task(run_script_process([script]))
    leg = await asyncio.wait_for(bot.ringing.get(), 20)
    attacking = asyncio.create_task(_send_without_the_key(bot.endpoint.settings.rtp_ports))
    await asyncio.sleep(0.2)
    await leg.answer()
    assert await asyncio.wait_for(leg.next_event(), 10) == LegKey("5")
    attacking.cancel()
    await leg.hang_up()
    (report,) = await calling
    assert report.answered


async def _send_without_the_key(ports: tuple[int, int]) -> None:
    """Packets that look like RTP, from within the trunk's networks, to every socket of the bot's calls."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        for number in range(100_000):
            packet = struct.pack("!BBHII", 0x80, 8, number & 0xFFFF, number * 160, 0xBAD) + bytes(170)
            for line in Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]:
                to = int(line.split()[1].rpartition(":")[2], 16)
                if ports[0] <= to <= ports[1] and to % 2 == 0:
                    with contextlib.suppress(OSError):
                        sender.sendto(packet, ("127.0.0.1", to))
            await asyncio.sleep(0.01)
