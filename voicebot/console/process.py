"""The console as a child of `voicebot serve`: started, watched, started again when it ends."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence

import structlog

from voicebot.children.http_child import HttpChild
from voicebot.config.settings import Settings
from voicebot.errors import ConfigError
from voicebot.http.server import listen

PROGRAM = (sys.executable, "-m", "voicebot.console")

log = structlog.get_logger(__name__)


class ConsoleProcess(HttpChild):
    """Keeps one console running. Calls do not notice when it ends, nor when its port is taken: it is tried again and again."""

    ended = "the console ended and is started again; calls go on"
    code = "console.ended"

    def __init__(self, settings: Settings, *, program: Sequence[str] = PROGRAM) -> None:
        """`settings` are what the child gets, as for the web: see `voicebot.web.process.child_settings`."""
        super().__init__("console", program, {}, settings.as_json())
        self._host, self._port = settings.console.host, settings.console.port

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, or is to listen."""
        bound = next(iter(self._sockets.values()), None)
        return (self._host, int(bound.getsockname()[1])) if bound is not None else (self._host, self._port)

    def bind(self) -> None:
        """Take the port, unless it is taken already. Raises ConfigError."""
        if not self._sockets:
            self._sockets = {"pages": listen(self._host, self._port, setting="console")}

    async def reload(self, settings: Settings) -> None:
        """Show the bundle of these settings from now on."""
        await self.use(settings.as_json())

    async def _run(self) -> int:
        try:
            self.bind()
        except ConfigError as error:
            log.error("the console has no port yet; calls go on", code=error.code, why=str(error))
            raise OSError(errno.EADDRINUSE, "its port is taken") from error
        return await super()._run()
