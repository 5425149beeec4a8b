"""`voicebot sip check` against real far ends: Debian's baresip, our own service, and sockets that answer as some trunks do."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import socket
import struct
import sys
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.voicebot.running import RunningService, open_service
from voicebot.endpoints.sip.ports import free_port

LIMIT_S = 90.0
HOST = "127.0.0.1"
_COMMAND = "from voicebot.cli.main import app; app()"
Findings = dict[str, dict[str, str]]


def written(folder: Path, **sections: Any) -> Path:
    """A configuration that knows this machine as its trunk."""
    sip = {"host": HOST, "port": 0, "peers": [f"{HOST}/32"], "rtp_ports": [33000, 33999], "transports": ["udp"]}
    chosen = {"state": {"data_dir": str(folder / "var")}, "health": {"port": free_port(HOST)}, "sip": sip}
    for name, given in sections.items():
        chosen[name] = {**chosen.get(name, {}), **given}  # type: ignore[dict-item]
    path = folder / "voicebot.yml"
    path.write_text(json.dumps(chosen))
    return path


async def checked(config: Path, *arguments: str) -> tuple[int, Findings]:
    """The command in a process of its own, as an operator runs it: a process has one SIP stack."""
    command = (sys.executable, "-c", _COMMAND, "sip", "check", *arguments, "--json", "--config", str(config))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(LIMIT_S):
        out, complaint = await process.communicate()
    assert process.returncode in (0, 1), complaint.decode()
    assert b"Traceback" not in complaint, complaint.decode()
    return process.returncode or 0, {each["check"]: each for each in json.loads(out)}


Answer = Callable[[bytes, tuple[str, int]], bytes]


@asynccontextmanager
async def far_end(answer: Answer | None) -> AsyncIterator[int]:
    """A UDP socket that answers each request so; None: never."""

    class Far(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            if answer is not None:
                self.transport.sendto(answer(data, addr), addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Far, local_addr=(HOST, 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def replying(status: str, *, via: str = "", body: str = "") -> Answer:
    def answer(request: bytes, addr: tuple[str, int]) -> bytes:
        lines = request.decode().split("\r\n")
        copied = [
            f"{line}{via}" if line.startswith("Via") else line
            for line in lines
            if line[:4] in ("Via:", "From", "To: ", "Call", "CSeq")
        ]
        kind = ["Content-Type: application/sdp"] if body else []
        return ("\r\n".join([f"SIP/2.0 {status}", *copied, *kind, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body).encode()

    return answer


SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
GOOD = SDP + "m=audio 4000 RTP/SAVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n"


@pytest.mark.parametrize(
    ("answer", "check", "outcome", "words"),
    [
        (replying("200 OK"), "OPTIONS udp", "ok", "200 OK in "),
        (replying("503 Service Unavailable"), "OPTIONS udp", "warning", "full or stops"),
        (replying("200 OK", body=GOOD), "offer", "ok", "PCMA; keys by RFC 4733, type 101; SRTP by SDES"),
        (replying("200 OK", body=SDP + "m=audio 4000 RTP/AVP 18\r\n"), "offer", "failed", "G729"),
        (replying("200 OK", body=SDP + "m=audio 4000 RTP/AVP 8\r\n"), "offer", "warning", "not by RFC 4733"),
        (replying("200 OK", via=";received=203.0.113.5;rport=6000"), "NAT", "failed", "it sees 203.0.113.5"),
        (replying("200 OK", via=";received=127.0.0.1;rport=6000"), "NAT", "ok", "which we announce"),
        (replying("200 OK"), "NAT", "skipped", "does not tell"),
        (None, "OPTIONS udp", "failed", "no answer within 2 s"),
    ],
)
async def test_what_the_far_end_answers_is_told(
    tmp_path: Path, answer: Answer | None, check: str, outcome: str, words: str
) -> None:
    async with far_end(answer) as port:
        code, found = await checked(written(tmp_path), "peers", "--address", f"sip:{HOST}:{port}", "--timeout", "2")
    assert found[check]["outcome"] == outcome, found
    assert words in found[check]["what"]
    assert (found[check]["todo"] != "") == (outcome != "ok")
    assert code == (1 if outcome == "failed" else 0)


async def test_a_call_through_the_far_end_to_our_own_service_shows_keys_media_and_caller(tmp_path: Path) -> None:
    """The far end is the service itself, as if a PBX led straight back to it."""
    async with open_service(tmp_path / "var") as running:
        config = written_for(running, tmp_path)
        port = running.service.sip.address[1]
        code, found = await checked(
            config, "peers", "--to", f"sip:+48225550100@{HOST}:{port}", "--keys", "**", "--address", f"{HOST}:{port}"
        )
    outcomes = {name: each["outcome"] for name, each in found.items()}
    assert code == 0, found
    assert outcomes["test call"] == outcomes["RTP"] == outcomes["keys"] == outcomes["OPTIONS udp"] == outcomes["offer"] == "ok", (
        found
    )
    assert "2 of 2 keys arrived" in found["keys"]["what"]
    assert "trust" in found["caller seen"]["what"]
    assert outcomes["own port"] == "ok"


async def test_what_a_far_end_writes_moves_no_terminal(tmp_path: Path) -> None:
    """Nor in what a pipe gets: somebody looks at that later."""
    async with far_end(replying("200 \x1b[2J\x07\u009b31mOK")) as port:
        config = written(tmp_path)
        arguments = ("peers", "--address", f"{HOST}:{port}", "--config", str(config))
        pipe = asyncio.subprocess.PIPE
        for more in ((), ("--json",)):
            command = (sys.executable, "-c", _COMMAND, "sip", "check", *arguments, *more)
            process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
            out, complaint = await process.communicate()
            assert process.returncode == 0, complaint.decode()
            assert b"OPTIONS udp" in out
            assert all(char.isprintable() or char == "\n" for char in (out + complaint).decode())


async def test_a_trunk_that_speaks_udp_alone_is_good_enough_unless_it_was_asked_for_tcp(tmp_path: Path) -> None:
    async with far_end(replying("200 OK")) as port:
        config = written(tmp_path, sip={"transports": ["udp", "tcp"]})
        code, found = await checked(config, "peers", "--address", f"{HOST}:{port}")
        assert (code, found["OPTIONS udp"]["outcome"], found["OPTIONS tcp"]["outcome"]) == (0, "ok", "warning"), found
        trunk = {"peers": [f"{HOST}/32"], "transports": ["tcp"]}
        config = written(tmp_path, sip={"transports": ["udp", "tcp"], "peers": [], "trunks": {"pbx": trunk}})
        code, found = await checked(config, "pbx", "--address", f"{HOST}:{port}")
        assert (code, found["OPTIONS tcp"]["outcome"]) == (1, "failed"), found


@pytest.mark.parametrize(("theirs", "ours", "outcome"), [("srtp-mand", "srtp-mand", "ok"), ("none", "none", "warning")])
async def test_whether_the_media_is_encrypted_is_told(tmp_path: Path, theirs: str, ours: str, outcome: str) -> None:
    async with open_service(tmp_path / "var", sip={"media_encryption": theirs}) as running:
        port = running.service.sip.address[1]
        config = written(tmp_path, sip={"media_encryption": ours})
        _, found = await checked(
            config, "peers", "--to", f"sip:+48225550100@{HOST}:{port}", "--keys", "*", "--address", f"{HOST}:{port}"
        )
    assert found["test call"]["outcome"] == "ok", found
    assert found["SRTP"]["outcome"] == outcome, found


def written_for(running: RunningService, folder: Path) -> Path:
    health, port = running.service.health, running.service.sip.address[1]
    return written(folder, health={"host": health[0], "port": health[1]}, sip={"port": port})


async def test_a_test_call_that_nobody_takes_is_told_with_what_to_do(tmp_path: Path) -> None:
    code, found = await checked(written(tmp_path), "peers", "--to", f"sip:802@{HOST}:{free_port(HOST)}")
    assert code == 1
    assert found["test call"]["outcome"] == "failed"
    assert found["test call"]["todo"]


@pytest.mark.skipif(shutil.which("baresip") is None, reason="Debian's baresip is not installed")
async def test_debians_baresip_as_the_pbx(tmp_path: Path) -> None:
    async with baresip(tmp_path) as port:
        _, found = await checked(
            written(tmp_path),
            "peers",
            "--address",
            f"{HOST}:{port}",
            "--to",
            f"sip:pbx@{HOST}:{port}",
            "--refer",
            f"sip:queue@{HOST}:9",
        )
    assert found["OPTIONS udp"]["outcome"] == "ok", found
    assert found["test call"]["outcome"] == "ok", found
    assert found["RTP"]["outcome"] in ("ok", "warning"), found
    assert "RFC 4733" in found["offer"]["what"]
    assert found["keys"]["outcome"] == "skipped"
    assert "REFER" in found


@asynccontextmanager
async def baresip(folder: Path) -> AsyncIterator[int]:
    """Debian's softphone, answering by itself with a sound of its own."""
    home = folder / "baresip"
    home.mkdir()
    port = free_port(HOST)
    modules = "\n".join(f"module {name}.so" for name in ("g711", "aufile"))
    with wave.open(str(home / "tone.wav"), "wb") as tone:
        tone.setparams((1, 2, 8000, 0, "NONE", ""))
        tone.writeframes(b"".join(struct.pack("<h", round(8000 * math.sin(math.tau * 440 * at / 8000))) for at in range(160_000)))
    sound = f"audio_source aufile,{home}/tone.wav\naudio_player aufile,/dev/null\naudio_alert aufile,/dev/null"
    (home / "config").write_text(
        f"sip_listen {HOST}:{port}\nnet_interface {HOST}\nmodule_path /usr/lib/baresip/modules\n{modules}\n"
        f"module_app account.so\nmodule_app menu.so\n{sound}\n"
    )
    (home / "accounts").write_text(f"<sip:pbx@{HOST}:{port}>;regint=0;answermode=auto;audio_codecs=PCMA\n")
    (home / "contacts").write_text("")
    process = await asyncio.create_subprocess_exec(
        "baresip",
        "-f",
        str(home),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            while not _is_bound(port):
                await asyncio.sleep(0.1)
        yield port
    finally:
        process.terminate()
        output, _ = await process.communicate()
        print(output.decode(errors="replace")[-3000:])


def _is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((HOST, port))
        except OSError:
            return True
    return False
