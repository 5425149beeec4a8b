"""The child of `ConsoleProcess`; see `voicebot.children.http_main`."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from voicebot.children.http_main import main
from voicebot.config.settings import Settings
from voicebot.console.service import ConsoleService, open_console


def _opened(settings: Settings, sockets: Mapping[str, socket.socket]) -> AbstractAsyncContextManager[ConsoleService]:
    return open_console(settings, listener=sockets["pages"])


if __name__ == "__main__":
    sys.exit(main("console", _opened))
