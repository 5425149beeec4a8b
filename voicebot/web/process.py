"""The web as a child of `voicebot serve`: started, watched, started again when it ends, stopped with its chats put through."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pydantic import Secret

from voicebot.children.http_child import HttpChild
from voicebot.config.settings import Settings
from voicebot.conversation.limits import LAST_WORDS_S
from voicebot.hosts import uri_host
from voicebot.web.service import Listeners

PROGRAM = (sys.executable, "-m", "voicebot.web")


class WebProcess(HttpChild):
    """Keeps one web process running."""

    ended = "the web process ended and is started again; calls go on"
    code = "web.ended"

    def __init__(self, settings: Settings, listeners: Listeners, *, program: Sequence[str] = PROGRAM) -> None:
        """`settings` are what the child gets, see `child_settings`."""
        sockets = {"api": listeners.api} | ({"chat": listeners.chat} if listeners.chat is not None else {})
        super().__init__("web", program, sockets, settings.as_json())

    async def reload(self, settings: Settings) -> None:
        """Let chats that begin from now on go by these settings, which are checked and come from `child_settings`."""
        await self.use(settings.as_json())

    async def drain(self, seconds: float) -> None:
        """Stop the child: its chats may end, for so long at most, and are put through then."""
        await super().drain(seconds + LAST_WORDS_S)


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
