"""The SIP stack's own functions, for what its Python binding does not offer.

The binding's extension exports the whole of libre and libbaresip; they are called by ctypes. Where a structure must be read, its
version is checked (`CHECKED`) and the place of every member is found in a message made for the purpose, not believed: another
build is refused with `StackUnknown` instead of being misread.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
import sys
from collections.abc import Callable
from ctypes import c_bool, c_char_p, c_int, c_int8, c_int32, c_size_t, c_uint16, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import baresip._native as native
from baresip import BaresipError, Runtime
from baresip import _events as events

from voicebot.endpoints.errors import EndpointError

CHECKED = ("0.5.2a3", "4.10.0")
"""The versions of the binding and of libre whose structures were checked."""

OnEvent = ctypes.CFUNCTYPE(None, c_int, c_void_p, c_void_p)
OnTimer = ctypes.CFUNCTYPE(None, c_void_p)
OnCall = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
IsWanted = ctypes.CFUNCTYPE(c_bool, c_void_p, c_void_p)
OnMessage = ctypes.CFUNCTYPE(c_bool, c_void_p, c_void_p)
OnDatagram = ctypes.CFUNCTYPE(c_bool, c_void_p, c_void_p, c_void_p)

TIMER_BYTES = 512
"""More than any struct tmr of libre."""

# as in baresip.h and in libre's re_*.h
_FUNCTIONS: dict[str, tuple[object, list[object]]] = {
    "account_medianat": (c_char_p, [c_void_p]),
    "audio_strm": (c_void_p, [c_void_p]),
    "bevent_get_call": (c_void_p, [c_void_p]),
    "bevent_get_text": (c_char_p, [c_void_p]),
    "bevent_register": (c_int, [OnEvent, c_void_p]),
    "bevent_unregister": (None, [OnEvent]),
    "call_account": (c_void_p, [c_void_p]),
    "call_audio": (c_void_p, [c_void_p]),
    "call_enable_rtp_timeout": (None, [c_void_p, c_uint32]),
    "call_get_ua": (c_void_p, [c_void_p]),
    "call_id": (c_char_p, [c_void_p]),
    "call_statename": (c_char_p, [c_void_p]),
    "call_is_outgoing": (c_bool, [c_void_p]),
    "list_insert_after": (None, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "list_unlink": (None, [c_void_p]),
    "mbuf_alloc": (c_void_p, [c_size_t]),
    "mbuf_write_mem": (c_int, [c_void_p, c_char_p, c_size_t]),
    "mem_deref": (c_void_p, [c_void_p]),
    "mem_ref": (c_void_p, [c_void_p]),
    "rtcp_sock": (c_void_p, [c_void_p]),
    "rtp_sock": (c_void_p, [c_void_p]),
    "sa_struct_get_size": (c_size_t, []),
    "sa_set_str": (c_int, [c_void_p, c_char_p, c_uint16]),
    "sdp_media_format": (c_void_p, [c_void_p, c_bool, c_char_p, c_int, c_char_p, c_int32, c_int8]),
    "sdp_media_laddr": (c_void_p, [c_void_p]),
    "sdp_media_proto": (c_char_p, [c_void_p]),
    "sdp_media_raddr": (c_void_p, [c_void_p]),
    "sdp_media_set_laddr": (None, [c_void_p, c_void_p]),
    "sip_listen": (c_int, [c_void_p, c_void_p, c_bool, OnMessage, c_void_p]),
    "sip_msg_decode": (c_int, [c_void_p, c_void_p]),
    "sip_replyf": (c_int, [c_void_p, c_void_p, c_uint16, c_char_p, c_char_p]),
    "sip_treplyf": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_bool, c_uint16, c_char_p, c_char_p]),
    "stream_metric_get_rx_n_packets": (c_uint32, [c_void_p]),
    "stream_rtp_sock": (c_void_p, [c_void_p]),
    "stream_sdpmedia": (c_void_p, [c_void_p]),
    "sys_libre_version_get": (c_char_p, []),
    "tmr_cancel": (None, [c_void_p]),
    "tmr_start_dbg": (None, [c_void_p, c_uint64, OnTimer, c_void_p, c_char_p, c_int]),
    "ua_hangupf": (None, [c_void_p, c_void_p, c_uint16, c_char_p, c_char_p]),
    "uag_call_count": (c_uint32, []),
    "uag_call_find": (c_void_p, [c_char_p]),
    "uag_filter_calls": (None, [OnCall, IsWanted, c_void_p]),
    "uag_sip": (c_void_p, []),
    "udp_register_helper": (c_int, [c_void_p, c_void_p, c_int, c_void_p, OnDatagram, c_void_p]),
    "udp_rxsz_set": (None, [c_void_p, c_size_t]),
    "udp_sock_fd": (c_int, [c_void_p]),
}
_PROBE = (
    b"INVITE sip:probe@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKprobe\r\nFrom: <sip:a@192.0.2.2>;tag=1\r\n"
    b"To: <sip:b@192.0.2.1>\r\nCall-ID: probe-id\r\nCSeq: 7 INVITE\r\nContent-Type: x-probe-type/x-probe-sub;x=y\r\n"
    b"Content-Length: 4\r\n\r\nbody"
)
_SCANNED_WORDS = 256
_WORD = 8
_ANSWER_S = 5.0
_PR_SET_TIMERSLACK = 29
_MAPPED = bytes(10) + b"\xff\xff"
"""An IPv4 address on a socket for both (RFC 4291, 2.5.5.2)."""


class StackUnknown(Exception):
    """Raised when the build of the stack is not the one whose structures were checked; the text says what differs."""


@cache
def stack() -> ctypes.CDLL:
    """STACK'S THREAD. The stack's own functions; in callbacks, or by `run_on_stack`. Raises EndpointError when one is hidden.

    The interpreter is kept meanwhile: to give it up at every small call, and wait for it again, would hold up all media.
    """
    library = ctypes.PyDLL(native.__file__)
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise EndpointError(f"baresip-python has no {name}: install the version that pyproject.toml names") from None
        function.restype, function.argtypes = result, arguments
    return library


def sleep_later(seconds: float) -> None:
    """STACK'S THREAD. Sleeps of this thread, and of those that it starts from now on, may end so much later (the kernel's timer
    slack, prctl(2)); what is received still wakes it at once. Elsewhere than on Linux nothing is changed.

    Each call has a thread that sends and sleeps for 4 ms between looking whether a packet is due: half of what the stack costs.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(int(seconds * 1e9)), 0, 0, 0)


