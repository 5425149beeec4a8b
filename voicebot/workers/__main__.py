"""The child of `CallsProcess`. Standard input tells it its name in the first line, its settings in the next, and again whenever
they change. It ends with its parent, after its calls were put through.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import structlog

from voicebot.children.child import READY
from voicebot.children.orders import PARENT_GONE, Orders, beat, first_line, order_lines, say, starting
from voicebot.config.settings import Settings
from voicebot.errors import code_of
from voicebot.files import keep_private
from voicebot.logs import configure_logs
from voicebot.memory import keep_for_good
from voicebot.process import raise_file_limit
from voicebot.service import Service, open_service
from voicebot.tasks import cancelled
from voicebot.workers.process import RELOADED, Addresses

log = structlog.get_logger(__name__)

_DIED = 1


OpenService = Callable[..., AbstractAsyncContextManager[Service]]


async def run(name: str, settings: Settings, opens: OpenService) -> int:
    """Answer calls until told to stop by SIGTERM, until the parent is gone, or until an endpoint cannot go on. The exit code.
    Raises CancelledError when the parent goes before anything was served.
    """
    configure_logs(level=settings.log.level, format=settings.log.format)
    structlog.contextvars.bind_contextvars(worker=name)
    raise_file_limit()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    orders = await order_lines()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(cancelled, asyncio.create_task(beat()))
        async with starting(orders):
            service = await stack.enter_async_context(opens(settings, process=name))
        keep_for_good()
        told = Addresses(sip=service.sip.address, health=service.health, bundle=service.bundle.version)
        say(READY + b" " + told.model_dump_json().encode())
        reading = asyncio.create_task(_read_orders(orders, service, stop))
        waiting = {asyncio.create_task(stop.wait()), asyncio.create_task(service.died())}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await cancelled(reading, *waiting)
        code = 0 if service.healthy else _DIED
        await service.drain(settings.limits.drain_s)
    return code


async def _read_orders(orders: Orders, service: Service, stop: asyncio.Event) -> None:
    """Each further line is a reload with its settings; the end means that the parent is gone."""
    while line := await orders.readline():
        problem = ""
        try:
            await service.reload(Settings.model_validate_json(line))
        except Exception as error:
            problem = str(error) or type(error).__name__
            log.error("nothing was reloaded", code=code_of(error), why=problem)
        say(RELOADED + b" " + json.dumps({"problem": problem}).encode())
    log.warning(PARENT_GONE)
    stop.set()


def main(opens: OpenService = open_service) -> int:
    """Read the first orders, and run; the exit code of the process."""
    keep_private()
    try:
        return asyncio.run(run(first_line().decode(), Settings.model_validate_json(first_line()), opens))
    except Exception as error:
        if code_of(error).startswith("python."):
            raise
        log.error("a process of calls cannot serve", code=code_of(error), why=str(error))  # a person can correct it: no traceback
        return 2
    except asyncio.CancelledError:
        log.warning(PARENT_GONE)
        return 2


if __name__ == "__main__":
    sys.exit(main())
