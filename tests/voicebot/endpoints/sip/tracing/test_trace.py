"""Real calls to a real service, and what `voicebot sip trace` tells of them."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import struct
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from tests.voicebot.calls.test_bridging import end, hotline
from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.sip_probe import Probe
from tests.voicebot.running import RunningService, open_service
from voicebot.cli.main import app

LIMIT_S = 40.0
REF = "pbx-77-x"
TICKET, PHONE = "secret-ticket-of-the-app", "+48600100200"


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[RunningService], Path]:
    def write(running: RunningService) -> Path:
        host, port = running.service.health
        path = tmp_path / "voicebot.yml"
        path.write_text(json.dumps({"health": {"host": host, "port": port}, "state": {"data_dir": str(tmp_path / "var")}}))
        return path

    return write


async def cli(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["sip", "trace", *arguments])


async def a_call(running: RunningService, *headers: str) -> Probe:
    """A caller who presses a key and hangs up."""
    closed = asyncio.Event()
    pressed = asyncio.Event()

    def look(_: str, line: dict[str, Any]) -> None:
        if line.get("type") == "KeyPressed":
            pressed.set()
        if line.get("kind") == "closed":
            closed.set()

    running.listeners.append(look)
    probe = await Probe.open(running.service.sip.address)
    formats = ("8 PCMA/8000", "101 telephone-event/8000")
    await asyncio.wait_for(probe.call(probe.offer(formats), headers=headers), LIMIT_S)
    async with asyncio.timeout(LIMIT_S):
        while not pressed.is_set():
            await probe.press_as_a_phone("7", 101)
            await asyncio.sleep(0.5)
        await probe.bye()
        await closed.wait()
    await probe.close()
    return probe


async def test_a_call_is_found_by_each_of_its_names_and_drawn_with_its_facts(tmp_path: Path, configured: Any) -> None:
    async with open_service(tmp_path / "var") as running:
        probe = await a_call(running, f"X-Call-Ref: {REF}", f'P-Asserted-Identity: "Jan Kowalski" <sip:{PHONE}@pbx>')
        (ref,) = running.journals
        config = str(configured(running))
        for name in (ref, probe.call_id, REF):
            shown = await cli(name, "--messages", "--config", config)
            assert shown.exit_code == 0, shown.output
            for wanted in (
                f"call {ref}",
                probe.call_id,
                "INVITE SDP",
                "200 Answering (INVITE) SDP",
                "BYE",
                "* key pressed",
                "* ended: ",
            ):
                assert wanted in shown.output, wanted
            assert "Jan" not in shown.output
            assert PHONE not in shown.output
            assert "key pressed 7" not in shown.output
        listed = await cli("--config", config)
        assert listed.exit_code == 0
        assert f"{ref}\t{REF}\t{probe.call_id}" in listed.output


async def test_the_leg_to_a_queue_is_drawn_with_the_caller_s_own(tmp_path: Path, configured: Any) -> None:
    async with hotline(tmp_path) as line:
        probe = await line.caller()
        await line.called()
        await line.queue.answer()
        await until(lambda: line.lines("bridged"))
        await end(line, probe)
        shown = await cli(probe.call_id, "--config", str(configured(line.service)))
    assert shown.exit_code == 0, shown.output
    assert "leg of ours: Call-ID" in shown.output
    assert f"voicebot{' ' * 26}127.0.0.1:{probe.sip.port}" in shown.output
    assert line.queue.address.rpartition(":")[2] in shown.output
    assert "* joined with card_emergency" in shown.output
    assert "* bridge ended by near" in shown.output


async def test_a_call_that_is_not_there_is_told_with_what_to_do(tmp_path: Path, configured: Any) -> None:
    async with open_service(tmp_path / "var") as running:
        shown = await cli("no-such-call", "--config", str(configured(running)))
    assert shown.exit_code == 1
    assert "voicebot sip trace` lists them" in shown.output


async def test_no_service_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        path = tmp_path / "voicebot.yml"
        path.write_text(json.dumps({"health": {"port": free.getsockname()[1]}}))
        shown = await cli("--config", str(path))
    assert shown.exit_code == 2
    assert "voicebot serve" in shown.output


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump, which reads the packets, is not installed")
async def test_picture_and_packets_are_what_other_programs_read(tmp_path: Path, configured: Any) -> None:
    async with open_service(tmp_path / "var") as running:
        probe = await a_call(running)
        svg, pcap = tmp_path / "call.svg", tmp_path / "call.pcap"
        arguments = (probe.call_id, "--svg", str(svg), "--pcap", str(pcap), "--config", str(configured(running)))
        shown = await cli(*arguments)
        assert shown.exit_code == 0, shown.output
    words = "".join(ElementTree.fromstring(svg.read_text()).itertext())
    assert "INVITE SDP" in words
    assert "key pressed" in words
    read = subprocess.run(
        ["/usr/bin/tcpdump", "-n", "-v", "-A", "-r", str(pcap)], capture_output=True, text=True, check=True
    ).stdout
    assert f"127.0.0.1.{probe.sip.port} > 127.0.0.1.{running.service.sip.address[1]}" in read
    assert "INVITE sip:802@" in read
    assert "bad " not in read  # checksums and lengths
    assert read.count("proto UDP") >= 5


async def test_the_trace_is_told_on_this_machine_only(tmp_path: Path) -> None:
    async with open_service(tmp_path / "var", health={"host": "0.0.0.0", "port": 0}) as running:
        port = running.service.health[1]
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/sip/traces")).status_code == 200
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
                outward.connect(("192.0.2.1", 9))  # sends nothing: tells our own address
                address = outward.getsockname()[0]
            if not address.startswith("127."):
                assert (await client.get(f"http://{address}:{port}/sip/traces")).status_code == 403


async def test_homer_gets_every_message(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as homer:
        homer.bind(("127.0.0.1", 0))
        homer.setblocking(False)
        hep = {"address": "127.0.0.1", "port": homer.getsockname()[1], "node_id": 77, "password": "for-homer"}
        async with open_service(tmp_path / "var", sip={"hep": hep}) as running:
            probe = await a_call(running, f"X-Ticket: {TICKET}")
            chunks: list[dict[int, bytes]] = []
            async with asyncio.timeout(LIMIT_S):
                while not any(b"BYE" in each[15] and each[15].startswith(b"SIP/2.0 200") for each in chunks):
                    chunks.append(decoded(await asyncio.get_running_loop().sock_recv(homer, 65535)))
    invite = next(each for each in chunks if each[15].startswith(b"INVITE"))
    assert (invite[1], invite[2], invite[11]) == (b"\x02", b"\x11", b"\x01")
    assert invite[3] == invite[4] == socket.inet_aton("127.0.0.1")
    assert invite[7] == struct.pack("!H", probe.sip.port)
    assert invite[8] == struct.pack("!H", running.service.sip.address[1])
    assert invite[12] == struct.pack("!I", 77)
    assert invite[14] == b"for-homer"
    assert invite[17] == probe.call_id.encode()
    everything = b"".join(each[15] for each in chunks)
    assert TICKET.encode() not in everything
    assert PHONE.encode() not in everything


def decoded(packet: bytes) -> dict[int, bytes]:
    """HEP3 chunks by their type."""
    assert packet[:4] == b"HEP3"
    assert struct.unpack("!H", packet[4:6]) == (len(packet),)
    chunks, at = {}, 6
    while at < len(packet):
        vendor, kind, length = struct.unpack_from("!HHH", packet, at)
        assert vendor == 0
        chunks[kind] = packet[at + 6 : at + length]
        at += length
    return chunks
