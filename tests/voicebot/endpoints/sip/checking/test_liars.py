"""`voicebot sip check` against far ends that lie, stall and flood: every check ends soon, with what is wrong and what to do."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.voicebot.endpoints.sip.checking.test_check import HOST, SDP, far_end, replying
from tests.voicebot.endpoints.sip.checking.test_tls import certificate, tls_far_end
from voicebot.endpoints.sip.checking.certificate import shake_hands
from voicebot.endpoints.sip.checking.far_end import FarEnd
from voicebot.endpoints.sip.checking.findings import Finding
from voicebot.endpoints.sip.checking.places import Place
from voicebot.endpoints.sip.checking.running_service import RunningService
from voicebot.endpoints.sip.checking.trial_call import TrialCall
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.trunks import Trunk

PATIENT_S = 60.0
SHORT_S = 1.0
NOBODY = RunningService("http://127.0.0.1:9")
Answer = Callable[[bytes, tuple[str, int]], bytes]


async def asked(port: int, by: str = "udp", host: str = HOST, **trunk: Any) -> dict[str, Finding]:
    """All that is found without a call."""
    settings = SipSettings.model_validate({"host": HOST, "port": 0, "peers": [f"{HOST}/32"], "transports": ["udp", "tcp"]})
    place = Place(host, port, by)  # type: ignore[arg-type]
    asks = FarEnd("pbx", Trunk.model_validate({"peers": [HOST], **trunk}), place, settings, SHORT_S)
    async with asyncio.timeout(PATIENT_S):
        found = [finding async for finding in asks.checked()]
    assert all(len(each.what) <= 400 and (each.todo or each.outcome == "ok") for each in found), found
    return {each.check: each for each in found}


def changed(answer: Answer, what: bytes, to: bytes) -> Answer:
    """The same with something else in it."""
    return lambda request, addr: re.sub(what, to, answer(request, addr), count=1)


OK = replying("200 OK")
MANY = SDP + "".join(f"m=audio {5000 + each} RTP/AVP 8\r\n" for each in range(2000))


@pytest.mark.parametrize(
    ("answer", "check", "outcome", "words"),
    [
        (replying("100 Trying"), "OPTIONS udp", "failed", "no answer within 1 s; only 100 Trying"),
        (lambda _, __: b"\x00\xff" * 700, "OPTIONS udp", "failed", "that are no SIP response"),
        (changed(OK, rb"Call-ID: ", b"Call-ID: x"), "OPTIONS udp", "failed", "that answer another request"),
        (changed(OK, rb"branch=", b"branch=x"), "OPTIONS udp", "failed", "that answer another request"),
        (changed(OK, rb"CSeq: 1", b"CSeq: 2"), "OPTIONS udp", "failed", "that answer another request"),
        (
            changed(replying("302 Moved"), rb"To:", b"Contact: sip:x@h\r\nTo:"),
            "OPTIONS udp",
            "warning",
            "sends us to sip:x@h",
        ),
        (replying("504 Gateway Time-out"), "OPTIONS udp", "warning", "does not answer"),
        (replying("401 Unauthorized"), "OPTIONS udp", "ok", "401 Unauthorized"),
        (replying("200 " + "x" * 50_000), "OPTIONS udp", "ok", " ms"),
        (replying("200 OK", via=";received=127.0.0.1;rport=" + "9" * 5000), "NAT", "ok", "sees us at"),
        (replying("200 OK", body=SDP + f"m=audio {'9' * 5000} RTP/AVP 8\r\n"), "offer", "warning", "PCMA"),
        (replying("200 OK", body=MANY), "offer", "warning", "PCMA"),
        (
            replying("200 OK", body=f"{SDP}m=audio 4000 RTP/AVP {'8 ' * 3000}"),
            "offer",
            "warning",
            "more; keys",
        ),
    ],
)
async def test_a_liar_by_udp_is_found_out(answer: Answer, check: str, outcome: str, words: str) -> None:
    async with far_end(answer) as port:
        found = await asked(port)
    assert found[check].outcome == outcome, found
    assert words in found[check].what


@asynccontextmanager
async def listening(said: Callable[[bytes], bytes]) -> AsyncIterator[int]:
    """By TCP: says this to the request, and never closes."""
    held: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        writer.write(said(await reader.readuntil(b"\r\n\r\n")))

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for each in held:
            each.transport.abort()


BOMB = SDP + "".join(f"m=audio {each} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n" for each in range(10_000))


@pytest.mark.parametrize(
    ("said", "check", "outcome", "words"),
    [
        (lambda _: b"", "OPTIONS tcp", "failed", "no answer within 1 s"),
        (lambda _: b"SIP/2.0 200 OK\r\nX: " + b"x" * 200_000, "OPTIONS tcp", "failed", "without the end of a SIP message's head"),
        (lambda _: b"SIP/2.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "OPTIONS tcp", "failed", "99999999999 octets"),
        (lambda _: b"SIP/2.0 200 OK\r\nContent-Length: 500\r\n\r\nshort", "OPTIONS tcp", "failed", "no answer within 1 s"),
        (lambda request: replying("200 OK", body=BOMB)(request, (HOST, 0)), "offer", "ok", "PCMA; keys by RFC 4733, type 101"),
    ],
)
async def test_a_liar_by_tcp_is_found_out(said: Callable[[bytes], bytes], check: str, outcome: str, words: str) -> None:
    async with listening(said) as port:
        found = await asked(port, "tcp")
    assert found[check].outcome == outcome, found
    assert words in found[check].what


@contextmanager
def never_closing(pem: Path) -> Iterator[int]:
    """Shakes hands, and then neither reads nor closes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server((HOST, 0)) as server:
        done, held = threading.Event(), []

        def serve() -> None:
            while not done.is_set():
                connection, _ = server.accept()
                try:
                    held.append(context.wrap_socket(connection, server_side=True))
                except OSError:  # who does not trust it
                    connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            socket.create_connection(server.getsockname()).close()
            thread.join()
            for each in held:
                each.close()


