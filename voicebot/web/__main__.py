"""The child of `WebProcess`; see `voicebot.children.http_main`."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from voicebot.children.http_main import main
from voicebot.config.settings import Settings
from voicebot.web.service import Listeners, WebService, open_web


def _opened(settings: Settings, sockets: Mapping[str, socket.socket]) -> AbstractAsyncContextManager[WebService]:
    return open_web(settings, listeners=Listeners(**sockets))


if __name__ == "__main__":
    sys.exit(main("web", _opened))
