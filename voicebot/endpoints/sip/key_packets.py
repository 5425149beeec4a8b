"""Keys from a call's own packets: any packet of a press tells of it, once (RFC 4733).

The stack tells of a press by the packets with which it begins, and knows it by its key alone. A browser sends one of those, and
three when the key is let go (measured: Chromium): when the one is lost, so is the key. A packet that is late counts as a second
press, and two presses of one key count once when the end of the first is lost. Here the packets of a press are known by their
timestamp, that of its beginning (RFC 4733, 2.2.2): lost, late and repeated ones do no harm.

Every packet costs a call into Python. So calls with ICE, which are the app's and cross the open internet, are watched all the
time; all others from the first key that the stack tells of until a moment after the last packet of one. While a call is watched
the stack gets events that are no key in place of its keys: it counts the packets, and tells nothing.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections import deque
from collections.abc import Callable
from ctypes import c_void_p
from dataclasses import dataclass, field

from baresip import Event

from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.sip.stack import Buffer, OnDatagram, OnEvent, SocketWatch, calls, media_sockets, stack

log = logging.getLogger(__name__)

_KEYS = "0123456789*#"
_REMEMBERED = 16
"""Presses whose packets may still come late."""
_SEGMENT = 0xFFFF
"""A press that lasts longer goes on under another timestamp, so much later (RFC 4733, 2.5.1.3)."""
_MOVED = 480
"""Gateways that give each packet of a press its own timestamp move it by less than this; two presses are further apart."""
_SAME_PRESS_S = 0.2
"""A press whose packets say that it began so much later than the one that the stack told of is another."""
_LATE_S = 0.6
"""So long after the last packet of a key others of it may come late."""
_RATE = 8000.0  # Hz; of a faster clock presses seem longer, and so to have begun earlier
_NO_KEY = bytes((255, 0))
"""An event that is none, and has not ended: after it the stack takes any key for a new one."""
_PAYLOAD_TYPES = range(96, 128)  # dynamic ones (RFC 3551, 6)
_AFTER_OTHERS = 1000  # the helper's layer: after SRTP
_NEGOTIATED = (Event.CALL_INCOMING, Event.CALL_REMOTE_SDP, Event.CALL_LOCAL_SDP)
_TOLD = (Event.CALL_DTMF_START, Event.CALL_DTMF_END)


def event_place(packet: bytes) -> int | None:
    """Where a telephone event stands in an RTP packet; None when it is cut off."""
    at = 12 + 4 * (packet[0] & 15)
    if packet[0] & 0x10 and len(packet) >= at + 4:
        at += 4 + 4 * int.from_bytes(packet[at + 2 : at + 4])
    return at if len(packet) >= at + 4 else None


class KeyEvents:
    """The presses of one call, from its packets. Pure: the time (monotonic seconds) comes in."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._told: tuple[str, float] | None = None

    def told(self, key: str, now: float) -> None:
        """The stack has just told of a press by its first packet, which was not seen here: the others of it are no new press."""
        self._told = (key, now)

    def take(self, packet: bytes, at: int, now: float) -> str | None:
        """RTP with a telephone event at `at`: its key, when it is the first packet of a press and a key."""
        event, timestamp = packet[at], int.from_bytes(packet[4:8])
        if (event, timestamp) in self._seen:
            return None
        goes_on = any(
            event == other and ((later := (timestamp - began) & 0xFFFFFFFF) <= _MOVED or later == _SEGMENT)
            for other, began in self._seen
        )
        self._seen.append((event, timestamp))
        if goes_on or event >= len(_KEYS):
            return None
        began = now - int.from_bytes(packet[at + 2 : at + 4]) / _RATE
        if self._told is not None and self._told[0] == _KEYS[event] and began < self._told[1] + _SAME_PRESS_S:
            self._told = None
            return None
        return _KEYS[event]


@dataclass(slots=True)
class _Keys:
    """Of the audio of one call."""

    call_id: str
    events: KeyEvents = field(default_factory=KeyEvents)
    watch: SocketWatch | None = None
    """While its packets are looked at."""
    types: frozenset[int] = frozenset()
    """Payload types of its keys."""
    until: float = float("inf")
    """When watching ends, unless another key comes (monotonic)."""


