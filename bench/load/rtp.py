"""What sipp plays (a caller's RTP with keys in it), and the bot's RTP on the wire: its gaps, and how fast it falls silent."""

from __future__ import annotations

import asyncio
import audioop
import contextlib
import random
import shutil
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from voicebot.endpoints.sip.tracing.pcap import capture_file, udp_frame

PCMA, KEYS_TYPE = 8, 101
PACKET_S = 0.02
GAP_MS = 60.0
"""A silence between two packets that a caller hears."""
_SAMPLES = 160
_QUIET = bytes((0xD5, 0x55, 0xD4, 0x54))  # the smallest A-law values: the noise of a quiet room
_FROM, _TO = ("127.0.0.1", 40000), ("127.0.0.1", 40002)  # sipp writes the true ones over these
_HEADER = 14 + 20 + 8
_LOUD = 104
"""-50 dBFS."""
_STILL_S, _SILENT_S = 0.06, 0.3
"""A bot that made a sound within the first speaks now; one that made none for the second has stopped."""


def caller_rtp(seconds: float, keys: Sequence[tuple[float, str]]) -> bytes:
    """A capture file for sipp's play_pcap_audio: quiet A-law for so long, and keys (RFC 4733) at their seconds, in one stream."""
    noise, ssrc = random.Random(1), 0x51BB0001
    frames: list[tuple[float, bytes]] = []
    due, sequence, number = list(keys), 0, 0
    while number * PACKET_S < seconds:
        at = number * PACKET_S
        if due and at >= due[0][0]:
            for sent, (end, duration) in enumerate([(0, 160), (0, 320), (0, 480), (1, 640), (1, 640), (1, 640)]):
                payload = struct.pack("!BBH", "0123456789*#".index(due[0][1]), end << 7 | 10, duration)
                packet = _packet(KEYS_TYPE, sequence, number * _SAMPLES, ssrc, payload, marker=sent == 0)
                frames.append((at + sent * PACKET_S, udp_frame(_FROM, _TO, packet)))
                sequence += 1
            number += 6
            due.pop(0)
            continue
        payload = bytes(noise.choices(_QUIET, k=_SAMPLES))
        frames.append((at, udp_frame(_FROM, _TO, _packet(PCMA, sequence, number * _SAMPLES, ssrc, payload, marker=number == 0))))
        sequence += 1
        number += 1
    return capture_file((1.0 + at, frame) for at, frame in frames)


