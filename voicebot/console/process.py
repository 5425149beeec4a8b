"""The console as a child of `voicebot serve`: started, watched, started again when it ends."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

from voicebot.children.http_child import HttpChild
from voicebot.config.settings import Settings

PROGRAM = (sys.executable, "-m", "voicebot.console")


class ConsoleProcess(HttpChild):
    """Keeps one console running; calls do not notice when it ends."""

    ended = "the console ended and is started again; calls go on"
    code = "console.ended"

    def __init__(self, settings: Settings, listener: socket.socket, *, program: Sequence[str] = PROGRAM) -> None:
        """`settings` are what the child gets, as for the web: see `voicebot.web.process.child_settings`."""
        super().__init__("console", program, {"pages": listener}, settings.as_json())

    async def reload(self, settings: Settings) -> None:
        """Show the bundle of these settings from now on."""
        await self.use(settings.as_json())
