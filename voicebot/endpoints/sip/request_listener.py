"""Requests before the stack's user agent sees them: on the stack's own thread, behind its transactions.

Here is answered what the stack would answer wrongly for a trunk: 503 with Retry-After where it says 486 and OPTIONS 200
(RFC 3261, 21.5.4), 488 where a re-INVITE has no codec of ours (RFC 3261, 14.2) and 415 for a body without SDP. A body with SDP
among other parts (RFC 3204, 5621), or whose last line has no end, is put right in its place; keys by INFO are read as gateways
write them.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Callable, Collection, Mapping
from ctypes import c_void_p
from typing import Protocol

from voicebot.endpoints.sip.bodies import has_our_sound, info_key, is_acceptable, is_read_by_stack, sdp_part
from voicebot.endpoints.sip.codecs import Codec
from voicebot.endpoints.sip.stack import (
    Link,
    OnMessage,
    StackMessage,
    StackUnknown,
    incoming_calls,
    message_layout,
    read_address,
    read_pointer,
    stack,
)
from voicebot.endpoints.sip.trace import SipMessage, header_values, parse_message
from voicebot.endpoints.sip.trunk_calls import contact_at
from voicebot.endpoints.sip.trunk_rules import TrunkRules

log = logging.getLogger(__name__)

RETRY_AFTER_S = 10
_LARGEST_DATAGRAM = 65_535
_LONGEST_LENGTH = 6
_LOG_EVERY_S = 5.0
_EMPTY = b"Content-Length: 0\r\n\r\n"
_SDP = (b"application", b"sdp")
_ALLOWED = frozenset("INVITE ACK BYE CANCEL OPTIONS NOTIFY INFO UPDATE PRACK REFER".split())
_ALLOW = b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, NOTIFY\r\n"
_ACCEPT = b"Accept: application/sdp\r\n"
_CAN = _ALLOW + _ACCEPT
_KNOWN = frozenset("REGISTER SUBSCRIBE PUBLISH MESSAGE".split())
# struct sip (libre 4.10, src/sip/sip.h): three lists of three words each, eight pointers, and the name we would tell everybody
_TRANSPORTS, _SOFTWARE = 0, 8 * (3 * 3 + 9)
# struct sip_transport (src/sip/transp.c): a link, an address, then these
_UDP = 0


class Rules(Protocol):
    """What the listener asks, on the stack's thread."""

    def why_unavailable(self, live: int = 0) -> str:
        """Why no call can be taken just now, when `live` calls are there at least; "" when one can."""
        ...

    @property
    def trunk_rules(self) -> TrunkRules:
        """What each trunk may send."""
        ...

    @property
    def codecs(self) -> Collection[Codec]:
        """Those we take."""
        ...

    @property
    def encryption(self) -> str:
        """Ours: "none" where we have no SRTP."""
        ...


