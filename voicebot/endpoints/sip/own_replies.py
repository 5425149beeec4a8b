"""Answers to requests of our own that the stack knows nothing of: it would print a line about each."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_void_p

from voicebot.endpoints.sip.request_listener import move_to_front
from voicebot.endpoints.sip.stack import OnMessage, StackMessage, StackUnknown, message_layout, stack


class OwnReplies:
    """Takes them, from `start` until `stop`; its trace has told of them already."""

    def __init__(self, are_ours: Callable[[str], bool]) -> None:
        """`are_ours` is asked on the stack's thread, by Call-ID."""
        self._are_ours = are_ours
        self._listener = c_void_p()
        self._on_message = OnMessage(self._reply)  # the stack keeps this pointer: it must live as long as it does

    def start(self) -> None:
        """STACK'S THREAD. Begin. Raises StackUnknown."""
        self._layout = message_layout()
        if stack().sip_listen(ctypes.byref(self._listener), stack().uag_sip(), False, self._on_message, None):
            raise StackUnknown("it takes no listener")
        try:
            move_to_front(self._listener)
        except StackUnknown:
            self.stop()
            raise

    def stop(self) -> None:
        """STACK'S THREAD. Stop; harmless when it has stopped."""
        if self._listener.value:
            listener, self._listener = self._listener, c_void_p()
            stack().mem_deref(listener)

    def _reply(self, address: int, _: object) -> bool:
        """STACK'S THREAD. Whether it is ours."""
        try:
            return self._are_ours(StackMessage(address, self._layout).call_id.decode("latin-1"))
        except Exception:  # an exception must not get into the stack, which then prints its line
            return False