def calls(wanted: Callable[[int], bool]) -> list[int]:
    """STACK'S THREAD. The calls that are wanted."""
    found: list[int] = []
    stack().uag_filter_calls(OnCall(lambda call, _: found.append(call)), IsWanted(lambda call, _: wanted(call)), None)
    return found


def media_sockets(call: int) -> tuple[int, int]:
    """STACK'S THREAD. Where a call's audio comes in by RTP, and by RTCP (struct udp_sock); 0 for what it does not have."""
    library = stack()
    stream = library.audio_strm(library.call_audio(call))
    sockets = library.stream_rtp_sock(stream) if stream else None
    if not sockets:
        return 0, 0
    return library.rtp_sock(sockets) or 0, library.rtcp_sock(sockets) or 0


def is_unaccepted(call: int | None) -> bool:
    """STACK'S THREAD. Whether the call came in and has no Call-ID: its INVITE is being read, or was malformed."""
    return bool(call) and not stack().call_is_outgoing(call) and stack().call_id(call) is None


def incoming_calls() -> int:
    """STACK'S THREAD. How many calls came in and are there; not such as were malformed and are about to be freed."""
    return len(calls(lambda call: not stack().call_is_outgoing(call) and stack().call_id(call) is not None))


async def run_on_stack(runtime: Runtime, work: Callable[[], None]) -> None:
    """Do something on the stack's own thread, between its own work: only there may its lists and timers be touched. What `work`
    raises is raised here. Raises BaresipError when the stack does not answer.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    sink: list[Any] = []

    def event(number: int, handle: int, payload: bytes | None) -> None:
        # other events come in the middle of the stack's work
        if number == native.lib.BP_EV_PONG:
            _swap_sink(sink[0])
            loop.call_soon_threadsafe(_finish, done, _outcome(work))
        sink[0](number, handle, payload)

    sink.append(_swap_sink(event))
    try:
        await runtime.cmd(native.lib.BP_CMD_PING)
        await asyncio.wait_for(done, _ANSWER_S)
    except TimeoutError:
        raise BaresipError("the SIP stack did not do what it was told") from None
    finally:
        if not done.done():
            _swap_sink(sink[0])


def _swap_sink(sink: Any) -> Any:
    """Who gets the stack's events from now on; returns who got them before."""
    return events.set_sink(sink)  # type: ignore[no-untyped-call]


