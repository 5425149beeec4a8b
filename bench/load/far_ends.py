"""The far ends of calls that come by a stream and not by SIP: Asterisk's AudioSocket and chan_websocket, and Telnyx' WebSocket.

Every caller speaks all the time, presses a key and hangs up. They run in a process of their own, whose work is not the service's.
"""

from __future__ import annotations

import asyncio
import audioop
import base64
import contextlib
import json
import time
import wave
from abc import ABC, abstractmethod
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from uuid import UUID

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from audio.resample import StreamResampler

FRAME_S = 0.02
_AFTER_THE_KEY_S = 1.0
_OPENED_WITHIN_S = 20.0
_SOUNDS = 400
"""A sample that is louder than what is sent as silence (16-bit)."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """So many calls at once by one kind of leg."""

    leg: str
    calls: int
    seconds: float
    """How long they speak from when all are there."""
    key: str
    speech: Path
    dialplan: str
    """Base URL where the dialplan registers calls; its token."""
    token: str
    media: tuple[str, int]
    """Where the sound is taken: host and port."""
    first_number: int = 0


@dataclass(slots=True)
class StreamReport:
    """What one caller met."""

    first_sound_s: float | None = None
    """From the beginning of the call to the first that sounds; None: nothing did."""
    worst_gap_s: float = 0.0
    """Between two messages of sound, from when all calls are there until the key."""
    broke: bool = False
    """The service closed the connection before the caller hung up."""


class FarEnd(ABC):
    """One call."""

    rate = 8000

    def __init__(self, plan: StreamPlan, number: int) -> None:
        self.plan, self.number = plan, number
        self.report = StreamReport()
        self.measuring = False
        self._began = self._heard = 0.0
        self._playing = 0.0

    async def begin(self, dialplan: httpx.AsyncClient) -> None:
        """Open the call. Raises OSError, ConnectionClosed, httpx.HTTPError."""
        self._began = time.monotonic()
        await self.open(dialplan)

    def came(self, pcm: bytes) -> None:
        """Sound of the bot: 16-bit."""
        now = time.monotonic()
        if self.measuring and self._heard:
            self.report.worst_gap_s = max(self.report.worst_gap_s, now - self._heard)
        self._heard = now
        self._playing = max(self._playing, now) + len(pcm) / (2 * self.rate)
        if self.report.first_sound_s is None and audioop.max(pcm, 2) > _SOUNDS:
            self.report.first_sound_s = now - self._began

    async def played(self) -> None:
        """Wait until all that came is played, as a channel does before it answers a mark."""
        await asyncio.sleep(max(0.0, self._playing - time.monotonic()))

    @abstractmethod
    async def open(self, dialplan: httpx.AsyncClient) -> None:
        """Connect, and say whose call it is."""

    @abstractmethod
    async def read(self) -> None:
        """Take what comes until the connection is gone."""

    @abstractmethod
    async def say(self, pcm: bytes) -> None:
        """20 ms."""

    @abstractmethod
    async def press(self, key: str) -> None:
        """A key."""

    @abstractmethod
    async def leave(self) -> None:
        """Hang up."""

    async def registered(self, dialplan: httpx.AsyncClient) -> str:
        """The name under which the dialplan's call is expected."""
        told = {"cli": f"+4860{self.number:07}", "did": "+48225550100", "rate": str(self.rate)}
        return (await dialplan.post("/calls", data=told)).raise_for_status().text


