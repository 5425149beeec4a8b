"""`LegAudio` over streams that the stack replaces and takes away, as its binding tells of them."""

from __future__ import annotations

from typing import cast

from baresip import AudioNotActive, AudioRestarted
from baresip.audio import AudioInfo, CallAudio

from voicebot.endpoints.sip.audio import LegAudio


class Streams:
    """What `CallAudio` does: a replaced stream is told once, by reading and writing alone; asking for `info` hides it."""

    def __init__(self, rate: int = 8000, channels: int = 1) -> None:
        self.rate, self.channels = rate, channels
        self.active = True
        self.sent = b""
        self.waiting = b""
        self._replaced = False

    def replace(self, rate: int, channels: int = 1) -> None:
        self.rate, self.channels, self.sent, self._replaced = rate, channels, b"", True

    def info(self) -> AudioInfo:
        if not self.active:
            raise AudioNotActive("off")
        self._replaced = False
        sides = (self.rate, self.channels)
        return AudioInfo(True, True, *sides, 20, *sides, len(self.sent), len(self.waiting), 99_999, 99_999)

    def write(self, pcm: bytes) -> int:
        self._check()
        self.sent += pcm
        return len(pcm)

    def read(self, max_bytes: int) -> bytes:
        self._check()
        part, self.waiting = self.waiting[:max_bytes], self.waiting[max_bytes:]
        return part

    def flush_tx(self) -> None:
        self._check()
        self.sent = b""

    def _check(self) -> None:
        if not self.active:
            raise AudioNotActive("off")
        if self._replaced:
            self._replaced = False
            raise AudioRestarted("replaced")


async def opened(streams: Streams) -> LegAudio:
    audio = LegAudio(cast(CallAudio, streams))
    await audio.open(1.0)
    return audio


SECOND = b"\x00\x10" * 8000


async def test_after_a_pause_the_new_rate_is_used() -> None:
    streams = Streams(8000)
    audio = await opened(streams)
    streams.active = False
    assert audio.write(SECOND) == 0
    streams.active = True
    streams.replace(16000)
    assert audio.write(SECOND) == len(SECOND)
    assert len(streams.sent) > 1.8 * len(SECOND), "8 kHz was sent as 16 kHz"
    streams.waiting = bytes(6400)
    assert 2400 < len(audio.read()) <= 3200


async def test_what_was_not_taken_is_not_sent_later() -> None:
    streams = Streams(8000)
    audio = await opened(streams)
    streams.replace(16000)
    audio.read()
    streams.active = False
    assert audio.write(SECOND) == 0
    streams.active = True
    assert audio.buffered() == 0
    assert audio.write(SECOND[:3200]) == 3200
    assert len(streams.sent) <= 6400


async def test_asking_what_is_queued_does_not_hide_that_it_was_dropped() -> None:
    streams = Streams(8000)
    audio = await opened(streams)
    audio.write(SECOND)
    streams.replace(8000)
    assert audio.buffered() == 0
    assert 0.9 * len(SECOND) < audio.lost() <= len(SECOND)


async def test_streams_of_two_channels_are_not_used_and_nothing_is_raised() -> None:
    streams = Streams(8000)
    audio = await opened(streams)
    streams.replace(48000, channels=2)
    assert audio.write(SECOND) == 0
    streams.waiting = bytes(9600)
    assert (audio.read(), audio.buffered()) == (b"", 0)


async def test_what_nobody_reads_does_not_pile_up() -> None:
    streams = Streams(8000)
    audio = await opened(streams)
    for _ in range(10):
        streams.waiting = SECOND
        audio.buffered()
    assert len(audio.read()) == 2 * len(SECOND)
