"""The app's side of a call (WebRTC), for scripted callers: aiortc, which the extra `web-caller` installs.

It runs in the softphone's process only: nothing of it is loaded into the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import json
import re
import struct
import time
import uuid
from collections.abc import Callable
from typing import Any, cast

import httpx
import numpy as np
import soxr
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription, codecs
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket
from av import AudioFrame
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from voicebot.softphone.script import ScriptError
from voicebot.tasks import cancelled

RATE = 16000
_FRAME = RATE // 50
_LATE_S = 0.1
_KEYS = "0123456789*#"
_KEY_PACKET = struct.Struct("!BBH")
_KEY_PACKETS, _KEY_LAST = 8, 3  # 160 ms, its end told three times (RFC 4733, 2.5.1.4)
_ADDRESS = re.compile(r"(a=candidate:\S+ [12] \S+ \d+) \S+ (\d+ typ)")
_KEYS_TYPE = 126
_EVENTS = RTCRtpCodecParameters(mimeType="audio/telephone-event", clockRate=8000, channels=1, payloadType=_KEYS_TYPE)


class PacedSound(MediaStreamTrack):
    """What the caller says, 20 ms at a time by the clock; silence when nothing waits. Signed 16-bit mono PCM at 16 kHz."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._queued = bytearray()
        self._sent = 0
        self._began: float | None = None

    def say(self, pcm: bytes) -> None:
        """Queue."""
        self._queued += pcm

    @property
    def waiting(self) -> int:
        """Bytes not yet sent."""
        return len(self._queued)

    async def recv(self) -> AudioFrame:
        """The next 20 ms."""
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        if self._began is None or now - self._began - self._sent / 50 > _LATE_S:
            self._began = now - self._sent / 50  # after a hiccup of the machine nothing is made good at once
        await asyncio.sleep(max(0.0, self._began + self._sent / 50 - now))
        pcm = bytes(self._queued[: _FRAME * 2])
        del self._queued[: _FRAME * 2]
        frame = AudioFrame(format="s16", layout="mono", samples=_FRAME)
        frame.planes[0].update(pcm.ljust(_FRAME * 2, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent * _FRAME, fractions.Fraction(1, RATE)
        self._sent += 1
        return frame


class WebCallFailed(ScriptError):
    """The offer was refused. `status` is HTTP's, `code` the service's own."""

    def __init__(self, status: int, code: str, why: str) -> None:
        super().__init__(f"{status} {code}: {why}")
        self.status = status
        self.code = code


class WebPhone:
    """One call of an app to the service at `url` (https://…, without a path); an async context manager that hangs up."""

    def __init__(self, url: str, *, ice_servers: tuple[dict[str, Any], ...] = ()) -> None:
        if _EVENTS not in codecs.CODECS["audio"]:
            codecs.CODECS["audio"].append(_EVENTS)  # aiortc knows no keys
        servers = [RTCIceServer(**server) for server in ice_servers]
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._client = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=20, trust_env=False)
        self.sound = PacedSound()
        self._sender = self._peer.addTrack(self.sound)
        self._heard = bytearray()
        self._tasks: list[asyncio.Task[None]] = []
        self._socket: ClientConnection | None = None
        self._key_stamp = 0
        self.ended = asyncio.Event()
        self.hide_addresses = False
        """Offer names of mDNS instead of addresses, as a page without the microphone does."""
        self._name = f"{uuid.uuid4()}.local"
        self.on_shown: Callable[[dict[str, Any]], None] = lambda event: None
        """Told of what the app is shown."""
        self.call = self.token = ""

        @self._peer.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            self._tasks.append(asyncio.create_task(self._hear(track), name="web-phone-ear"))

    async def __aenter__(self) -> WebPhone:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()

    async def offer(self) -> str:
        """The SDP offer, with all candidates."""
        if self._peer.localDescription is None:
            await self._peer.setLocalDescription(await self._peer.createOffer())
        offer = str(self._peer.localDescription.sdp)
        return _ADDRESS.sub(rf"\1 {self._name} \2", offer) if self.hide_addresses else offer

    @property
    def fingerprint(self) -> str:
        """SHA-256 of our DTLS certificate, as an offer says it."""
        (found,) = [print for print in self._sender.transport.getLocalParameters().fingerprints if print.algorithm == "sha-256"]
        return str(found.value)

    async def dial(self, ticket: str) -> None:
        """Send the offer, take the answer. Raises WebCallFailed, httpx.HTTPError."""
        response = await self._client.post("/api/click2call/calls", json={"ticket": ticket, "sdp": await self.offer()})
        body = response.json()
        if response.status_code != httpx.codes.CREATED:
            raise WebCallFailed(response.status_code, str(body.get("code", "")), str(body.get("detail", "")))
        self.call, self.token = body["call"], body["token"]
        await self.take(body["sdp"])
        self._tasks.append(asyncio.create_task(self._follow(), name="web-phone-socket"))

    async def take(self, answer: str) -> None:
        """The SDP answer: media begins."""
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def _follow(self) -> None:
        """The call's WebSocket."""
        url = f"{str(self._client.base_url).replace('http', 'ws', 1).rstrip('/')}/api/click2call/calls/{self.call}/ws"
        try:
            async with connect(url, proxy=None) as socket:
                self._socket = socket
                await socket.send(json.dumps({"type": "open", "token": self.token}))
                async for text in socket:
                    event = json.loads(text)
                    self.on_shown(event)
                    if event["type"] == "ended":
                        self.ended.set()
        except (OSError, ConnectionClosed):
            pass
        finally:
            self._socket = None

    def read(self) -> bytes:
        """What was heard since this was asked last: PCM at 16 kHz."""
        pcm = bytes(self._heard)
        self._heard.clear()
        return pcm

    async def _hear(self, track: MediaStreamTrack) -> None:
        down = soxr.ResampleStream(48000, RATE, 1, dtype="int16", quality="LQ")
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = cast(AudioFrame, await track.recv())
                mono = np.ascontiguousarray(frame.to_ndarray().reshape(-1, 2)[:, 0])  # always 48 kHz stereo
                self._heard += down.resample_chunk(mono).astype("<i2").tobytes()

    async def press(self, key: str) -> None:
        """One key, as RFC 4733 packets of 160 ms."""
        transport = self._sender.transport
        self._key_stamp += 8000
        mid = self._peer.getTransceivers()[0].mid
        extensions = getattr(self._sender, "_RTCRtpSender__rtp_header_extensions_map")  # noqa: B009 - it has no other name
        for at in range(_KEY_PACKETS + _KEY_LAST):
            done = at >= _KEY_PACKETS
            packet = RtpPacket(payload_type=_KEYS_TYPE, marker=int(at == 0))
            packet.sequence_number, packet.timestamp = (self._key_stamp + at) & 0xFFFF, self._key_stamp
            packet.ssrc = self._sender._ssrc ^ 1
            packet.payload = _KEY_PACKET.pack(_KEYS.index(key), 0x80 * done | 10, 160 * min(at + 1, _KEY_PACKETS))
            packet.extensions.mid = mid
            await transport._send_rtp(packet.serialize(extensions))
            await asyncio.sleep(0.02)

    async def press_on_screen(self, key: str) -> None:
        """One key by the call's WebSocket."""
        await self._send({"type": "key", "key": key})

    async def hold(self, held: bool) -> None:
        """Hold the call, or take it back."""
        await self._send({"type": "hold", "held": held})

    async def _send(self, message: dict[str, Any]) -> None:
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(json.dumps(message))

    async def hang_up(self) -> None:
        """Say so, and stop; harmless when it is over."""
        if self.call:
            with contextlib.suppress(httpx.HTTPError):
                await self._client.delete(f"/api/click2call/calls/{self.call}", headers={"Authorization": f"Bearer {self.token}"})
            self.call = ""
        await self.vanish()

    async def vanish(self) -> None:
        """Stop without a word, as a telephone that loses its battery."""
        self.call = ""
        await cancelled(*self._tasks)
        self._tasks.clear()
        await self._peer.close()
        await self._client.aclose()
        self.ended.set()
