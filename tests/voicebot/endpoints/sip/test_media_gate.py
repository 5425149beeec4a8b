"""Who may send a call's media: strangers' RTP is neither a key nor noise (RFC 3550, 4733), whatever SSRC it has."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Protocol

import numpy as np
import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import Bot, OpenProbe, StartBot, end_of, next_event, settings
from tests.voicebot.endpoints.sip.sip_probe import PCMA, Address, Message, Probe, Wire, sdp
from voicebot.endpoints.leg import LegKey
from voicebot.endpoints.sip import media_gate
from voicebot.endpoints.sip.leg import SipLeg
from voicebot.endpoints.sip.media_sources import MediaSources, media_sources
from voicebot.endpoints.sip.peers import parse_networks
from voicebot.endpoints.sip.trunks import Trunk

WITH_KEYS = (*PCMA, "101 telephone-event/8000")
STRANGER = "127.0.0.2"


class Intruder:
    """Sends RTP of an SSRC of its own."""

    def __init__(self, wire: Wire, ssrc: int = 0xBAD) -> None:
        self.wire, self.ssrc, self._sequence = wire, ssrc, count(1)

    def send(self, to: Address, payload_type: int, payload: bytes, *, marker: bool = False) -> None:
        number = next(self._sequence)
        self.wire.send(
            struct.pack("!BBHII", 0x80, marker << 7 | payload_type, number & 0xFFFF, number * 160, self.ssrc) + payload, to
        )

    def attack(self, to: Address) -> None:
        """Keys, noise, RTCP that ends the call, and junk."""
        for event in range(12):
            self.send(to, 101, struct.pack("!BBH", event, 10, 160), marker=True)
            self.send(to, 101, struct.pack("!BBH", event, 0x8A, 640))
        for _ in range(50):
            self.send(to, 8, bytes([0x2A, 0xAA]) * 80)
        for port in (to[1], to[1] + 1):
            self.wire.send(struct.pack("!BBHI", 0x81, 203, 1, self.ssrc), (to[0], port))
            for junk in (b"", b"\x80", b"\x80\x08" * 5, b"\xff" * 1400):
                self.wire.send(junk, (to[0], port))


class OpenIntruder(Protocol):
    async def __call__(self, host: str) -> Intruder: ...


@pytest.fixture
async def intrude() -> AsyncIterator[OpenIntruder]:
    wires: list[Wire] = []

    async def one(host: str) -> Intruder:
        wires.append(await Wire.open(host))
        return Intruder(wires[-1])

    yield one
    for wire in wires:
        wire.close()


def media(probe: Probe) -> Address:
    return probe._media


async def _talks(bot: Bot, probe: Probe) -> SipLeg:
    """A call whose caller is heard."""
    leg = await bot.connect(probe, probe.offer(WITH_KEYS))
    await until(lambda: any(leg.read()))
    return leg


def _loudness(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm, np.int16).astype(float) ** 2))) if pcm else 0.0


async def _presses(probe: Probe, leg: SipLeg, key: str) -> None:
    probe.press(key, 101)
    assert await next_event(leg) == LegKey(key)


@pytest.mark.parametrize("host", [STRANGER, "127.0.0.1"], ids=["a stranger", "another port of the trunk"])
async def test_whoever_is_not_the_caller_presses_no_key_and_makes_no_noise(
    start_bot: StartBot, open_probe: OpenProbe, intrude: OpenIntruder, host: str
) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await _talks(bot, probe)
    intruder = await intrude(host)
    before = bot.endpoint.counts.media_turned_away
    probe.fall_silent()
    for _ in range(5):
        intruder.attack(media(probe))
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    leg.read()  # what the caller said before
    intruder.attack(media(probe))
    await asyncio.sleep(0.3)
    assert _loudness(leg.read()) == 0
    await until(lambda: bot.endpoint.counts.media_turned_away >= before + 300)
    probe._talking = asyncio.create_task(probe._talk())
    await until(lambda: _loudness(leg.read()) > 1000)
    await _presses(probe, leg, "7")  # the first key that is told is the caller's
    await probe.bye()
    await end_of(leg)


@pytest.mark.parametrize("talks_first", [True, False])
async def test_a_stranger_who_sends_first_is_not_taken_for_the_caller(
    start_bot: StartBot, open_probe: OpenProbe, intrude: OpenIntruder, talks_first: bool
) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer(WITH_KEYS), talk=talks_first)
    intruder = await intrude(STRANGER)
    for _ in range(20):
        intruder.attack(media(probe))
    if not talks_first:
        probe._talking = asyncio.create_task(probe._talk())
    await until(lambda: _loudness(leg.read()) > 1000)
    await _presses(probe, leg, "3")
    await probe.bye()
    await end_of(leg)


async def _sends_until(intruder: Intruder, to: Address, heard: Callable[[], bool]) -> None:
    """Loud noise at the rate of a call, until it is heard."""
    async with asyncio.timeout(10):
        while not heard():
            intruder.send(to, 8, bytes([0x2A]) * 160)
            await asyncio.sleep(0.02)


def _tone(leg: SipLeg) -> bool:
    """Whether what is heard is the probe's tone: a stranger's noise does not change its sign."""
    samples = np.frombuffer(leg.read(), np.int16)
    return bool(np.any(samples > 1000) and np.any(samples < -1000))


def _noise(leg: SipLeg) -> bool:
    samples = np.frombuffer(leg.read(), np.int16)
    return bool(np.any(np.abs(samples) > 1000))


@pytest.mark.parametrize("late_s", [0.0, 0.2, 2.0], ids=["at once", "while it is watched for", "when nobody is watched for"])
async def test_whom_the_sdp_names_takes_the_place_of_a_stranger_who_was_first(
    start_bot: StartBot, open_probe: OpenProbe, intrude: OpenIntruder, late_s: float
) -> None:
    """The stranger is within the media networks and faster than the caller."""
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer(WITH_KEYS), talk=False)
    intruder = await intrude("127.0.0.1")
    to = media(probe)
    await _sends_until(intruder, to, lambda: _noise(leg))
    going_on = asyncio.create_task(_sends_until(intruder, to, lambda: False))
    await asyncio.sleep(late_s)
    probe._talking = asyncio.create_task(probe._talk())
    await until(lambda: _sender(bot) == ("127.0.0.1", probe.rtp.port))
    leg.read()
    await until(lambda: _tone(leg))
    going_on.cancel()
    probe.fall_silent()
    for _ in range(5):
        intruder.attack(to)
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    leg.read()  # what the caller said before
    intruder.attack(to)
    await asyncio.sleep(0.3)
    assert not _noise(leg)
    probe._talking = asyncio.create_task(probe._talk())
    await _presses(probe, leg, "6")  # none of the stranger's keys since
    await probe.bye()
    await end_of(leg)


def _sender(bot: Bot) -> Address:
    """Who is heard in the only call."""
    gate = bot.endpoint._media_gate
    assert gate is not None
    return next(iter(gate._media.values())).sender


async def test_a_caller_behind_a_nat_is_heard_and_a_stranger_with_many_ports_is_not(
    start_bot: StartBot, open_probe: OpenProbe, intrude: OpenIntruder
) -> None:
    """Its SDP names an address that never sends; the packets come from the public one, which is the INVITE's."""
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, sdp("127.0.0.9", 40000, WITH_KEYS))
    await until(lambda: _tone(leg))
    strangers = [await intrude("127.0.0.1") for _ in range(40)]
    before = bot.endpoint.counts.media_turned_away
    for _ in range(60):
        for each in strangers:
            each.send(media(probe), 101, struct.pack("!BBH", 1, 0x8A, 640), marker=True)
            each.send(media(probe), 8, bytes([0x2A, 0xAA]) * 80)
        await asyncio.sleep(0.05)
    await until(lambda: bot.endpoint.counts.media_turned_away >= before + 4000)
    assert _sender(bot) == ("127.0.0.1", probe.rtp.port)
    await until(lambda: _tone(leg))
    await _presses(probe, leg, "8")
    await probe.bye()
    await end_of(leg)


