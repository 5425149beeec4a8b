"""The UDP socket that the stack listens on, for requests of our own: sent by a duplicate, answers read in the stack's trace."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Iterator

from voicebot.endpoints.sip.peers import own_sockets
from voicebot.endpoints.sip.trace import SipTrace


class StackDatagrams:
    """Implements `voicebot.endpoints.sip.provider.sending.Datagrams`. The stack must listen; close it first."""

    def __init__(self, port: int, trace: SipTrace) -> None:
        found = own_sockets((port,))
        self._sockets = [sock for sock in found if sock.type == socket.SOCK_DGRAM]
        for sock in found:
            if sock not in self._sockets:
                sock.close()
        self._trace = trace

    def send(self, data: bytes, host: str, port: int) -> None:
        """Send. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for sock in self._sockets:
            if sock.family == family:
                sock.sendto(data, (host, port))
                return
        raise OSError(errno.EAFNOSUPPORT, "the endpoint has no UDP address for it: add udp to sip.transports")

    @contextlib.contextmanager
    def replies(self, call_id: str, take: Callable[[bytes], None]) -> Iterator[None]:
        """While the context lasts, `take` gets what comes in with this Call-ID."""
        self._trace.watch_text(call_id, take)
        try:
            yield
        finally:
            self._trace.unwatch_text(call_id)

    def close(self) -> None:
        """Give the duplicates back."""
        for sock in self._sockets:
            sock.close()
        self._sockets = []
