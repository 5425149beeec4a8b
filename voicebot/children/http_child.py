"""A child that serves HTTP on sockets of its parent: while it is started anew they stay open, and clients wait."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence

from voicebot.children.child import ChildProcess

_STOP_S = 10.0


class HttpChild(ChildProcess):
    """Gets the numbers of its sockets in the first line of its standard input, its settings as JSON in the next, and again
    whenever they change.
    """

    def __init__(self, name: str, program: Sequence[str], sockets: Mapping[str, socket.socket], settings: str) -> None:
        """`settings` are those of the child, as JSON: its state server is that of the parent."""
        super().__init__(name, program)
        self._sockets = dict(sockets)
        self._settings = settings

    async def use(self, settings: str) -> None:
        """Let what begins from now on go by these settings, which are checked. A child that starts anew begins with them."""
        self._settings = settings
        await self.tell(settings)

    async def drain(self, seconds: float) -> None:
        """Stop the child: what is under way may end, for so long at most."""
        await self.terminate(seconds + _STOP_S)

    async def close(self) -> None:
        """End the child, and close its sockets; harmless when it has ended."""
        await super().close()
        for each in self._sockets.values():
            each.close()

    def first_orders(self) -> Sequence[str]:
        """The numbers of its sockets, and its settings."""
        return json.dumps({name: each.fileno() for name, each in self._sockets.items()}), self._settings

    def passed_fds(self) -> Sequence[int]:
        """Its sockets."""
        return tuple(each.fileno() for each in self._sockets.values())
