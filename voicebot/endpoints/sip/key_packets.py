"""Keys of calls that cross the open internet: any packet of a press tells of it (RFC 4733).

The stack tells of a press by the packets with which it begins. A browser sends one of them, and three when the key is let go
(measured: Chromium). When the one is lost, the stack takes the three for the end of the press before, and the key is lost. Here
the packets of a press are known by their timestamp, that of its beginning (RFC 4733, 2.2.2): lost, late and repeated ones do no
harm.

Every packet costs a call into Python, so this is for calls with ICE, which are the app's. The stack sees none of their keys.
"""

from __future__ import annotations

import ctypes
import logging
import struct
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
_PAYLOAD_TYPES = range(96, 128)  # dynamic ones (RFC 3551, 6)
_AFTER_OTHERS = 1000  # the helper's layer: after SRTP
_NEGOTIATED = (Event.CALL_INCOMING, Event.CALL_REMOTE_SDP, Event.CALL_LOCAL_SDP)


class KeyEvents:
    """The presses of one stream, from its packets. Pure."""

    def __init__(self) -> None:
        self._told: deque[tuple[int, int, int]] = deque(maxlen=_REMEMBERED)

    def take(self, packet: bytes) -> str | None:
        """RTP with a telephone event: its key, when it is the first packet of the press; None also for events that are no key."""
        at = 12 + 4 * (packet[0] & 15)
        if packet[0] & 0x10 and len(packet) >= at + 4:
            at += 4 + 4 * int.from_bytes(packet[at + 2 : at + 4])
        if len(packet) < at + 4:
            return None
        (event,), (timestamp, ssrc) = packet[at : at + 1], struct.unpack_from("!II", packet, 4)
        press, goes_on = (ssrc, timestamp, event), (ssrc, (timestamp - _SEGMENT) & 0xFFFFFFFF, event)
        if press in self._told:
            return None
        new = goes_on not in self._told
        self._told.append(press)
        return _KEYS[event] if new and event < len(_KEYS) else None


@dataclass(slots=True)
class _Watched:
    """The audio of one call."""

    call_id: str
    watch: SocketWatch
    key_types: frozenset[int]
    """Payload types of its keys."""
    events: KeyEvents = field(default_factory=KeyEvents)


class KeyPackets:
    """Hears the keys of every call with ICE, from `start` until `stop`; all work is done on the stack's thread."""

    def __init__(self, pressed: Callable[[str, str], None]) -> None:
        """`pressed` gets the Call-ID and the key, on the stack's thread."""
        self._pressed = pressed
        self._calls: dict[int, _Watched] = {}
        self._by_socket: dict[int, _Watched] = {}
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
            elif number == Event.CALL_CLOSED:
                self._leave(stack().bevent_get_call(event) or 0)
        except Exception:  # an exception must not get into the stack
            log.exception("keys of a call cannot be watched for")

    def _negotiated(self, call: int) -> None:
        library = stack()
        if not library.account_medianat(library.call_account(call)):
            return
        socket, _ = media_sockets(call)
        call_id = library.call_id(call)
        if not socket or call_id is None:
            return
        self._leave_those_that_are_over()
        types = _key_types(library.stream_sdpmedia(library.audio_strm(library.call_audio(call))))
        watched = self._calls.get(call)
        if watched is not None and watched.watch.socket == socket:
            watched.key_types = types
            return
        self._leave(call)
        watch = SocketWatch.begin(socket, _AFTER_OTHERS, self._on_datagram)
        if watch is None:
            log.error("keys of a call cannot be watched for: the stack tells them, unless a packet is lost")
            return
        self._calls[call] = self._by_socket[socket] = _Watched(call_id.decode("latin-1"), watch, types)

    def _leave_those_that_are_over(self) -> None:
        there = set(calls(lambda call: call in self._calls))
        for call in self._calls.keys() - there:
            self._leave(call)

    def _leave(self, call: int) -> None:
        watched = self._calls.pop(call, None)
        if watched is not None:
            self._by_socket.pop(watched.watch.socket, None)
            watched.watch.end()

    def _datagram(self, source: int, buffer: int, socket: int) -> bool:
        """Whether the stack does not get it: a key."""
        try:
            watched = self._by_socket.get(socket)
            if watched is None:
                return False
            packet = Buffer.from_address(buffer).left
            if len(packet) < 16 or packet[0] >> 6 != 2 or packet[1] & 0x7F not in watched.key_types:
                return False
            if (key := watched.events.take(packet)) is not None:
                self._pressed(watched.call_id, key)
        except Exception:
            log.exception("a packet of a key cannot be read")
            return False
        return True


def _key_types(media: c_void_p) -> frozenset[int]:
    """Of telephone-event in our SDP."""
    ours = ctypes.c_bool(True)
    found = stack().sdp_media_format
    return frozenset(kind for kind in _PAYLOAD_TYPES if found(media, ours, None, kind, b"telephone-event", -1, -1))
