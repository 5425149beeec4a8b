"""Calls that broke inside the stack while an INVITE was read, and that it would keep for ever.

A malformed INVITE (no Contact, no tag in From) is answered 500. The stack gives its own reference to the call up, but the binding
took one when it reported the SDP, so the call stays: with its place, two RTP ports, and one reference less than ending it takes
away. Ending it as any other call, or stopping the stack, therefore frees memory twice and kills the process (baresip-python
0.5.2a3). So the missing reference is given back before such a call is ended.

Only the stack's own thread may touch calls. The stack reports the SDP there (CALL_REMOTE_SDP), while the INVITE is being read; a
timer of the stack looks a moment later, on the same thread, for calls that have no Call-ID: those were never accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
from collections.abc import Callable
from ctypes import c_bool, c_char_p, c_int, c_uint16, c_uint64, c_void_p
from functools import cache

import baresip._native as native  # the binding offers nothing for this; its library exports the stack's public functions
from baresip import Event

from voicebot.endpoints.errors import EndpointError

log = logging.getLogger(__name__)

_LOG_EVERY_S = 5.0
_LOOK_AFTER_MS = 1
_TIMER_BYTES = 512  # more than any struct tmr of libre

_OnEvent = ctypes.CFUNCTYPE(None, c_int, c_void_p, c_void_p)
_OnTimer = ctypes.CFUNCTYPE(None, c_void_p)
_OnCall = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
_IsWanted = ctypes.CFUNCTYPE(c_bool, c_void_p, c_void_p)

# as in baresip.h, re_mem.h and re_tmr.h
_FUNCTIONS: dict[str, tuple[object, list[object]]] = {
    "bevent_register": (c_int, [_OnEvent, c_void_p]),
    "bevent_unregister": (None, [_OnEvent]),
    "bevent_get_call": (c_void_p, [c_void_p]),
    "call_id": (c_char_p, [c_void_p]),
    "call_is_outgoing": (c_bool, [c_void_p]),
    "call_get_ua": (c_void_p, [c_void_p]),
    "mem_ref": (c_void_p, [c_void_p]),
    "tmr_start_dbg": (None, [c_void_p, c_uint64, _OnTimer, c_void_p, c_char_p, c_int]),
    "ua_hangupf": (None, [c_void_p, c_void_p, c_uint16, c_char_p, c_char_p]),
    "uag_filter_calls": (None, [_OnCall, _IsWanted, c_void_p]),
}


@cache
def _stack() -> ctypes.CDLL:
    """The stack's own functions. Raises EndpointError when this build of the binding hides them."""
    library = ctypes.CDLL(native.__file__)
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise EndpointError(f"baresip-python has no {name}: install the version that pyproject.toml names") from None
        function.restype, function.argtypes = result, arguments
    return library


class OrphanedCalls:
    """Frees such calls from `start` until `close`. `freed` counts them."""

    def __init__(self) -> None:
        self.freed = 0
        self._stack = _stack()
        self._loop = asyncio.get_running_loop()
        self._next_line = 0.0
        self._timer = ctypes.create_string_buffer(_TIMER_BYTES)
        # the stack keeps these pointers: they must live as long as it does
        self._on_event = _OnEvent(self._stack_event)
        self._on_timer = _OnTimer(self._look)

    def start(self) -> None:
        """Begin; the stack runs already, and has no account yet. Raises EndpointError."""
        if error := self._stack.bevent_register(self._on_event, None):
            raise EndpointError(f"the SIP stack does not tell its events: error {error}")

    def close(self) -> None:
        """Stop, after the stack has stopped."""
        self._stack.bevent_unregister(self._on_event)

    def _stack_event(self, number: int, event: int, _: object) -> None:
        """STACK'S THREAD, in the middle of its work: start the timer, nothing else."""
        try:
            if number == Event.CALL_REMOTE_SDP and self._is_unaccepted(self._stack.bevent_get_call(event)):
                self._stack.tmr_start_dbg(self._timer, _LOOK_AFTER_MS, self._on_timer, None, b"orphans", 0)
        except Exception:  # an exception must not get into the stack
            log.exception("an event of the SIP stack could not be read")

    def _look(self, _: object) -> None:
        """STACK'S THREAD, with no message being read: end what was never accepted."""
        try:
            broken = _selected(self._stack, self._is_unaccepted)
            for call in broken:
                self._stack.mem_ref(call)
                self._stack.ua_hangupf(self._stack.call_get_ua(call), call, 0, None, None)
            if broken:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    self._loop.call_soon_threadsafe(self._note, len(broken))
        except Exception:
            log.exception("a malformed call keeps its place in the SIP stack")

    def _is_unaccepted(self, call: int | None) -> bool:
        return bool(call) and not self._stack.call_is_outgoing(call) and self._stack.call_id(call) is None

    def _note(self, freed: int) -> None:
        self.freed += freed
        now = self._loop.time()
        if now >= self._next_line:
            self._next_line = now + _LOG_EVERY_S
            log.warning("malformed INVITEs: what they held in the SIP stack was freed", extra={"count": self.freed})


def _selected(stack: ctypes.CDLL, wanted: Callable[[int | None], bool]) -> list[int]:
    """STACK'S THREAD. The calls that are wanted."""
    found: list[int] = []
    stack.uag_filter_calls(_OnCall(lambda call, _: found.append(call)), _IsWanted(lambda call, _: wanted(call)), None)
    return found