class RequestListener:
    """In front of the user agent from `start` until `stop`.

    `received` is called on the stack's thread with every INVITE and with keys that the stack does not report; `refused` with the
    reason of what was refused here.
    """

    def __init__(self, rules: Rules, received: Callable[[SipMessage], None], refused: Callable[[str], None]) -> None:
        self._rules = rules
        self._received = received
        self._refused = refused
        self._sip = 0
        self._listener = c_void_p()
        self._on_message = OnMessage(self._request)  # the stack keeps this pointer: it must live as long as it does
        self._next_line = 0.0
        self.source: tuple[str, int] = ("", 0)
        """STACK'S THREAD. Who sent the request that is being handled."""

    def start(self, port: int) -> None:
        """STACK'S THREAD. Begin. `port` proves that its transports are read rightly. Raises StackUnknown."""
        self._layout, self._port = message_layout(), port
        self._sip = stack().uag_sip()
        if stack().sip_listen(ctypes.byref(self._listener), self._sip, True, self._on_message, None):
            raise StackUnknown("it takes no listener")
        try:
            move_to_front(self._listener)
            self._take_large_datagrams(port)
            self._hide_name()
        except StackUnknown:
            self.stop()
            raise

    def stop(self) -> None:
        """STACK'S THREAD. Stop; harmless when it has stopped."""
        if self._listener.value:
            listener, self._listener = self._listener, c_void_p()
            stack().mem_deref(listener)

    def _take_large_datagrams(self, port: int) -> None:
        """Of each transport by UDP: read up to 64 kB at once, where 8 kB cut a carrier's INVITE."""
        after_address = (ctypes.sizeof(Link) + stack().sa_struct_get_size() + 7) // 8 * 8
        found = 0
        place = read_pointer(self._sip + _TRANSPORTS)
        while place:
            link = Link.from_address(place)
            if link.data != place or read_pointer(place + after_address) != self._sip:
                raise StackUnknown("its transports are not where they should be")
            _, bound = read_address(place + ctypes.sizeof(Link))
            sock, kind = read_pointer(place + after_address + 24), ctypes.c_int.from_address(place + after_address + 32).value
            if kind == _UDP and sock and bound == port:
                stack().udp_rxsz_set(sock, _LARGEST_DATAGRAM)
                found += 1
            place = link.after
        log.debug("sip: %d transports take datagrams of %d bytes", found, _LARGEST_DATAGRAM)

    def _hide_name(self) -> None:
        """No header `Server`: what runs here is nobody's business."""
        name = read_pointer(self._sip + _SOFTWARE)
        if not name or not _string_at(name).startswith(b"baresip"):
            raise StackUnknown("its name is not where it should be")
        ctypes.memset(name, 0, 1)
        c_void_p.from_address(self._sip + _SOFTWARE).value = None
        stack().mem_deref(name)

    def _request(self, address: int, _: object) -> bool:
        """STACK'S THREAD. Whether the request has been answered here."""
        try:
            message = StackMessage(address, self._layout)
            self.source = message.source
            match message.method:
                case "OPTIONS":
                    return self._asked(message)
                case "INVITE" | "UPDATE":
                    return self._offered(message)
                case "INFO":
                    return self._info(message)
                case method if method not in _ALLOWED:
                    status, reason = (405, "Method Not Allowed") if method in _KNOWN else (501, "Not Implemented")
                    return self._answer(message, status, reason, _ALLOW)
                case _:
                    return False
        except Exception:  # an exception must not get into the stack
            now = time.monotonic()
            if now >= self._next_line:
                self._next_line = now + _LOG_EVERY_S
                log.exception("a SIP request could not be looked at; the stack judges it alone")
            return False

    def _offered(self, message: StackMessage) -> bool:
        head, source, rules = message.head, message.source[0], self._rules
        headers = header_values(head)
        begun = _in_dialog(headers)
        begins = message.method == "INVITE" and not begun
        if begins:
            if self._unavailable(message):
                return True
            # with the whole of its headers, whatever the length: the trace cuts long ones
            self._received(parse_message(head, "", received=True, source=source))
        _cut(message, headers)
        if message.body and not self._put_right(message, headers.get("content-type", "")):
            self._refused("its body has no SDP")
            answer = self._answer if begins else self._reply
            return answer(message, 415, "Unsupported Media Type", _ACCEPT)
        if begins and message.body and not has_our_sound(message.body, rules.codecs):
            # the stack would let it ring and answer it: a call in which nothing can be heard, and a place taken
            self._refused("its offer has no sound in a codec of ours")
            return self._answer(message, 488, "Not Acceptable Here", b"")
        refusal = rules.trunk_rules.refusal(source, message.call_id.decode("latin-1"), head, message.body) if begins else None
        if refusal is not None:
            if refusal.why:
                self._refused(f"trunk: {refusal.why}")
            return self._answer(message, refusal.status, refusal.reason, refusal.headers)
        if (external := rules.trunk_rules.external_address(source)) is not None:
            contact_at(message, external, (self._port, self._port + 1))
        if message.body and (order := rules.trunk_rules.codec_order(source, message.body)) is not None:
            message.overwrite(*order)
        goes_on = message.body and begun and stack().uag_call_find(message.call_id)
        if goes_on and not is_acceptable(message.body, rules.codecs, encryption=rules.encryption):
            return self._reply(message, 488, "Not Acceptable Here", b"")
        return False

    def _asked(self, message: StackMessage) -> bool:
        """Whether a call can be taken; inside a dialog, whether the call is still there: an edge ends what a dead bot left."""
        if not _in_dialog(header_values(message.head)):
            return self._unavailable(message) or self._answer(message, 200, "OK", _CAN)
        if stack().uag_call_find(message.call_id):
            return self._answer(message, 200, "OK", _CAN)
        return self._answer(message, 481, "Call/Transaction Does Not Exist", b"")

    def _unavailable(self, message: StackMessage) -> bool:
        """503 when no call can be taken: the trunk tries its next route, and asks again (RFC 3261, 21.5.4)."""
        why = self._rules.why_unavailable(incoming_calls())
        if not why and message.method == "OPTIONS" and self._rules.trunk_rules.is_full(message.source[0]):
            why = "too many calls of this trunk"
        if not why:
            return False
        if message.method == "INVITE":
            self._refused(why)
        return self._answer(message, 503, "Service Unavailable", b"Retry-After: %d\r\n" % RETRY_AFTER_S)

    def _put_right(self, message: StackMessage, content_type: str) -> bool:
        """Make the body plain SDP; False when there is none."""
        kind = content_type.partition(";")[0].strip().lower()
        if kind.startswith("multipart/"):
            part = sdp_part(content_type, message.body)
            if part is None:
                return False
            message.take_part(*part, *_SDP)
        elif kind not in ("application/sdp", ""):
            return False
        if message.body and not message.body.endswith(b"\n"):
            message.end_line()
        return True

    def _info(self, message: StackMessage) -> bool:
        """Answer what carries a key and the stack does not read rightly; leave the rest to it."""
        headers = header_values(message.head)
        _cut(message, headers)
        content_type = headers.get("content-type", "")
        if not content_type.lower().startswith("application/dtmf") or not stack().uag_call_find(message.call_id):
            return False
        if not self._rules.trunk_rules.takes_info(message.source[0]):
            return self._reply(message, 415, "Unsupported Media Type", b"")
        key = info_key(content_type, message.body)
        if not key:
            return self._reply(message, 400, "Bad Request", b"")
        if is_read_by_stack(content_type, message.body):
            return False
        self._received(parse_message(message.head, "", received=True, source=message.source[0]).with_key(key))
        return self._reply(message, 200, "OK", b"")

    def _answer(self, message: StackMessage, status: int, reason: str, headers: bytes) -> bool:
        """Answer without a transaction (RFC 3261, 8.2.7), which would stay for half a minute: a flood costs no memory."""
        error = stack().sip_replyf(self._sip, message.address, status, reason.encode(), headers + _EMPTY)
        return not error

    def _reply(self, message: StackMessage, status: int, reason: str, headers: bytes) -> bool:
        """Answer within a call: a repetition gets the same answer, and is no second key."""
        error = stack().sip_treplyf(None, None, self._sip, message.address, False, status, reason.encode(), headers + _EMPTY)
        return not error


def _in_dialog(headers: Mapping[str, str]) -> bool:
    """Whether the request belongs to a call (RFC 3261, 12.2)."""
    return ";tag=" in headers.get("to", "").lower().replace(" ", "")


def _cut(message: StackMessage, headers: Mapping[str, str]) -> None:
    """A datagram may be longer than its message: what is behind its end does not count (RFC 3261, 18.3)."""
    length = headers.get("content-length", "")
    if length.isdecimal() and len(length) < _LONGEST_LENGTH:
        message.cut(int(length))


def _string_at(address: int) -> bytes:
    return ctypes.string_at(address, 7)


def move_to_front(listener: c_void_p) -> None:
    """STACK'S THREAD. Behind the first listener alone: the transactions', which keeps repetitions, ACK and CANCEL from us.
    Raises StackUnknown.
    """
    address = listener.value or 0
    link = Link.from_address(address)
    first = read_pointer(link.list) if link.list and link.data == address else 0
    if not first or Link.from_address(first).data != first or Link.from_address(first).list != link.list:
        raise StackUnknown("its listeners are not kept in a list as they should be")
    listeners = link.list
    stack().list_unlink(address)
    stack().list_insert_after(listeners, first, address, address)
