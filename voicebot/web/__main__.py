"""The child of `WebProcess`: reads its settings from standard input, serves on the sockets it was given, ends with its parent."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from typing import Any

from voicebot.config.settings import Settings
from voicebot.logs import configure_logs
from voicebot.process import raise_file_limit
from voicebot.web.process import READY
from voicebot.web.service import Listeners, open_web


async def run(order: dict[str, Any]) -> None:
    """Serve until told to stop by SIGTERM, or until the parent is gone."""
    settings = Settings.model_validate(order["settings"])
    configure_logs(level=settings.log.level, format=settings.log.format)
    raise_file_limit()
    sockets = {name: socket.socket(fileno=number) for name, number in order["sockets"].items()}
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_reader(sys.stdin, stop.set)  # the parent never writes again: readable means that it is gone
    async with open_web(settings, listeners=Listeners(**sockets)) as web:
        sys.stdout.buffer.write(READY + b"\n")
        sys.stdout.flush()
        await stop.wait()
        loop.remove_reader(sys.stdin)
        await web.drain(settings.limits.drain_s)


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.stdin.readline())))