class AudioSocketEnd(FarEnd):
    """TCP: a kind, a length, PCM."""

    _writer: asyncio.StreamWriter
    _reader: asyncio.StreamReader

    async def open(self, dialplan: httpx.AsyncClient) -> None:
        """See `FarEnd`."""
        name = await self.registered(dialplan)
        self._reader, self._writer = await asyncio.open_connection(*self.plan.media)
        self._writer.write(b"\x01\x00\x10" + UUID(name).bytes)

    async def read(self) -> None:
        """See `FarEnd`."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await self._reader.readexactly(3)
                payload = await self._reader.readexactly(int.from_bytes(head[1:], "big"))
                if head[0] == 0x10:
                    self.came(payload)

    def _send(self, kind: int, payload: bytes) -> None:
        self._writer.write(bytes([kind]) + len(payload).to_bytes(2, "big") + payload)

    async def say(self, pcm: bytes) -> None:
        """See `FarEnd`."""
        self._send(0x10, pcm)

    async def press(self, key: str) -> None:
        """See `FarEnd`."""
        self._send(0x03, key.encode())

    async def leave(self) -> None:
        """See `FarEnd`."""
        self._writer.close()


class WebSocketEnd(FarEnd):
    """chan_websocket: c(slin16)f(json)."""

    rate = 16000
    _connection: ClientConnection

    async def open(self, dialplan: httpx.AsyncClient) -> None:
        """See `FarEnd`."""
        name = await self.registered(dialplan)
        host, port = self.plan.media
        url = f"ws://{host}:{port}/media?id={name}"
        self._connection = await connect(url, subprotocols=[Subprotocol("media")], compression=None, proxy=None)
        await self._tell(event="MEDIA_START", format="slin16", channel="bench", connection_id="bench")

    async def read(self) -> None:
        """See `FarEnd`."""
        answering: set[asyncio.Task[None]] = set()
        with contextlib.suppress(ConnectionClosed):
            async for message in self._connection:
                if isinstance(message, bytes):
                    self.came(message)
                elif (said := json.loads(message)).get("command") == "MARK_MEDIA":
                    answering.add(task := asyncio.create_task(self._mark(said["correlation_id"])))
                    task.add_done_callback(answering.discard)

    async def _mark(self, name: str) -> None:
        await self.played()
        with contextlib.suppress(ConnectionClosed):
            await self._tell(event="MEDIA_MARK_PROCESSED", correlation_id=name)

    async def _tell(self, **said: str) -> None:
        await self._connection.send(json.dumps(said))

    async def say(self, pcm: bytes) -> None:
        """See `FarEnd`."""
        await self._connection.send(pcm)

    async def press(self, key: str) -> None:
        """See `FarEnd`."""
        await self._tell(event="DTMF_END", digit=key)

    async def leave(self) -> None:
        """See `FarEnd`."""
        await self._connection.close()


class TelnyxEnd(FarEnd):
    """A carrier's stream: JSON, the sound in it as base64 of G.711 µ-law."""

    _connection: ClientConnection

    async def open(self, dialplan: httpx.AsyncClient) -> None:
        """See `FarEnd`."""
        host, port = self.plan.media
        url = f"ws://{host}:{port}/telnyx?token={self.plan.token}"
        self._connection = await connect(url, compression=None, proxy=None)
        start = {
            "call_control_id": f"bench:{self.number}",
            "call_session_id": f"s{self.number}",
            "from": f"+4860{self.number:07}",
            "to": "+48225550100",
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        }
        await self._tell(event="start", stream_id="bench", start=start)

    async def read(self) -> None:
        """See `FarEnd`."""
        answering: set[asyncio.Task[None]] = set()
        with contextlib.suppress(ConnectionClosed):
            async for message in self._connection:
                said = json.loads(message)
                if said.get("event") == "media":
                    self.came(audioop.ulaw2lin(base64.b64decode(said["media"]["payload"]), 2))
                elif said.get("event") == "mark":
                    answering.add(task := asyncio.create_task(self._mark(said["mark"])))
                    task.add_done_callback(answering.discard)

    async def _mark(self, mark: dict[str, str]) -> None:
        await self.played()
        with contextlib.suppress(ConnectionClosed):
            await self._tell(event="mark", stream_id="bench", mark=mark)

    async def _tell(self, **said: object) -> None:
        await self._connection.send(json.dumps(said))

    async def say(self, pcm: bytes) -> None:
        """See `FarEnd`."""
        payload = base64.b64encode(audioop.lin2ulaw(pcm, 2)).decode()
        await self._tell(event="media", stream_id="bench", media={"track": "inbound", "payload": payload})

    async def press(self, key: str) -> None:
        """See `FarEnd`."""
        await self._tell(event="dtmf", stream_id="bench", dtmf={"digit": key})

    async def leave(self) -> None:
        """See `FarEnd`."""
        await self._tell(event="stop", stream_id="bench")
        await self._connection.close()


FAR_ENDS: dict[str, type[FarEnd]] = {"audiosocket": AudioSocketEnd, "websocket": WebSocketEnd, "telnyx": TelnyxEnd}
"""By the names of legs."""


def run_far_ends(plan: StreamPlan, parent: Connection) -> None:
    """In a process of its own: the parent gets ("up", how many) when all have begun, and then ("report", a list)."""
    parent.send(("report", asyncio.run(_calls(plan, parent))))
    parent.close()


async def _calls(plan: StreamPlan, parent: Connection) -> list[StreamReport]:
    kind = FAR_ENDS[plan.leg]
    frames = _frames(plan.speech, kind.rate)
    ends = [kind(plan, plan.first_number + number) for number in range(plan.calls)]
    everybody_is_up = asyncio.Event()
    headers = {"Authorization": f"Bearer {plan.token}"}
    async with httpx.AsyncClient(base_url=plan.dialplan, headers=headers, trust_env=False, timeout=10) as dialplan:
        calling: list[asyncio.Task[None]] = []
        for number, end in enumerate(ends):
            calling.append(asyncio.create_task(_call(end, dialplan, frames, number * 37, everybody_is_up)))
            await asyncio.sleep(0.1)
        end_of_wait = time.monotonic() + _OPENED_WITHIN_S
        while any(each.report.first_sound_s is None for each in ends) and time.monotonic() < end_of_wait:  # noqa: ASYNC110 - many
            await asyncio.sleep(0.05)
        parent.send(("up", sum(each.report.first_sound_s is not None for each in ends)))
        everybody_is_up.set()
        await asyncio.gather(*calling)
    return [each.report for each in ends]


async def _call(
    end: FarEnd, dialplan: httpx.AsyncClient, frames: list[bytes], offset: int, everybody_is_up: asyncio.Event
) -> None:
    try:
        await end.begin(dialplan)
        reading = asyncio.create_task(end.read())
        speaking = asyncio.create_task(_speak(end, frames, offset))
        await everybody_is_up.wait()
        end.measuring = True
        await asyncio.sleep(end.plan.seconds)
        end.measuring, end.report.broke = False, reading.done()
        speaking.cancel()
        await end.press(end.plan.key)
        await asyncio.sleep(_AFTER_THE_KEY_S)
        await end.leave()
        await asyncio.gather(reading, speaking, return_exceptions=True)
    except (OSError, ConnectionClosed, httpx.HTTPError):
        end.report.broke = True


async def _speak(end: FarEnd, frames: list[bytes], offset: int) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        await end.say(frames[offset % len(frames)])
        offset, due = offset + 1, due + FRAME_S
        await asyncio.sleep(max(0.0, due - loop.time()))


def _frames(speech: Path, rate: int) -> list[bytes]:
    with wave.open(str(speech), "rb") as file:
        pcm = StreamResampler(file.getframerate(), rate).finish(file.readframes(file.getnframes()))
    octets = round(rate * FRAME_S) * 2
    return [pcm[at : at + octets] for at in range(0, len(pcm) - octets + 1, octets)]