async def test_a_far_end_that_never_closes_has_tls_all_the_same(tmp_path: Path) -> None:
    with never_closing(certificate(tmp_path, 200)) as port:
        seen = await shake_hands((HOST, port), "localhost", ca=None, own=None, timeout_s=5)
    assert seen.version == "TLSv1.3"
    assert "self-signed" in seen.trouble


async def test_a_certificate_of_another_name_fails_where_the_service_connects(tmp_path: Path) -> None:
    """Its OPTIONS and REGISTER would be refused; a trunk that only calls us is looked at no closer."""
    pem = certificate(tmp_path, 200)
    async with tls_far_end(pem) as port:
        only_calls_us = await asked(port, "tls", tls_ca=str(pem))
        is_connected_to = await asked(port, "tls", tls_ca=str(pem), transport="tls", qualify_s=30)
        by_its_name = await asked(port, "tls", "localhost", tls_ca=str(pem), transport="tls", qualify_s=30)
    assert only_calls_us["TLS"].outcome == "warning", only_calls_us
    assert "mismatch" in only_calls_us["TLS"].what
    assert is_connected_to["TLS"].outcome == "failed", is_connected_to
    assert by_its_name["TLS"].outcome == "ok", by_its_name


GOOD = SDP + "m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"


class Liar(asyncio.DatagramProtocol):
    """Answers INVITE and REFER as its script says, and all else with 200."""

    def __init__(self, script: dict[str, Answer | None], drops_after: str) -> None:
        self._script, self._drops_after = script, drops_after

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        method = data.partition(b" ")[0].decode()
        answer = self._script.get(method, tagged("200 OK"))
        if method not in ("ACK", "SIP/2.0") and answer is not None:
            port = str(self._transport.get_extra_info("sockname")[1]).encode()
            self._transport.sendto(answer(data, addr).replace(b"PORT", port), addr)
        if method == self._drops_after:
            self._transport.sendto(bye(data), addr)


