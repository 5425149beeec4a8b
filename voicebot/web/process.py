"""The web as a child of `voicebot serve`: started, watched, started again when it ends, stopped with its chats put through."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from pydantic import Secret

from voicebot.child import ChildProcess
from voicebot.config.settings import Settings
from voicebot.conversation.limits import LAST_WORDS_S
from voicebot.hosts import uri_host
from voicebot.web.service import Listeners

PROGRAM = (sys.executable, "-m", "voicebot.web")
_STOP_S = 10.0


class WebProcess(ChildProcess):
    """Keeps one web process running. The sockets are ours: while it is started anew they stay open, and customers wait."""

    ended = "the web process ended and is started again; calls go on"
    code = "web.ended"

    def __init__(self, settings: Settings, listeners: Listeners, *, program: Sequence[str] = PROGRAM) -> None:
        """`settings` are what the child gets, see `child_settings`."""
        super().__init__("web", program)
        self._settings = settings
        self._listeners = listeners

    async def reload(self, settings: Settings) -> None:
        """Let chats that begin from now on go by these settings, which are checked and come from `child_settings`. A child that
        starts anew begins with them.
        """
        self._settings = settings
        await self.tell(settings.as_json())

    async def drain(self, seconds: float) -> None:
        """Stop the child: its chats may end, for so long at most, and are put through then."""
        await self.terminate(seconds + LAST_WORDS_S + _STOP_S)

    async def close(self) -> None:
        """End the child, gently if it lets us; harmless when it has ended."""
        await super().close()
        self._listeners.close()

    def first_orders(self) -> Sequence[str]:
        """The numbers of its sockets, and its settings."""
        return json.dumps(self._sockets()), self._settings.as_json()

    def passed_fds(self) -> Sequence[int]:
        """The API's socket, and the chat's where it has its own."""
        return tuple(self._sockets().values())

    def _sockets(self) -> dict[str, int]:
        sockets = {"api": self._listeners.api.fileno()}
        if self._listeners.chat is not None:
            sockets["chat"] = self._listeners.chat.fileno()
        return sockets


def child_settings(
    settings: Settings,
    *,
    state_url: str,
    health: tuple[str, int],
    sip: Sequence[tuple[str, int]],
) -> Settings:
    """The settings of the child: those of the parent, with the addresses of the state server, of the calls' local socket and of
    the SIP stacks, one a process of calls.
    """
    host, port = health
    identity, stacks = settings.identity, tuple(f"{uri_host(address)}:{number}" for address, number in sip)
    web_calls = identity.web_calls.model_copy(update={"stacks": stacks})
    return settings.model_copy(
        update={
            "state": settings.state.model_copy(update={"redis_url": Secret(state_url)}),
            "identity": identity.model_copy(update={"web_calls": web_calls}),
            "health": settings.health.model_copy(update={"host": host, "port": port}),
        }
    )
