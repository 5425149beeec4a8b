"""The child's side of `HttpChild`: serve on the parent's sockets until told to stop, or until the parent is gone."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Protocol

import structlog

from voicebot.children.child import READY
from voicebot.children.orders import PARENT_GONE, Orders, beat, first_line, order_lines, say, starting
from voicebot.config.settings import Settings
from voicebot.errors import code_of
from voicebot.logs import configure_logs
from voicebot.memory import keep_for_good
from voicebot.process import give_way, raise_file_limit
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)


class Served(Protocol):
    """What such a child runs."""

    async def reload(self, settings: Settings) -> None:
        """Let what begins from now on go by these settings."""
        ...

    async def drain(self, seconds: float) -> None:
        """Let what is under way end, for so long at most."""
        ...


Opens = Callable[[Settings, Mapping[str, socket.socket]], AbstractAsyncContextManager[Served]]


def main(name: str, opens: Opens) -> int:
    """Run it; the exit code of the process. `name` is for the log."""
    try:
        numbers = json.loads(first_line())
        asyncio.run(_run(name, opens, numbers, Settings.model_validate_json(first_line())))
    except Exception as error:
        if code_of(error).startswith("python."):
            raise
        # no traceback: a person can correct it
        log.error("a process of ours cannot serve", worker=name, code=code_of(error), why=str(error))
        return 2
    except asyncio.CancelledError:
        log.warning(PARENT_GONE, worker=name)
        return 2
    return 0


async def _run(name: str, opens: Opens, numbers: Mapping[str, int], settings: Settings) -> None:
    configure_logs(level=settings.log.level, format=settings.log.format)
    raise_file_limit()
    give_way()  # the calls cannot wait for a processor: a frame is due every 20 ms
    sockets = {each: socket.socket(fileno=number) for each, number in numbers.items()}
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    orders = await order_lines()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(cancelled, asyncio.create_task(beat()))
        async with starting(orders):
            served = await stack.enter_async_context(opens(settings, sockets))
        keep_for_good()
        say(READY)
        reading = asyncio.create_task(_read_orders(name, orders, served, stop))
        await stop.wait()
        await cancelled(reading)
        await served.drain(settings.limits.drain_s)


async def _read_orders(name: str, orders: Orders, served: Served, stop: asyncio.Event) -> None:
    """Each further line is a reload with its settings; the end means that the parent is gone."""
    while line := await orders.readline():
        try:
            await served.reload(Settings.model_validate_json(line))
        except Exception:
            log.exception("a process of ours could not reload and goes on with what it had", worker=name, code=f"{name}.reload")
    log.warning(PARENT_GONE, worker=name)
    stop.set()