async def test_whom_the_sdp_names_is_heard_among_a_stranger_s_many_ports(
    start_bot: StartBot, open_probe: OpenProbe, intrude: OpenIntruder
) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer(WITH_KEYS), talk=False)
    strangers = [await intrude("127.0.0.1") for _ in range(40)]

    async def flood() -> None:
        while True:
            for each in strangers:
                each.send(media(probe), 8, bytes([0x2A]) * 160)
            await asyncio.sleep(0.02)

    flooding = asyncio.create_task(flood())
    await until(lambda: _noise(leg))
    probe._talking = asyncio.create_task(probe._talk())
    await until(lambda: _sender(bot) == ("127.0.0.1", probe.rtp.port))
    leg.read()
    await until(lambda: _tone(leg))
    await _presses(probe, leg, "2")
    flooding.cancel()
    await probe.bye()
    await end_of(leg)


async def test_nobody_is_watched_for_while_whom_the_sdp_names_is_heard(
    start_bot: StartBot, open_probe: OpenProbe, intrude: OpenIntruder
) -> None:
    """And with a caller behind a NAT only for half a second, as long as nobody else sends: packets are the kernel's work."""
    bot = await start_bot()
    gate = bot.endpoint._media_gate
    assert gate is not None
    direct = await open_probe(bot)
    leg = await bot.connect(direct, direct.offer(WITH_KEYS))
    await until(lambda: _tone(leg))
    assert not next(iter(gate._media.values())).watch
    await direct.bye()
    await end_of(leg)
    hidden = await open_probe(bot)
    leg = await bot.connect(hidden, sdp("127.0.0.9", 40000, WITH_KEYS))
    await until(lambda: _tone(leg))
    await until(lambda: not next(iter(gate._media.values())).watch)
    await hidden.bye()
    await end_of(leg)


