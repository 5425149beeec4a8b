"""A customer's connection: what comes is parsed and kept within limits; when it is lost another one may take its place."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voicebot.chat.limits import MessageBudget
from voicebot.chat.messages import TYPING, Message, MessageRefused, Typing, id_of, parse_message
from voicebot.chat.settings import ChatSettings
from voicebot.http.places import client_of
from voicebot.tasks import cancelled

SEND_TIMEOUT_S = 10.0
POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1
SERVICE_RESTART = 1012  # registered with IANA for RFC 6455
TRY_AGAIN_LATER = 1013  # registered with IANA for RFC 6455
ELSEWHERE = 4001  # ours: the same customer is connected again, perhaps in another window
_TYPING_PER_MINUTE = 40


def is_open(socket: WebSocket) -> bool:
    """Whether both sides still hold it, as far as is known."""
    return socket.application_state is WebSocketState.CONNECTED and socket.client_state is WebSocketState.CONNECTED


async def send_json(socket: WebSocket, message: Mapping[str, Any]) -> bool:
    """Send one message; False when whoever should read it is gone, or does not read."""
    if not is_open(socket):
        return False
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await socket.send_json(dict(message))
    except (TimeoutError, RuntimeError, WebSocketDisconnect, OSError):
        return False
    return True


async def close(socket: WebSocket, code: int = 1000, reason: str = "") -> None:
    """Close it; harmless when it is closed already."""
    if socket.application_state is WebSocketState.CONNECTED:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
            await socket.close(code, reason)


class CustomerConnection:
    """One customer's WebSocket at a time."""

    def __init__(self, socket: WebSocket, settings: ChatSettings) -> None:
        self.address = client_of(socket.client.host if socket.client else "")
        self._socket = socket
        self._settings = settings
        self._budget = MessageBudget(settings.max_messages_per_minute)
        self._typing = MessageBudget(_TYPING_PER_MINUTE)
        self._replaced = asyncio.Event()
        self._let_go = asyncio.Event()
        self._shown_out = False

    @property
    def connected(self) -> bool:
        """Whether anybody is there, as far as is known."""
        return is_open(self._socket)

    @property
    def replaced(self) -> bool:
        """Another socket has taken the place of the one whose messages were read."""
        return self._replaced.is_set()

    async def send(self, message: Mapping[str, Any]) -> bool:
        """Send one message; False when nobody is there to read it."""
        return await send_json(self._socket, message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """The end."""
        await close(self._socket, code, reason)
        self._let_go.set()

    async def serve_until_over(self, socket: WebSocket) -> None:
        """The customer is back on this socket: it takes the place of the one before, and is held until the chat is over or it is
        replaced itself.
        """
        before, self._socket = self._socket, socket
        self._let_go.set()
        self._let_go = let_go = asyncio.Event()
        self._replaced.set()
        await close(before, ELSEWHERE, "connected again elsewhere")
        await let_go.wait()

    async def comes_back(self, within_s: float) -> bool:
        """Wait for another socket; False when none comes in time, or the customer was shown out."""
        if self._shown_out:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._replaced.wait()
        back = self._replaced.is_set()
        self._replaced.clear()  # before anything is sent to it: one that comes meanwhile is another one
        return back

    async def messages(self) -> AsyncIterator[Message]:
        """What the customer sends, until this socket ends or another one has taken its place."""
        while True:
            raw = await self._frame()
            if raw is False:
                return
            message = await self._parsed(raw)
            if self._shown_out:
                return
            if message is not None:
                yield message

    async def _frame(self) -> str | bool | None:
        """The text of the next frame, None for one that is no text; False at the end."""
        receiving = asyncio.create_task(self._socket.receive())
        replaced = asyncio.create_task(self._replaced.wait())
        try:
            await asyncio.wait((receiving, replaced), return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                return False
            try:
                frame = receiving.result()
            except (WebSocketDisconnect, RuntimeError):
                return False  # the connection went away while being read
        finally:
            await cancelled(receiving, replaced)
        if frame["type"] == "websocket.disconnect":
            return False
        text: str | None = frame.get("text")
        return text

    async def _parsed(self, raw: str | bool | None) -> Message | None:
        now = time.monotonic()
        if raw == TYPING and self._typing.take(now):
            return Typing()
        if not self._budget.take(now):
            if self._budget.abusive:
                self._shown_out = True
                await close(self._socket, POLICY_VIOLATION, "too many messages")
            else:
                await self._refuse(raw, "too_many", "wait a moment")
            return None
        try:
            if not isinstance(raw, str):
                raise MessageRefused("bad_message", "not text")
            return parse_message(raw, self._settings.max_message_chars)
        except MessageRefused as refused:
            await self._refuse(raw, refused.code, str(refused))
            return None

    async def _refuse(self, raw: object, code: str, detail: str) -> None:
        """Say what was not taken, by the page's own name for it."""
        said = id_of(raw)
        await self.send({"type": "error", "code": code, "detail": detail, **({"id": said} if said else {})})
