"""AudioSocket: Asterisk connects by TCP, names the call, and sends frames of one kind octet, a length and a payload.

Its header file is the standard (res_audiosocket.h): lengths big-endian, PCM signed 16-bit little-endian. Only a UUID tells whose
call it is, so whoever is not expected is refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import cast
from uuid import UUID

from voicebot.endpoints.streams.media import FRAME_S, MediaSink

log = logging.getLogger(__name__)

_LONGEST = 8192
"""Octets of a payload: 20 ms at 192 kHz are 7680."""
_NAMED_S = 5.0


class Kind(IntEnum):
    """What a frame is."""

    HANGUP = 0x00
    UUID = 0x01
    KEY = 0x03
    ERROR = 0xFF


RATES = {
    0x10: 8000,
    0x11: 12000,
    0x12: 16000,
    0x13: 24000,
    0x14: 32000,
    0x15: 44100,
    0x16: 48000,
    0x17: 96000,
    0x18: 192000,
}
"""Hz, by the kind of a frame of sound."""
KINDS = {rate: kind for kind, rate in RATES.items()}


class AudioSocketError(ValueError):
    """What came is no AudioSocket."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    kind: int
    payload: bytes

    def __bytes__(self) -> bytes:
        return bytes([self.kind]) + len(self.payload).to_bytes(2, "big") + self.payload


class FrameReader:
    """Frames out of whatever pieces TCP brings."""

    def __init__(self) -> None:
        self._octets = bytearray()

    def feed(self, octets: bytes) -> list[Frame]:
        """The frames that are whole now. Raises AudioSocketError: nothing of the stream can be believed after it."""
        self._octets += octets
        frames = []
        while len(self._octets) >= 3:
            kind, length = self._octets[0], int.from_bytes(self._octets[1:3], "big")
            _check(kind, length)
            if len(self._octets) < 3 + length:
                break
            frames.append(Frame(kind, bytes(self._octets[3 : 3 + length])))
            del self._octets[: 3 + length]
        return frames


def _check(kind: int, length: int) -> None:
    wanted = {Kind.UUID: 16, Kind.KEY: 1}.get(kind)  # type: ignore[call-overload]
    if length > _LONGEST or (wanted is not None and length != wanted) or (kind in RATES and length % 2):
        raise AudioSocketError(f"a frame of kind 0x{kind:02x} cannot have {length} octets")


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose sound will come, and how."""

    sink: MediaSink
    sample_rate: int


Take = Callable[[str], Expected | None]
"""The call with this name, taken once; None for one that is not expected."""


class AudioSocketConnection(asyncio.Protocol):
    """Implements `voicebot.endpoints.streams.media.Media` for whoever names an expected call."""

    fills = True  # Asterisk reads our frames before it sends its own, and a caller must not wait for the first word
    ahead_s = 2 * FRAME_S  # what is sent cannot be taken back

    def __init__(self, take: Take, turned_away: Callable[[str], None], opened: Callable[[AudioSocketConnection], bool]) -> None:
        self.sample_rate = 0
        self._take = take
        self._turned_away = turned_away
        self._opened = opened
        self._frames = FrameReader()
        self._sink: MediaSink | None = None
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self.gone = False
        """Whether the connection is over."""
        self._hung_up = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast(asyncio.Transport, transport)
        self._writable.set()
        self._transport.set_write_buffer_limits(high=16 * 1024)
        self._deadline = asyncio.get_running_loop().call_later(_NAMED_S, self._refuse, "it named no call")
        if not self._opened(self):
            self._refuse("too many connections")

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        try:
            for frame in self._frames.feed(data):
                self._received(frame)
        except AudioSocketError as error:
            if self._sink is None:
                self._refuse(str(error))
            else:
                log.error("audiosocket: %s", error)
                self.close()

    def eof_received(self) -> bool:
        """See asyncio: we close at once, or Asterisk keeps the socket in CLOSE-WAIT."""
        self._hung_up = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self.gone = True
        self._writable.set()
        if self._deadline is not None:
            self._deadline.cancel()
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.closed("Asterisk hung up" if self._hung_up else "the AudioSocket connection broke")

    def pause_writing(self) -> None:
        """See asyncio."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """See asyncio."""
        self._writable.set()

    async def send(self, frame: bytes) -> None:
        """One frame. Raises ConnectionError."""
        await self._writable.wait()
        if self.gone or self._transport is None or self._transport.is_closing():
            raise ConnectionError("the AudioSocket connection is closed")
        self._transport.write(bytes(Frame(KINDS[self.sample_rate], frame)))

    def flush(self) -> bool:
        """AudioSocket takes nothing back."""
        return False

    async def played(self) -> None:
        """AudioSocket does not tell: as long as what was sent ahead takes, and one frame."""
        await asyncio.sleep(self.ahead_s + FRAME_S)

    def close(self) -> None:
        """Say so, and close."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(bytes(Frame(Kind.HANGUP, b"")))
            self._transport.close()

    def _received(self, frame: Frame) -> None:
        if self._sink is None:
            self._name(frame)
        elif frame.kind in RATES:
            if RATES[frame.kind] != self.sample_rate:
                raise AudioSocketError(f"sound comes at {RATES[frame.kind]} Hz, expected were {self.sample_rate}")
            self._sink.heard(frame.payload)
        elif frame.kind == Kind.KEY:
            self._sink.pressed(frame.payload.decode("latin-1"))
        elif frame.kind == Kind.HANGUP:
            self._hung_up = True
            self.close()
        elif frame.kind == Kind.ERROR:
            log.warning("audiosocket: Asterisk reports an error: %s", frame.payload[:1].hex() or "none named")

    def _name(self, frame: Frame) -> None:
        expected = self._take(str(UUID(bytes=frame.payload))) if frame.kind == Kind.UUID else None
        if expected is None:
            self._refuse("its call is not expected" if frame.kind == Kind.UUID else "its first frame named no call")
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self.sample_rate = expected.sample_rate
        if expected.sink.connected(self):
            self._sink = expected.sink
        else:
            self.close()

    def _refuse(self, why: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._turned_away(why)
            self._transport.abort()