def tagged(status: str, *headers: str, body: str = "") -> Answer:
    """With a tag and a Contact, as a dialog needs (RFC 3261, 12.1.1); `headers` are added, a nonce in them is new each time."""

    def answer(request: bytes, addr: tuple[str, int]) -> bytes:
        said = replying(status, body=body)(request, addr).decode()
        if ";tag=liar" not in said:
            said = re.sub(r"(\r\nTo: [^\r]*)", r"\1;tag=liar", said, count=1)
        more = "".join(f"{each}\r\n" for each in ("Contact: <sip:liar@127.0.0.1:PORT>", *headers)).replace(
            "NEW", secrets.token_hex(8)
        )
        return said.replace("Content-Length", f"{more}Content-Length", 1).encode()

    return answer


def bye(invite: bytes) -> bytes:
    """Of the far end, in the dialog of this INVITE or REFER."""
    said = {name: value for name, _, value in (line.partition(": ") for line in invite.decode().split("\r\n"))}
    to = said["To"] if "tag=" in said["To"] else f"{said['To']};tag=liar"
    uri = re.sub(r".*<([^>]*)>.*", r"\1", said["Contact"])
    lines = (
        f"BYE {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1;rport",
        "Max-Forwards: 70",
        f"From: {to}",
        f"To: {said['From']}",
        f"Call-ID: {said['Call-ID']}",
        "CSeq: 1 BYE",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


CHALLENGE = 'WWW-Authenticate: Digest realm="x", nonce="NEW"'


@pytest.mark.parametrize(
    ("script", "drops_after", "check", "outcome", "words"),
    [
        ({"INVITE": tagged("401 Unauthorized", CHALLENGE)}, "", "test call", "failed", "401 Unauthorized"),
        ({"INVITE": tagged("302 Moved")}, "", "test call", "failed", "302, it sends the call to <sip:liar@127.0.0.1:"),
        ({"INVITE": replying("100 Trying")}, "", "test call", "failed", "100, and nothing more within 1 s"),
        ({"INVITE": tagged("180 Ringing")}, "", "test call", "failed", "it rang for 1 s"),
        ({"INVITE": None}, "", "test call", "failed", "nothing came back within 1 s"),
        ({"INVITE": lambda _, __: b"\x00\xff" * 700}, "", "test call", "failed", "nothing came back within 1 s"),
        (
            {"INVITE": changed(tagged("200 OK", body=GOOD), rb"branch=", b"branch=x")},
            "",
            "test call",
            "failed",
            "it said 200, but for no call of ours",
        ),
        ({"INVITE": tagged("200 OK", body=GOOD.replace("4000", "9" * 5000))}, "", "RTP", "failed", "no RTP came in"),
        ({"INVITE": tagged("200 OK", body=GOOD)}, "INVITE", "hang-up", "failed", "ended the call"),
        ({"INVITE": tagged("200 OK", body=GOOD), "REFER": tagged("202 Accepted")}, "", "REFER", "failed", "timeout"),
        (
            {"INVITE": tagged("200 OK", body=GOOD), "REFER": tagged("202 Accepted")},
            "REFER",
            "REFER",
            "warning",
            "without a word of how it went",
        ),
    ],
)
async def test_a_liar_in_a_call_is_found_out(
    script: dict[str, Answer | None], drops_after: str, check: str, outcome: str, words: str
) -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Liar(script, drops_after), local_addr=(HOST, 0)
    )
    try:
        to = f"sip:802@{HOST}:{transport.get_extra_info('sockname')[1]}"
        settings = SipSettings.model_validate(
            {"host": HOST, "port": 0, "peers": [f"{HOST}/32"], "transports": ["udp"], "rtp_ports": [33000, 33999]}
        )
        call = TrialCall(
            "pbx",
            settings,
            to,
            keys="",
            refer_to="sip:9@127.0.0.1" if "REFER" in script else "",
            ring_s=1,
            media_s=0.5,
            transfer_s=1,
        )
        async with asyncio.timeout(PATIENT_S):
            found = {each.check: each async for each in call.checked(NOBODY)}
    finally:
        transport.close()
    assert found[check].outcome == outcome, found
    assert words in found[check].what
    assert found[check].todo