class KeyPackets:
    """Hears the keys of every call, from `start` until `stop`; all work is done on the stack's thread.

    The first key of a call without ICE, and those by INFO, are told by the stack alone.
    """

    def __init__(self, pressed: Callable[[str, str], None]) -> None:
        """`pressed` gets the Call-ID and the key, on the stack's thread."""
        self._pressed = pressed
        self._calls: dict[int, _Keys] = {}
        self._by_socket: dict[int, _Keys] = {}
        # the stack keeps these: they must live as long as it does
        self._on_event, self._on_datagram = OnEvent(self._event), OnDatagram(self._datagram)

    def start(self) -> None:
        """STACK'S THREAD. Begin. Raises EndpointError."""
        if error := stack().bevent_register(self._on_event, None):
            raise EndpointError(f"the SIP stack does not tell its events: error {error}")

    def stop(self) -> None:
        """STACK'S THREAD. Stop."""
        stack().bevent_unregister(self._on_event)
        for call in tuple(self._calls):
            self._leave(call)

    def _event(self, number: int, event: int, _: object) -> None:
        try:
            if number in _NEGOTIATED and (call := stack().bevent_get_call(event)):
                self._negotiated(call)
            elif number in _TOLD and (call := stack().bevent_get_call(event)):
                self._told(call, (stack().bevent_get_text(event) or b"").decode("latin-1"))
            elif number == Event.CALL_CLOSED:
                self._leave(stack().bevent_get_call(event) or 0)
        except Exception:  # an exception must not get into the stack
            log.exception("keys of a call cannot be watched for")

    def _negotiated(self, call: int) -> None:
        keys = self._calls.get(call)
        if keys is not None and keys.watch is not None:
            if media_sockets(call)[0] == keys.watch.socket:
                keys.types = _key_types(call)
                return
            self._look_no_more(keys)
        if stack().account_medianat(stack().call_account(call)):
            self._look(call, float("inf"))

    def _told(self, call: int, key: str) -> None:
        """The stack told that a key went down, or (without one) up: a press, its end, or one of which nothing else arrived."""
        keys, now = self._calls.get(call), time.monotonic()
        if keys is not None and keys.watch is not None:
            return  # it came by INFO
        keys = self._look(call, now + _LATE_S)
        if keys is not None and key:
            keys.events.told(key, now)

    def _look(self, call: int, until: float) -> _Keys | None:
        """Look at the call's packets; None when that cannot be."""
        socket, _ = media_sockets(call)
        call_id = stack().call_id(call)
        if not socket or call_id is None:
            return None
        self._leave_those_that_are_over()
        keys = self._calls.setdefault(call, _Keys(call_id.decode("latin-1")))
        keys.watch = SocketWatch.begin(socket, _AFTER_OTHERS, self._on_datagram)
        if keys.watch is None:
            log.error("keys of a call cannot be watched for: the stack tells them, unless a packet is lost")
            return None
        keys.types, keys.until = _key_types(call), until
        self._by_socket[socket] = keys
        return keys

    def _leave_those_that_are_over(self) -> None:
        there = set(calls(lambda call: call in self._calls))
        for call in self._calls.keys() - there:
            self._leave(call)

    def _leave(self, call: int) -> None:
        keys = self._calls.pop(call, None)
        if keys is not None:
            self._look_no_more(keys)

    def _look_no_more(self, keys: _Keys) -> None:
        watch, keys.watch = keys.watch, None
        if watch is not None:
            self._by_socket.pop(watch.socket, None)
            watch.end()

    def _datagram(self, source: int, buffer: int, socket: int) -> bool:
        """Never dropped: the stack would count it as lost."""
        try:
            keys = self._by_socket.get(socket)
            if keys is not None:
                self._take(keys, Buffer.from_address(buffer))
        except Exception:
            log.exception("a packet of a key cannot be read")
        return False

    def _take(self, keys: _Keys, buffer: Buffer) -> None:
        packet, now = buffer.left, time.monotonic()
        if len(packet) < 16 or packet[0] >> 6 != 2 or packet[1] & 0x7F not in keys.types:
            if now > keys.until:
                self._look_no_more(keys)
            return
        if (at := event_place(packet)) is None:
            return
        keys.until = max(keys.until, now + _LATE_S)
        ctypes.memmove(buffer.start + buffer.pos + at, _NO_KEY, len(_NO_KEY))
        if (key := keys.events.take(packet, at, now)) is not None:
            self._pressed(keys.call_id, key)


def _key_types(call: int) -> frozenset[int]:
    """Of telephone-event in our SDP."""
    library = stack()
    media, ours = c_void_p(library.stream_sdpmedia(library.audio_strm(library.call_audio(call)))), ctypes.c_bool(True)
    found = library.sdp_media_format
    return frozenset(kind for kind in _PAYLOAD_TYPES if found(media, ours, None, kind, b"telephone-event", -1, -1))
