"""The child of `WebProcess`. Standard input tells it the numbers of its sockets in the first line, its settings in the next, and
again whenever they change. It ends with its parent.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Mapping

import structlog

from voicebot.child import READY
from voicebot.config.settings import Settings
from voicebot.errors import code_of
from voicebot.logs import configure_logs
from voicebot.orders import first_line, order_lines, say
from voicebot.process import give_way, raise_file_limit
from voicebot.tasks import cancelled
from voicebot.web.service import Listeners, WebService, open_web

log = structlog.get_logger(__name__)


async def run(numbers: Mapping[str, int], settings: Settings) -> None:
    """Serve until told to stop by SIGTERM, or until the parent is gone."""
    configure_logs(level=settings.log.level, format=settings.log.format)
    raise_file_limit()
    give_way()  # the calls cannot wait for a processor: a frame is due every 20 ms
    sockets = {name: socket.socket(fileno=number) for name, number in numbers.items()}
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    orders = await order_lines()
    async with open_web(settings, listeners=Listeners(**sockets)) as web:
        say(READY)
        reading = asyncio.create_task(_read_orders(orders, web, stop))
        await stop.wait()
        await cancelled(reading)
        await web.drain(settings.limits.drain_s)


async def _read_orders(orders: asyncio.StreamReader, web: WebService, stop: asyncio.Event) -> None:
    """Each further line is a reload with its settings; the end means that the parent is gone."""
    while line := await orders.readline():
        try:
            await web.reload(Settings.model_validate_json(line))
        except Exception:
            log.exception("the web process could not reload and goes on with what it had", code="web.reload")
    stop.set()


def _main() -> int:
    try:
        asyncio.run(run(json.loads(first_line()), Settings.model_validate_json(first_line())))
    except Exception as error:
        if code_of(error).startswith("python."):
            raise
        log.error("the web process cannot serve", code=code_of(error), why=str(error))  # a person can correct it: no traceback
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main())