async def test_a_new_ssrc_of_the_caller_is_taken_when_the_old_one_is_silent(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await _talks(bot, probe)
    probe._ssrc ^= 1  # goes on talking: after a second it is heard again
    await _is_heard_again(probe, leg)
    await probe.bye()
    await end_of(leg)


async def _is_heard_again(probe: Probe, leg: SipLeg) -> None:
    async def pressing() -> None:
        while True:
            probe.press("5", 101)
            await asyncio.sleep(0.2)

    pressed = asyncio.create_task(pressing())
    assert await asyncio.wait_for(leg.next_event(), 30) == LegKey("5")
    pressed.cancel()


async def test_after_a_re_invite_the_media_come_from_elsewhere(
    start_bot: StartBot, open_probe: OpenProbe, intrude: OpenIntruder
) -> None:
    bot = await start_bot(settings(peers=("127.0.0.1/32", "127.0.0.3/32")))
    probe = await open_probe(bot)
    leg = await _talks(bot, probe)
    probe.fall_silent()
    intruder = await intrude("127.0.0.3")
    probe.invite(sdp("127.0.0.3", intruder.wire.port, WITH_KEYS))
    answer = await probe.final("INVITE")
    probe.ack(answer)
    await until(lambda: _pressed_by(intruder, (probe.target[0], answer.rtp_port), leg))
    await probe.bye()
    await end_of(leg)


def _pressed_by(intruder: Intruder, to: Address, leg: SipLeg) -> bool:
    intruder.send(to, 101, struct.pack("!BBH", 4, 10, 160), marker=True)
    intruder.send(to, 101, struct.pack("!BBH", 4, 0x8A, 640))
    return not leg._events.empty() and leg._events.get_nowait() == LegKey("4")


async def test_another_sender_of_the_trunk_is_taken_after_long_silence(
    start_bot: StartBot, open_probe: OpenProbe, intrude: OpenIntruder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_gate, "NEW_SENDER_S", 2.0)
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await _talks(bot, probe)
    probe.fall_silent()
    other = await intrude("127.0.0.1")
    await until(lambda: _pressed_by(other, media(probe), leg))
    await probe.bye()
    await end_of(leg)


async def test_media_peers_say_where_media_come_from(
    start_bot: StartBot, open_probe: OpenProbe, intrude: OpenIntruder, caplog: pytest.LogCaptureFixture
) -> None:
    trunk = {"north": {"peers": ["127.0.0.1"], "media_peers": ["127.0.0.4/30"]}}
    bot = await start_bot(settings(peers=(), trunks=trunk))
    probe = await open_probe(bot)
    with caplog.at_level(logging.WARNING, logger=media_gate.__name__):
        leg = await bot.connect(probe, probe.offer(WITH_KEYS))
        gateway = await intrude("127.0.0.5")
        await until(lambda: _pressed_by(gateway, media(probe), leg))
    assert "media_peers" in caplog.text
    await probe.bye()
    await end_of(leg)


async def test_media_come_from_the_signalled_address_when_the_trunk_names_none(
    start_bot: StartBot, open_probe: OpenProbe, intrude: OpenIntruder
) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    gateway = await intrude("127.0.0.5")
    leg = await bot.connect(probe, sdp("127.0.0.5", gateway.wire.port, WITH_KEYS), talk=False)
    await until(lambda: _pressed_by(gateway, media(probe), leg))
    await probe.bye()
    await end_of(leg)


def _trunk(**fields: object) -> dict[str, Trunk]:
    return {"north": Trunk.model_validate({"peers": ["192.0.2.0/24"], **fields})}


@pytest.mark.parametrize(
    ("trunks", "sender", "networks", "signalled"),
    [
        (_trunk(), "192.0.2.9", ["192.0.2.0/24"], True),
        (_trunk(media_peers=["198.51.100.0/24"]), "192.0.2.9", ["198.51.100.0/24"], False),
        (_trunk(peers=["0.0.0.0/0"]), "192.0.2.9", ["192.0.2.9"], True),
        (_trunk(), "203.0.113.1", ["203.0.113.1"], True),
        (_trunk(media_peers=["198.51.100.0/24"]), "", ["198.51.100.0/24"], True),
    ],
)
def test_the_sources_of_a_call(trunks: dict[str, Trunk], sender: str, networks: list[str], signalled: bool) -> None:
    assert media_sources(trunks, sender) == MediaSources(parse_networks(networks), signalled)


@pytest.mark.parametrize(("address", "taken"), [("203.0.113.7", True), ("0.0.0.0", False), ("224.0.0.1", False), ("", False)])
def test_the_signalled_address_is_one_of_a_host(address: str, taken: bool) -> None:
    found = MediaSources(parse_networks(["192.0.2.0/24"]), signalled=True).with_address(address)
    assert len(found) == 1 + taken


async def test_only_the_first_packet_is_looked_at_here(
    start_bot: StartBot, open_probe: OpenProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []
    look = media_gate.MediaGate._datagram

    def counting(self: media_gate.MediaGate, source: int, buffer: int, sock: int) -> bool:
        looked_at.append(sock)
        return look(self, source, buffer, sock)

    monkeypatch.setattr(media_gate.MediaGate, "_datagram", counting)
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await _talks(bot, probe)
    heard = 0
    while heard < 2 * 8000:
        heard += len(leg.read()) // 2
        await asyncio.sleep(0.05)
    assert len(looked_at) < 10  # of a hundred: one each time the call was negotiated, and what came before the answer did
    await probe.bye()
    await end_of(leg)


class _OverIpv6(Probe):
    """Its target and host are written with brackets."""

    def send(self, data: bytes) -> None:
        self.sip.send(data, ("::1", self.target[1]))

    def offer(self, formats: tuple[str, ...] = PCMA, **options: object) -> str:
        return super().offer(formats, **options).replace("IN IP4 [::1]", "IN IP6 ::1")

    def take_up(self, answer: Message, *, talk: bool = True) -> None:
        super().take_up(answer, talk=False)
        self._media = ("::1", answer.rtp_port)
        self._talking = asyncio.create_task(self._talk())


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_a_call_over_ipv6_is_heard_and_its_strangers_are_not(start_bot: StartBot, intrude: OpenIntruder) -> None:
    bot = await start_bot(settings(host="::1", peers=("::1/128",)))
    probe = _OverIpv6(("[::1]", bot.address[1]), await Wire.open("::1"), await Wire.open("::1"), "[::1]")
    leg = await _talks(bot, probe)
    intruder = await intrude("::1")
    before = bot.endpoint.counts.media_turned_away
    intruder.attack(media(probe))
    await until(lambda: bot.endpoint.counts.media_turned_away >= before + 60)
    await _presses(probe, leg, "7")
    await probe.bye()
    await end_of(leg)
    await probe.close()


def _handles() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_every_socket_comes_back(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    await probe.bye()
    await end_of(leg)
    await until(lambda: bot.endpoint.counts.live == 0)
    probes = [await open_probe(bot) for _ in range(15)]
    before = _handles()
    for number, probe in enumerate(probes):
        leg = await bot.connect(probe, talk=number % 2 == 0)  # of every other one no packet ever comes
        await probe.bye()
        await end_of(leg)
    for number in range(15):
        liar = probes[number]
        liar.call_id, liar.to = f"{number}@liar", f"<sip:802@{bot.address[0]}>"
        liar.send(liar.request("INVITE", body=liar.offer()).replace(b"Contact:", b"X-Contact:"))
        assert (await liar.final("INVITE")).status >= 400
    await until(lambda: bot.endpoint.counts.malformed == 15)
    await until(lambda: _handles() <= before)
    gate = bot.endpoint._media_gate
    assert gate is not None
    await until(lambda: not gate._media and not gate._by_socket)
