"""One WebSocket of a carrier: its messages, through pipecat's serializer, and what they mean for a call."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast

import loguru
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageUrgentFrame,
)
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.serializers.base_serializer import FrameSerializer
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from voicebot.endpoints.leg import CallOffer, TransferOutcome, TransferTarget
from voicebot.endpoints.streams.leg import StreamLeg
from voicebot.endpoints.streams.media import FRAME_S

log = logging.getLogger(__name__)

loguru.logger.disable("pipecat.serializers")  # they log keys and numbers as they come

RATE = 8000
_START_S = 5.0
_MARK_S = 2.0
_CALL = re.compile(r"[A-Za-z0-9:_.@+=/-]{1,256}")
"""What carriers' names of calls are made of."""


S = TypeVar("S")


class Refused(Exception):
    """The carrier did not do what it was asked to."""


class CarrierCall(StreamLeg):
    """What a stream tells its leg."""

    @abstractmethod
    def broke(self, detail: str) -> None:
        """The connection is gone, and the carrier said nothing of an end: the caller may still be there."""


class CarrierStream(ABC, Generic[S]):
    """Implements `voicebot.endpoints.streams.media.Media`; each carrier has its own kind."""

    sample_rate = RATE
    ahead_s = 5 * FRAME_S
    fills = False

    def __init__(
        self, connection: ServerConnection, came: Callable[[CarrierStream[Any]], CarrierCall | None], settings: S
    ) -> None:
        """`came` is told when the call is known; None from it refuses the call."""
        self.settings = settings
        self.offer: CallOffer | None = None
        self._connection = connection
        self._came = came
        self._leg: CarrierCall | None = None
        self._serializer: FrameSerializer | None = None
        self._marks: dict[str, asyncio.Future[None]] = {}
        self._names = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self.over = asyncio.Event()
        """Set when the carrier said, or the connection tells, that the stream is over."""

    @abstractmethod
    async def take(self, said: Mapping[str, Any]) -> bool:
        """A message that is JSON, before the serializer sees it; whether it is done with."""

    @abstractmethod
    async def put_through(self, target: TransferTarget) -> TransferOutcome:
        """Ask the carrier to put the caller through. Raises Refused."""

    @abstractmethod
    async def put_through_to_default(self) -> None:
        """Whoever cannot be served goes to the default queue. Raises Refused."""

    @abstractmethod
    async def hang_up(self) -> None:
        """End the caller's call. Raises Refused."""

    async def run(self) -> None:
        """Pass on what comes, until the connection is gone."""
        broken, starting = "", asyncio.get_running_loop().call_later(_START_S, self._no_start)
        try:
            async for message in self._connection:
                await self._received(message)
                if self._leg is not None:
                    starting.cancel()
        except ConnectionClosed as closed:
            broken = f"the carrier's connection broke: {closed.rcvd.code if closed.rcvd is not None else 'without a word'}"
        except ConnectionError as error:
            broken = str(error)
        finally:
            starting.cancel()
            for mark in self._marks.values():
                mark.cancel()
            said_so = self.over.is_set()
            self.over.set()
            if self._leg is not None and broken and not said_so:
                self._leg.broke(broken)
            elif self._leg is not None:
                self._leg.closed("the carrier ended the stream")

    def _no_start(self) -> None:
        if self._leg is None:
            self.close()

    async def _received(self, message: str | bytes) -> None:
        if isinstance(message, str):
            try:
                said = json.loads(message)
            except (ValueError, RecursionError):
                return
            if not isinstance(said, dict) or await self._understood(said):
                return
        if self._serializer is None:
            return
        try:
            frame = await self._serializer.deserialize(message)
        except Exception as error:  # pipecat reads what is well-formed; a carrier's mistake must not cost a call
            log.warning("%s: a message could not be read: %s", type(self).__name__, type(error).__name__)
            return
        await self._framed(frame)

    async def _understood(self, said: Mapping[str, Any]) -> bool:
        try:
            return await self.take(said)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("%s: a message could not be read: %s", type(self).__name__, type(error).__name__)
            return True

    async def _framed(self, frame: Frame | None) -> None:
        if isinstance(frame, OutputTransportMessageUrgentFrame):
            await self._say(json.dumps(frame.message))
        elif self._leg is None:
            return
        elif isinstance(frame, InputAudioRawFrame):
            self._leg.heard(frame.audio)
        elif isinstance(frame, InputDTMFFrame):
            self._leg.pressed(str(frame.button.value))

    async def begin(self, offer: CallOffer, serializer: FrameSerializer) -> None:
        """The call is known. Raises ValueError for a name that is no call's."""
        if self.offer is not None:
            return
        if not _CALL.fullmatch(offer.call_ref):
            raise ValueError("no name of a call")
        self.offer = offer
        await serializer.setup(cast(FrameProcessorSetup, SimpleNamespace(audio_in_sample_rate=RATE)))
        self._serializer = serializer
        self._leg = self._came(self)
        if self._leg is None:
            await self.turn_away()
        else:
            self._leg.connected(self)

    async def turn_away(self) -> None:
        """A caller whom we cannot serve goes to the default queue at once, and hears no silence of ours first."""
        try:
            await self.put_through_to_default()
        except (Refused, ConnectionError) as error:
            log.error("a caller is left to the carrier's own flow: %s", error)
        self.close()

    @property
    def leg(self) -> CarrierCall | None:
        """The call, once it is known."""
        return self._leg

    def marked(self, name: str) -> None:
        """The carrier has played all that was sent before this mark."""
        mark = self._marks.pop(name, None)
        if mark is not None and not mark.done():
            mark.set_result(None)

    async def send(self, frame: bytes) -> None:
        """One frame. Raises ConnectionError."""
        if self._serializer is not None:
            text = await self._serializer.serialize(OutputAudioRawFrame(audio=frame, sample_rate=RATE, num_channels=1))
            if text is not None:
                await self._say(text)

    def flush(self) -> bool:
        """The carrier drops what it has not played."""
        self._run(self._interrupt())
        return True

    async def _interrupt(self) -> None:
        if self._serializer is not None and (text := await self._serializer.serialize(InterruptionFrame())) is not None:
            await self._say(text)

    def mark_message(self, name: str) -> Mapping[str, Any] | None:
        """How this carrier is asked to say when it has played so far; None where it is not."""
        return None

    async def played(self) -> None:
        """Wait for a mark behind all that was sent; without marks, as long as was sent ahead."""
        name = f"m{next(self._names)}"
        message = self.mark_message(name)
        if message is None:
            await asyncio.sleep(self.ahead_s + FRAME_S)
            return
        mark = self._marks[name] = asyncio.get_running_loop().create_future()
        await self._say(json.dumps(message))
        try:
            await asyncio.wait({mark}, timeout=_MARK_S)
        finally:
            self._marks.pop(name, None)

    async def say(self, message: Mapping[str, Any]) -> None:
        """Send one message. Raises ConnectionError."""
        await self._say(json.dumps(message))

    async def _say(self, text: str | bytes) -> None:
        try:
            await self._connection.send(text)
        except ConnectionClosed as closed:
            raise ConnectionError("the carrier's connection is closed") from closed

    def close(self) -> None:
        """Close the connection; what was said before goes out first."""
        self._run(self._connection.close())

    def _run(self, work: Awaitable[None]) -> None:
        async def harmless() -> None:
            with contextlib.suppress(ConnectionClosed, ConnectionError):
                await work

        task = asyncio.get_running_loop().create_task(harmless(), name="carrier-stream")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