def _outcome(work: Callable[[], None]) -> Exception | None:
    try:
        work()
    except Exception as error:
        return error
    return None


def _finish(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def check_version() -> None:
    """Raises StackUnknown unless the structures of this build were checked."""
    found = (version("baresip-python"), stack().sys_libre_version_get().decode())
    if found != CHECKED:
        raise StackUnknown(f"baresip-python {found[0]} with libre {found[1]}; checked were {CHECKED[0]} with {CHECKED[1]}")


class Buffer(ctypes.Structure):
    """struct mbuf."""

    _fields_ = (("start", c_void_p), ("size", c_size_t), ("pos", c_size_t), ("end", c_size_t))

    @property
    def left(self) -> bytes:
        """What stands from the position to the end."""
        return ctypes.string_at(self.start + self.pos, self.end - self.pos) if self.end > self.pos else b""


@dataclass(frozen=True, slots=True)
class SocketWatch:
    """STACK'S THREAD. Our look at every datagram of one socket (struct udp_sock), until `end`."""

    socket: int
    helper: int

    @classmethod
    def begin(cls, socket: int, layer: int, on_datagram: object) -> SocketWatch | None:
        """`on_datagram` (an OnDatagram that lives as long as the stack) gets the socket, too, and says which are dropped. Lower
        layers come first; SRTP is at 20. None when there is no memory.
        """
        helper, library = c_void_p(), stack()
        library.mem_ref(socket)  # the helper must not outlive its socket
        if library.udp_register_helper(ctypes.byref(helper), socket, layer, None, on_datagram, socket) or not helper.value:
            library.mem_deref(socket)
            return None
        return cls(socket, helper.value)

    def end(self) -> None:
        """Once."""
        stack().mem_deref(self.helper)
        stack().mem_deref(self.socket)


class Text(ctypes.Structure):
    """struct pl: a piece of somebody else's text."""

    _fields_ = (("start", c_void_p), ("length", c_size_t))

    @property
    def value(self) -> bytes:
        """The text, copied."""
        return ctypes.string_at(self.start, self.length) if self.start else b""


class Link(ctypes.Structure):
    """struct le: a place in a list."""

    _fields_ = (("before", c_void_p), ("after", c_void_p), ("list", c_void_p), ("data", c_void_p))


@dataclass(frozen=True, slots=True)
class MessageLayout:
    """Where the members of a struct sip_msg are (bytes); its source address is the first."""

    method: int
    type: int
    call_id: int
    buffer: int


@cache
def message_layout() -> MessageLayout:
    """STACK'S THREAD. Found in a message that is decoded for it. Raises StackUnknown."""
    check_version()
    library = stack()
    buffer = library.mbuf_alloc(len(_PROBE))
    message = c_void_p()
    try:
        library.mbuf_write_mem(buffer, _PROBE, len(_PROBE))
        start = Buffer.from_address(buffer).start
        Buffer.from_address(buffer).pos = 0
        if library.sip_msg_decode(ctypes.byref(message), buffer) or not message.value:
            raise StackUnknown("it does not decode a plain INVITE")
        words = _words(message.value)
        found = [
            _place(words, (start + _PROBE.index(b"INVITE"), 6)),
            _place(words, (start + _PROBE.index(b"x-probe-type"), 12, start + _PROBE.index(b"x-probe-sub"), 11)),
            _place(words, (start + _PROBE.index(b"probe-id"), 8)),
            _place(words, (buffer,)),
        ]
        at = Buffer.from_address(buffer)
        if at.left != b"body":
            raise StackUnknown("a decoded message's buffer does not stand at its body")
    finally:
        library.mem_deref(message)
        library.mem_deref(buffer)
    return MessageLayout(*found)


def _words(address: int) -> tuple[int, ...]:
    """What stands there, as machine words: by way of the kernel, which knows what may be read."""
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        data = os.pread(memory.fileno(), _SCANNED_WORDS * _WORD, address)
    return struct.unpack(f"={len(data) // _WORD}Q", data[: len(data) // _WORD * _WORD])


def _place(words: tuple[int, ...], wanted: tuple[int, ...]) -> int:
    for at in range(len(words) - len(wanted) + 1):
        if words[at : at + len(wanted)] == wanted:
            return at * _WORD
    raise StackUnknown("a member of a SIP message is not where it should be")


class StackMessage:
    """STACK'S THREAD. A request as the stack has decoded it, while it is being handled."""

    def __init__(self, address: int, layout: MessageLayout) -> None:
        self.address = address
        self._layout = layout
        self._buffer = Buffer.from_address(read_pointer(address + layout.buffer))
        self.method = Text.from_address(address + layout.method).value.decode("latin-1")
        self.call_id = Text.from_address(address + layout.call_id).value

    @property
    def source(self) -> tuple[str, int]:
        """IP address and port of the sender; ("", 0) when it cannot be read."""
        return read_address(self.address)

    @property
    def head(self) -> str:
        """The request without its body, as it came."""
        start = Text.from_address(self.address + self._layout.method).start
        return ctypes.string_at(start, self._buffer.start + self._buffer.pos - start).decode("latin-1")

    @property
    def body(self) -> bytes:
        """What stands behind the headers."""
        return self._buffer.left

    def cut(self, length: int) -> None:
        """Leave only so many bytes of the body."""
        self._buffer.end = min(self._buffer.end, self._buffer.pos + length)

    def take_part(self, begin: int, end: int, kind: bytes, subtype: bytes) -> None:
        """Of the body only these bytes count, and they are of this type (bytes that live as long as the process)."""
        self._buffer.end = self._buffer.pos + end
        self._buffer.pos += begin
        for at, value in enumerate((kind, subtype, b"")):
            text = Text.from_address(self.address + self._layout.type + at * ctypes.sizeof(Text))
            text.start, text.length = ctypes.cast(c_char_p(value), c_void_p).value, len(value)

    def end_line(self) -> None:
        """Give the body's last line its end. The empty line before the body makes room for it: nothing else is read there."""
        body = self.body
        self._buffer.pos -= 2
        ctypes.memmove(self._buffer.start + self._buffer.pos, body + b"\r\n", len(body) + 2)

    def overwrite(self, at: int, data: bytes) -> None:
        """Put `data` in the place of as many bytes of the body."""
        if 0 <= at <= len(self.body) - len(data):
            ctypes.memmove(self._buffer.start + self._buffer.pos + at, data, len(data))


def read_pointer(address: int) -> int:
    """The pointer that stands there."""
    return c_void_p.from_address(address).value or 0


def read_address(address: int | None) -> tuple[str, int]:
    """IP address and port of a struct sa, which begins with a sockaddr; ("", 0) when there is none."""
    if not address:
        return "", 0
    head = ctypes.string_at(address, 28)
    (family,), (port,) = struct.unpack_from("=H", head), struct.unpack_from("!H", head, 2)
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, head[4:8]), port
    if family == socket.AF_INET6 and head[8:20] == _MAPPED:
        return socket.inet_ntop(socket.AF_INET, head[20:24]), port
    if family == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, head[8:24]), port
    return "", 0
