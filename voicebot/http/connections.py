"""Connections: how long each part of a request may take, and whether a connection works or waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from voicebot.http.places import Place
from voicebot.http.settings import HttpLimits

Refused = Callable[[str], None]
"""Told the reason when a client is refused: "full", "address_full", "slow_header", "slow_body", "slow_answer", …"""


_PROMPT_PING_S = 5.0
_PROMPT_PONG_S = 8.0


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, which also tells when the connection is over."""

    def __init__(self, *args: Any, on_lost: Callable[[], None], prompt: bool, **more: Any) -> None:
        """`prompt`: that the other end is gone without a word is seen within 13 s, not 40 (pings: RFC 6455, section 5.5.2)."""
        super().__init__(*args, **more)
        self._on_lost = on_lost
        if prompt:
            self.ping_interval, self.ping_timeout = _PROMPT_PING_S, _PROMPT_PONG_S

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._on_lost()
        super().connection_lost(exc)


class HttpProtocol(H11Protocol):
    """uvicorn's, with a time limit for each part of a request: one that comes or is taken octet by octet ends."""

    def __init__(
        self, *args: Any, limits: HttpLimits, refused: Refused, place: Place, prompt: tuple[str, ...] = (), **more: Any
    ) -> None:
        """WebSockets whose paths begin with one of `prompt` are `WebSocketProtocol`'s prompt ones."""
        super().__init__(*args, **more)
        self._limits = limits
        self._refused = refused
        self._place = place
        self._part = ""
        self._upgraded = False
        self._deadline: asyncio.TimerHandle | None = None
        self._prompt = tuple(each.encode() for each in prompt)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection begins; its first request is due."""
        super().connection_made(transport)
        self._place.close = transport.abort
        self._enter("header")

    def data_received(self, data: bytes) -> None:
        """Something came: perhaps the next part of the request begins."""
        super().data_received(data)
        self._enter(self._part_now())

    def on_response_complete(self) -> None:
        """The answer is out."""
        super().on_response_complete()
        self._enter(self._part_now())

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP. A request that is under way is not answered any more: what its application still sends would be
        an error of ours, with a traceback in the log for each bad client.
        """
        self._refused("bad_request")
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.abort()
                return
        super().send_400_response(msg)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From now on it is a WebSocket, which may last."""
        self._upgraded = True
        self._enter("")
        self._place.works()
        prompt = event.target.startswith(self._prompt)
        self.ws_protocol_class = partial(  # type: ignore[assignment]
            WebSocketProtocol, on_lost=self._place.leave, prompt=prompt
        )
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._enter("")
        self._place.leave()
        super().connection_lost(exc)

    def _part_now(self) -> str:
        """The part of a request that is under way; "" between requests and after the last."""
        if self._upgraded or self.transport.is_closing():
            return ""
        match self.conn.their_state:
            case h11.IDLE:
                return "header" if self.conn.trailing_data[0] or self._part == "header" else ""
            case h11.SEND_BODY:
                return "body"
            case h11.DONE | h11.MUST_CLOSE:
                return "answer"
        return ""

    def _enter(self, part: str) -> None:
        if part == self._part:
            return  # the limit is for the whole part: a little more of it does not extend the time
        self._part = part
        if part in ("body", "answer"):
            self._place.works()
        elif not self._upgraded:
            self._place.waits()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        limits = {"header": self._limits.header_s, "body": self._limits.body_s, "answer": self._limits.answer_s}
        if part:
            self._deadline = self.loop.call_later(limits[part], self._too_slow)

    def _too_slow(self) -> None:
        self._refused(f"slow_{self._part}")
        self.transport.abort()
