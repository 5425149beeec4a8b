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

from baresip import Event

from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.sip.stack import TIMER_BYTES, OnEvent, OnTimer, calls, is_unaccepted, stack

log = logging.getLogger(__name__)

_LOG_EVERY_S = 5.0
_LOOK_AFTER_MS = 1


class OrphanedCalls:
    """Frees such calls from `start` until `close`. `freed` counts them."""

    def __init__(self) -> None:
        self.freed = 0
        self._stack = stack()
        self._loop = asyncio.get_running_loop()
        self._next_line = 0.0
        self._timer = ctypes.create_string_buffer(TIMER_BYTES)
        # the stack keeps these pointers: they must live as long as it does
        self._on_event = OnEvent(self._stack_event)
        self._on_timer = OnTimer(self._look)

    def start(self) -> None:
        """STACK'S THREAD. Begin; the stack has no account yet. Raises EndpointError."""
        if error := stack().bevent_register(self._on_event, None):
            raise EndpointError(f"the SIP stack does not tell its events: error {error}")

    def close(self) -> None:
        """Stop, after the stack has stopped."""
        stack().bevent_unregister(self._on_event)

    def _stack_event(self, number: int, event: int, _: object) -> None:
        """STACK'S THREAD, in the middle of its work: start the timer, nothing else."""
        try:
            if number == Event.CALL_REMOTE_SDP and is_unaccepted(self._stack.bevent_get_call(event)):
                self._stack.tmr_start_dbg(self._timer, _LOOK_AFTER_MS, self._on_timer, None, b"orphans", 0)
        except Exception:  # an exception must not get into the stack
            log.exception("an event of the SIP stack could not be read")

    def _look(self, _: object) -> None:
        """STACK'S THREAD, with no message being read: end what was never accepted."""
        try:
            broken = calls(is_unaccepted)
            for call in broken:
                self._stack.mem_ref(call)
                self._stack.ua_hangupf(self._stack.call_get_ua(call), call, 0, None, None)
            if broken:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    self._loop.call_soon_threadsafe(self._note, len(broken))
        except Exception:
            log.exception("a malformed call keeps its place in the SIP stack")

    def _note(self, freed: int) -> None:
        self.freed += freed
        now = self._loop.time()
        if now >= self._next_line:
            self._next_line = now + _LOG_EVERY_S
            log.warning("malformed INVITEs: what they held in the SIP stack was freed", extra={"count": self.freed})
