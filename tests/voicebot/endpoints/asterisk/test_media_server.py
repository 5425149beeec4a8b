"""Where the sound comes: who is let in, and what junk does."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from tests.voicebot.endpoints.asterisk.fake_asterisk import AudioSocketChannel
from tests.voicebot.endpoints.contract.dialplan import Dialplan
from tests.voicebot.endpoints.looking import until
from voicebot.endpoints.asterisk.audiosocket import KINDS, RATES, AudioSocketError, Frame, FrameReader, Kind
from voicebot.endpoints.asterisk.chan_websocket import parse_control
from voicebot.endpoints.asterisk.dialplan_leg import DialplanLeg
from voicebot.endpoints.asterisk.media_server import MediaServer
from voicebot.endpoints.asterisk.settings import MediaSettings
from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.leg import LegEnded, LegKey
from voicebot.http.settings import Tls

BASIC = {"Authorization": "Basic dm9pY2Vib3Q6bWVkaWEtcGFzc3dvcmQtMQ=="}


@pytest.fixture
async def dialplan() -> AsyncIterator[Dialplan]:
    opened = Dialplan(expect_s=5)
    await opened.start()
    yield opened
    await opened.close()


async def raw(dialplan: Dialplan, octets: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", dialplan.server.audiosocket_port)
    writer.write(octets)
    return reader, writer


async def audiosocket(dialplan: Dialplan) -> tuple[DialplanLeg, asyncio.StreamReader, asyncio.StreamWriter]:
    name = await dialplan.register()
    reader, writer = await raw(dialplan, AudioSocketChannel("", 0, name).named())
    leg = await asyncio.wait_for(dialplan.ringing.get(), 20)
    await leg.answer()
    return leg, reader, writer


async def websocket(dialplan: Dialplan, name: str, **headers: str) -> ClientConnection:
    url = f"ws://127.0.0.1:{dialplan.server.websocket_port}/media?id={name}"
    return await connect(url, subprotocols=[Subprotocol("media")], additional_headers={**BASIC, **headers}, proxy=None)


async def websocket_leg(dialplan: Dialplan) -> tuple[DialplanLeg, ClientConnection]:
    connection = await websocket(dialplan, await dialplan.register(rate="16000"))
    await connection.send(json.dumps({"event": "MEDIA_START", "format": "slin16", "channel": "x"}))
    leg = await asyncio.wait_for(dialplan.ringing.get(), 20)
    await leg.answer()
    return leg, connection


def test_connections_that_nobody_accepts_yet_wait_in_the_kernel() -> None:
    """Though the loop accepts one at a time: a burst of calls is not turned away."""

    async def burst() -> None:
        opened = Dialplan(expect_s=5)
        await opened.start()
        for port in (opened.server.audiosocket_port, opened.server.websocket_port):
            waiting = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(60)]  # the loop stands still
            for each in waiting:
                each.close()
        await opened.close()

    asyncio.run(burst())


class TestAudioSocket:
    async def test_silence_comes_at_once_in_frames_of_twenty_milliseconds(self, dialplan: Dialplan) -> None:
        """Asterisk reads before it sends; who waits for its sound first waits for ever (asterisk#2089)."""
        _, reader, writer = await audiosocket(dialplan)
        for _ in range(5):
            assert await asyncio.wait_for(reader.readexactly(323), 5) == b"\x10\x01\x40" + bytes(320)
        writer.close()

    @pytest.mark.parametrize(
        "octets",
        [
            b"\x01\x00\x10" + uuid4().bytes,
            b"\x10\x01\x40" + bytes(320),
            b"\x01\x00\x0f" + bytes(15),
            b"\x01\xff\xff",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x00\x00\x00",
        ],
        ids=["unknown call", "sound first", "short uuid", "long uuid", "http", "hangup first"],
    )
    async def test_whoever_names_no_expected_call_is_cut_off(self, dialplan: Dialplan, octets: bytes) -> None:
        reader, writer = await raw(dialplan, octets)
        try:
            assert await asyncio.wait_for(reader.read(), 5) == b""
        except ConnectionError:
            pass
        finally:
            writer.close()
        assert dialplan.server.turned_away == 1

    async def test_a_name_is_good_once(self, dialplan: Dialplan) -> None:
        leg, _, writer = await audiosocket(dialplan)
        named = AudioSocketChannel("", 0, leg.offer.call_ref).named()
        other, second = await raw(dialplan, named)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asyncio.wait_for(other.readexactly(1), 5)
        assert not leg.ended.is_set()
        for each in (writer, second):
            each.close()

    async def test_frames_come_in_any_pieces(self, dialplan: Dialplan) -> None:
        leg, _, writer = await audiosocket(dialplan)
        octets = bytes(Frame(0x10, b"\x01\x02" * 160)) + bytes(Frame(Kind.KEY, b"4")) + bytes(Frame(0x10, b"\x03\x04" * 160))
        for at in range(0, len(octets), 7):
            writer.write(octets[at : at + 7])
            await writer.drain()
        assert await asyncio.wait_for(leg.next_event(), 5) == LegKey("4")
        heard = bytearray()

        def all_heard() -> bool:
            nonlocal heard
            heard += leg.read()
            return len(heard) == 640

        await until(all_heard)
        writer.close()

    @pytest.mark.parametrize("octets", [b"\x10\xff\xfe", b"\x03\x00\x02ab", b"\x10\x00\x03abc", b"\x12\x02\x80" + bytes(640)])
    async def test_junk_in_a_call_ends_its_connection_and_the_dialplan_goes_on(self, dialplan: Dialplan, octets: bytes) -> None:
        leg, reader, writer = await audiosocket(dialplan)
        writer.write(octets)
        await asyncio.wait_for(reader.read(), 5)
        assert isinstance(await asyncio.wait_for(leg.next_event(), 5), LegEnded)
        assert await dialplan.result(leg.offer.call_ref) == ""
        writer.close()

    @pytest.mark.parametrize("octets", [b"\x00\x00\x00", b""], ids=["hangup", "end of file"])
    async def test_the_end_closes_our_side_at_once(self, dialplan: Dialplan, octets: bytes) -> None:
        """A socket in CLOSE-WAIT freezes Asterisk."""
        leg, reader, writer = await audiosocket(dialplan)
        writer.write(octets)
        if not octets:
            writer.write_eof()
        await asyncio.wait_for(reader.read(), 5)
        assert await asyncio.wait_for(leg.next_event(), 5) == LegEnded("hangup", "Asterisk hung up")
        writer.close()

    async def test_two_hundred_that_say_nothing_cost_no_call(self, dialplan: Dialplan) -> None:
        silent = [await raw(dialplan, b"\x01") for _ in range(200)]
        leg, _, writer = await audiosocket(dialplan)
        assert not leg.ended.is_set()
        for _, each in (*silent, (None, writer)):
            each.close()


async def test_sound_comes_by_wss_with_a_certificate_of_ours(tmp_path: Path) -> None:
    """TLS 1.2 at least; without it nobody is let in."""
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem"), "-addext", "subjectAltName=IP:127.0.0.1"]
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    tls = Tls(certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    server = MediaServer(MediaSettings(websocket_port=0, tls=tls))
    await server.start()
    try:
        trusting = ssl.create_default_context(cafile=str(tls.certificate))
        with pytest.raises(InvalidStatus, match="404"):
            await connect(f"wss://127.0.0.1:{server.websocket_port}/media?id=nobody", ssl=trusting, proxy=None)
        with pytest.raises((InvalidMessage, ConnectionError)):
            await connect(f"ws://127.0.0.1:{server.websocket_port}/media?id=nobody", proxy=None)
    finally:
        await server.close()


async def test_a_certificate_that_is_none_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    server = MediaServer(MediaSettings(websocket_port=0, tls=Tls(certificate=tmp_path / "no.pem", key=tmp_path / "no.pem")))
    with pytest.raises(EndpointError, match=r"asterisk\.media\.tls: .* cannot be used"):
        await server.start()


async def test_a_port_that_is_taken_is_told_with_its_mend() -> None:
    first = MediaServer(MediaSettings(websocket_port=0))
    await first.start()
    second = MediaServer(MediaSettings(websocket_port=first.websocket_port))
    with pytest.raises(EndpointError, match=r"Set asterisk\.media\.host, websocket_port and audiosocket_port"):
        await second.start()
    await first.close()


class TestWebSocket:
    async def test_a_wrong_password_and_an_unknown_call_are_refused(self, dialplan: Dialplan) -> None:
        name = await dialplan.register(rate="16000")
        with pytest.raises(InvalidStatus, match="401"):
            await websocket(dialplan, name, Authorization="Basic eDp5")
        with pytest.raises(InvalidStatus, match="404"):
            await websocket(dialplan, str(uuid4()))
        assert dialplan.server.turned_away == 2
        assert dialplan.server.expects(name)

    @pytest.mark.parametrize("text", ["", "MEDIA_START", "[]", "{}", '{"event": 3}', '{"event": "NEW_THING"}', "[" * 50_000])
    async def test_text_that_is_no_control_message_changes_nothing(self, dialplan: Dialplan, text: str) -> None:
        leg, connection = await websocket_leg(dialplan)
        await connection.send(text)
        await connection.send(json.dumps({"event": "MEDIA_MARK_PROCESSED", "correlation_id": "never asked for"}))
        await connection.send(json.dumps({"event": "DTMF_END", "digit": "8"}))
        assert await asyncio.wait_for(leg.next_event(), 5) == LegKey("8")
        await connection.close()

    async def test_a_message_beyond_all_size_ends_the_call_only(self, dialplan: Dialplan) -> None:
        leg, connection = await websocket_leg(dialplan)
        other, still = await websocket_leg(dialplan)
        await connection.send(bytes(70_000))
        with pytest.raises(ConnectionClosed):
            await connection.recv()
        assert isinstance(await asyncio.wait_for(leg.next_event(), 5), LegEnded)
        assert not other.ended.is_set()
        await still.close()

    async def test_another_format_than_was_agreed_is_not_taken_for_sound(self, dialplan: Dialplan) -> None:
        connection = await websocket(dialplan, await dialplan.register(rate="16000"))
        await connection.send(json.dumps({"event": "MEDIA_START", "format": "ulaw"}))
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(connection.recv(), 5)
        assert dialplan.ringing.empty()

    async def test_odd_octets_do_not_shift_what_follows(self, dialplan: Dialplan) -> None:
        leg, connection = await websocket_leg(dialplan)
        await connection.send(b"\x01\x02\x03")
        await connection.send(b"\x04\x05")
        await until(lambda: len(leg._heard) == 4)
        assert leg.read() == b"\x01\x02\x04\x05"
        await connection.close()

    async def test_a_flood_of_sound_keeps_the_latest_alone(self, dialplan: Dialplan) -> None:
        leg, connection = await websocket_leg(dialplan)
        for _ in range(20):
            await connection.send(bytes(32_000))
        await connection.send(json.dumps({"event": "DTMF_END", "digit": "1"}))
        await asyncio.wait_for(leg.next_event(), 10)
        assert len(leg.read()) == 160_000
        await connection.close()


@given(
    st.lists(st.tuples(st.sampled_from([*RATES, Kind.HANGUP, 0xFF]), st.binary(max_size=40).map(lambda each: each * 2))),
    st.data(),
)
def test_what_is_cut_anywhere_is_read_as_it_was_written(frames: list[tuple[int, bytes]], data: st.DataObject) -> None:
    octets, reader, found = b"".join(bytes(Frame(*each)) for each in frames), FrameReader(), []
    while octets:
        at = data.draw(st.integers(1, len(octets)))
        found += reader.feed(octets[:at])
        octets = octets[at:]
    assert [(each.kind, each.payload) for each in found] == frames


@given(st.binary(max_size=300))
def test_whatever_octets_come_are_frames_or_refused(octets: bytes) -> None:
    reader = FrameReader()
    try:
        for frame in reader.feed(octets):
            assert len(frame.payload) <= 8192
    except AudioSocketError:
        return
    assert len(reader._octets) <= 3 + 8192


def test_every_rate_has_one_kind() -> None:
    assert {RATES[kind] for kind in KINDS.values()} == set(KINDS)
    assert (KINDS[8000], KINDS[16000]) == (0x10, 0x12)


@given(
    st.text(max_size=200) | st.dictionaries(st.sampled_from(["event", "digit", "format"]), st.none() | st.text()).map(json.dumps)
)
def test_whatever_text_comes_is_a_control_message_or_none(text: str) -> None:
    control = parse_control(text)
    assert control is None or isinstance(control.digit, str)
