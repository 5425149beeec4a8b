"""What sipp plays (a caller's RTP with keys in it), and what the bot's RTP looked like on the wire: gaps of each stream."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from voicebot.endpoints.sip.tracing.pcap import capture_file, udp_frame

PCMA, KEYS_TYPE = 8, 101
PACKET_S = 0.02
GAP_MS = 60.0
"""A silence between two packets that a caller hears."""
_SAMPLES = 160
_QUIET = bytes((0xD5, 0x55, 0xD4, 0x54))  # the smallest A-law values: the noise of a quiet room
_FROM, _TO = ("127.0.0.1", 40000), ("127.0.0.1", 40002)  # sipp writes the true ones over these
_HEADER = 14 + 20 + 8


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
    """The RTP that is sent from these ports while the context lasts, as the kernel saw it on loopback. Needs tcpdump and the
    right to capture; without them nothing is measured.
    """
    gaps = Gaps()
    if shutil.which("tcpdump") is None:
        gaps.measured = False
        yield gaps
        return
    command = f"tcpdump -i lo -n -q -s 60 -B 16384 -w {file} udp and src portrange {ports[0]}-{ports[1]}"
    process = await asyncio.create_subprocess_exec(*command.split(), stderr=asyncio.subprocess.PIPE)
    try:
        assert process.stderr is not None
        gaps.measured = b"listening" in await process.stderr.readline()
        yield gaps
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()
        if gaps.measured and file.exists():
            gaps.worst_ms = await asyncio.to_thread(_worst, file.read_bytes())


def _worst(capture: bytes) -> list[float]:
    """Milliseconds, of each stream of more than a second."""
    last: dict[tuple[int, int], float] = {}
    worst: dict[tuple[int, int], float] = defaultdict(float)
    packets: dict[tuple[int, int], int] = defaultdict(int)
    at = 24
    while at + 16 <= len(capture):
        seconds, micros, length, _ = struct.unpack_from("=IIII", capture, at)
        frame, at = capture[at + 16 : at + 16 + length], at + 16 + length
        if len(frame) < _HEADER + 12 or frame[_HEADER] >> 6 != 2 or 72 <= frame[_HEADER + 1] & 0x7F <= 76:  # RTCP (RFC 5761)
            continue
        stream = (int.from_bytes(frame[36:38]), int.from_bytes(frame[_HEADER + 8 : _HEADER + 12]))
        now = seconds + micros / 1e6
        if stream in last:
            worst[stream] = max(worst[stream], 1000 * (now - last[stream]))
        last[stream] = now
        packets[stream] += 1
    return [worst[stream] for stream, count in packets.items() if count > 50]