def _packet(kind: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, *, marker: bool) -> bytes:
    head = struct.pack("!BBHII", 0x80, int(marker) << 7 | kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return head + payload


@dataclass(slots=True)
class Gaps:
    """Of the streams that the bot sent."""

    worst_ms: list[float] = field(default_factory=list)
    """The longest pause between two packets of each stream."""
    measured: bool = True

    @property
    def heard(self) -> int:
        """Streams with a gap that is heard."""
        return sum(worst > GAP_MS for worst in self.worst_ms)


@asynccontextmanager
async def watched(ports: tuple[int, int], file: Path) -> AsyncIterator[Gaps]:
    """The RTP that is sent from these ports while the context lasts. Needs tcpdump and the right to capture; without them nothing
    is measured.
    """
    gaps = Gaps()
    async with _captured(f"src portrange {ports[0]}-{ports[1]}", file, kept_bytes=60) as gaps.measured:
        yield gaps
    if gaps.measured and file.exists():
        gaps.worst_ms = await asyncio.to_thread(_worst, file.read_bytes())


@dataclass(slots=True)
class Stops:
    """How long the bot's sound went on, in milliseconds on the wire: no phone's jitter buffer is in it. A-law only."""

    key_ms: list[float] = field(default_factory=list)
    """After the first packet of a key that was pressed over it, of those keys that are counted."""
    speech_ms: list[float] = field(default_factory=list)
    """After the first loud packet of a caller who began to speak over it."""


@asynccontextmanager
async def stops_watched(ports: tuple[int, int], file: Path, keys: str) -> AsyncIterator[Stops]:
    """As `watched`, of the calls that begin while the context lasts; the bot's ports are these, no caller's is.

    Only `keys` count: those after which the bot has nothing to say. After others its next words follow so closely that no silence
    is heard, and the end of those words would be taken for the stop.
    """
    stops = Stops()
    async with _captured(f"portrange {ports[0]}-{ports[1]}", file, kept_bytes=_HEADER + 12 + _SAMPLES) as measured:
        yield stops
    if measured and file.exists():
        found = await asyncio.to_thread(_stops, file.read_bytes(), ports, keys)
        stops.key_ms, stops.speech_ms = found.key_ms, found.speech_ms


@asynccontextmanager
async def _captured(which: str, file: Path, *, kept_bytes: int) -> AsyncIterator[bool]:
    """UDP of loopback as the kernel saw it, into `file`; False where it cannot be had."""
    if shutil.which("tcpdump") is None:
        yield False
        return
    command = f"tcpdump -i lo -n -q -s {kept_bytes} -B 16384 -w {file} udp and {which}"
    process = await asyncio.create_subprocess_exec(*command.split(), stderr=asyncio.subprocess.PIPE)
    try:
        assert process.stderr is not None
        yield b"listening" in await process.stderr.readline()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


class _Packet(NamedTuple):
    at: float
    """Seconds."""
    source: int
    target: int
    kind: int
    """Payload type."""
    timestamp: int
    ssrc: int
    payload: bytes


def _packets(capture: bytes) -> Iterator[_Packet]:
    """RTP, in order; RTCP is left out (RFC 5761)."""
    at = 24
    while at + 16 <= len(capture):
        seconds, micros, length, _ = struct.unpack_from("=IIII", capture, at)
        frame, at = capture[at + 16 : at + 16 + length], at + 16 + length
        if len(frame) < _HEADER + 12 or frame[_HEADER] >> 6 != 2 or 72 <= frame[_HEADER + 1] & 0x7F <= 76:
            continue
        source, target = struct.unpack_from("!HH", frame, 34)
        timestamp, ssrc = struct.unpack_from("!II", frame, _HEADER + 4)
        yield _Packet(seconds + micros / 1e6, source, target, frame[_HEADER + 1] & 0x7F, timestamp, ssrc, frame[_HEADER + 12 :])


def _worst(capture: bytes) -> list[float]:
    """Milliseconds, of each stream of more than a second."""
    last: dict[tuple[int, int], float] = {}
    worst: dict[tuple[int, int], float] = defaultdict(float)
    packets: dict[tuple[int, int], int] = defaultdict(int)
    for packet in _packets(capture):
        stream = (packet.target, packet.ssrc)
        if stream in last:
            worst[stream] = max(worst[stream], 1000 * (packet.at - last[stream]))
        last[stream] = packet.at
        packets[stream] += 1
    return [worst[stream] for stream, count in packets.items() if count > 50]


@dataclass(slots=True)
class _Call:
    """One call on the wire, between a caller's port and one of the bot's."""

    keys: bytes
    """Events of the keys that count."""
    loud_until: float = 0.0
    """The end of the bot's last loud packet."""
    spoke_until: float = 0.0
    """The end of the caller's."""
    key: int | None = None
    """Timestamp of the last key: all packets of one press have the same (RFC 4733, 2.2.2)."""
    asked: float | None = None
    """When the caller pressed or spoke over the bot, until it fell silent."""
    by_key: bool = False

    def caller(self, packet: _Packet) -> None:
        """A packet of theirs."""
        over = packet.at - self.loud_until < _STILL_S
        if packet.kind == KEYS_TYPE:
            if packet.timestamp != self.key:
                counts = over and packet.payload[:1] in self.keys
                self.asked, self.by_key = packet.at if counts else None, True
            self.key = packet.timestamp
        elif _loud(packet):
            if packet.at - self.spoke_until > _SILENT_S and over:
                self.asked, self.by_key = packet.at, False
            self.spoke_until = packet.at + PACKET_S

    def stopped(self, now: float) -> float | None:
        """Milliseconds, when the bot has now been silent for long enough to say so."""
        if self.asked is None or now - self.loud_until < _SILENT_S:
            return None
        asked, self.asked = self.asked, None
        return 1000 * max(0.0, self.loud_until - asked)


def _stops(capture: bytes, ports: tuple[int, int], keys: str) -> Stops:
    events = bytes("0123456789*#".index(key) for key in keys)
    stops, calls, began = Stops(), dict[tuple[int, int], _Call](), 0.0
    older: set[tuple[int, int]] = set()
    for packet in _packets(capture):
        began = began or packet.at
        from_bot = ports[0] <= packet.source <= ports[1]
        name = (packet.target, packet.source) if from_bot else (packet.source, packet.target)
        if name not in calls and packet.at - began < _SILENT_S:
            older.add(name)
        if name in older:
            continue
        call = calls.setdefault(name, _Call(events))
        if not from_bot:
            call.caller(packet)
        elif packet.kind == PCMA and _loud(packet):
            call.loud_until = packet.at + PACKET_S
        if (stopped := call.stopped(packet.at)) is not None:
            (stops.key_ms if call.by_key else stops.speech_ms).append(stopped)
    return stops


def _loud(packet: _Packet) -> bool:
    return audioop.rms(audioop.alaw2lin(packet.payload, 2), 2) > _LOUD
