"""`chan_websocket`: binary messages are sound, text messages are control, as JSON (dial option `f(json)`, Asterisk 22.8)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
from collections.abc import Awaitable
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from voicebot.endpoints.asterisk.audiosocket import Expected
from voicebot.endpoints.streams.media import FRAME_S, MediaSink

log = logging.getLogger(__name__)

SUBPROTOCOL = "media"
MOST_OCTETS = 65_500
"""Of one message, in both directions."""
FORMATS = {"slin": 8000, "slin16": 16000, "slin24": 24000, "slin48": 48000}
"""Hz, by Asterisk's name."""
_MARK_S = 2.0


@dataclass(frozen=True, slots=True)
class Control:
    """One text message of Asterisk; "" for what it does not say."""

    event: str
    digit: str = ""
    format: str = ""
    mark: str = ""
    text: str = ""


def parse_control(message: str) -> Control | None:
    """None for what is no control message: nothing may break on it."""
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("event"), str):
        return None

    def word(*names: str) -> str:
        return next((value for name in names if isinstance(value := said.get(name), str)), "")

    return Control(
        said["event"], word("digit"), word("format"), word("correlation_id", "mark_id", "id"), word("error_text", "message")
    )


class WebSocketMedia:
    """One connection of `chan_websocket`; implements `voicebot.endpoints.streams.media.Media`."""

    fills = False  # Asterisk makes silence by itself
    ahead_s = 5 * FRAME_S  # FLUSH_MEDIA takes it back

    def __init__(self, connection: ServerConnection, expected: Expected) -> None:
        self.sample_rate = expected.sample_rate
        self._connection = connection
        self._sink: MediaSink = expected.sink
        self._wanted = False
        self._marks: dict[str, asyncio.Future[None]] = {}
        self._names = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Pass on what comes, until the connection is gone. Sound may come before MEDIA_START, under load."""
        detail = "the media connection was closed"
        try:
            async for message in self._connection:
                if isinstance(message, bytes):
                    if self._connect():
                        self._sink.heard(message[: len(message) // 2 * 2])
                elif (control := parse_control(message)) is not None:
                    self._said(control)
                else:
                    log.warning("chan_websocket: a text message is no control message; is f(json) missing in the dial string?")
        except ConnectionClosed as closed:
            detail = f"the media connection broke: {closed.rcvd.code if closed.rcvd is not None else 'without a word'}"
        finally:
            for mark in self._marks.values():
                mark.cancel()
            if self._wanted:
                self._sink.closed(detail)

    def _connect(self) -> bool:
        if not self._wanted:
            self._wanted = self._sink.connected(self)
            if not self._wanted:
                self.close()
        return self._wanted

    def _said(self, control: Control) -> None:
        match control.event:
            case "MEDIA_START":
                self._started(control)
            case "DTMF_END":
                self._sink.pressed(control.digit)
            case "MEDIA_XOFF":
                self._sink.stalled(True)
            case "MEDIA_XON":
                self._sink.stalled(False)
            case "MEDIA_MARK_PROCESSED":
                mark = self._marks.pop(control.mark, None)
                if mark is not None and not mark.done():
                    mark.set_result(None)
            case "ERROR":
                log.warning("chan_websocket: Asterisk reports an error: %r", control.text[:200])

    def _started(self, control: Control) -> None:
        if control.format and FORMATS.get(control.format) != self.sample_rate:
            log.error("chan_websocket: format %r is not what was agreed; write c(slin16) in the dial string", control.format[:20])
            self.close()
            return
        self._connect()

    async def send(self, frame: bytes) -> None:
        """One frame. Raises ConnectionError."""
        try:
            await self._connection.send(frame)
        except ConnectionClosed as closed:
            raise ConnectionError("the media connection is closed") from closed

    def flush(self) -> bool:
        """Asterisk drops what it has not played. It would stay paused (22.10.1), but we never pause it: we stop sending."""
        self._command("FLUSH_MEDIA")
        return True

    async def played(self) -> None:
        """Wait for a mark behind all that was sent."""
        name = f"m{next(self._names)}"
        mark = self._marks[name] = asyncio.get_running_loop().create_future()
        self._command("MARK_MEDIA", correlation_id=name)
        try:
            async with asyncio.timeout(_MARK_S):
                await mark
        except asyncio.CancelledError:
            if not mark.cancelled() or (task := asyncio.current_task()) is None or task.cancelling():
                raise
            raise ConnectionError("the media connection is closed") from None
        finally:
            self._marks.pop(name, None)

    def command(self, name: str) -> None:
        """A command without more to say: ANSWER, HANGUP, …"""
        self._command(name)

    def close(self) -> None:
        """Close the connection; what was commanded before goes out first."""
        self._run(self._connection.close())

    def _command(self, name: str, **more: str) -> None:
        self._run(self._connection.send(json.dumps({"command": name, **more})))

    def _run(self, work: Awaitable[None]) -> None:
        async def harmless() -> None:
            with contextlib.suppress(ConnectionClosed):
                await work

        task = asyncio.get_running_loop().create_task(harmless(), name="chan-websocket")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
