"""`voicebot web`: the API and the chat without calls, beside a `voicebot serve` of this machine or another."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config


def web(config: Config = None) -> None:
    """Serve the API and the chat until stopped. The calls' process is found by the settings state.redis_url and health."""
    with told_plainly():
        asyncio.run(_web(config))


async def _web(config: Path | None) -> None:
    from voicebot.config.loading import load_settings
    from voicebot.errors import ConfigError
    from voicebot.logs import configure_logs
    from voicebot.process import raise_file_limit
    from voicebot.web.service import open_listeners, open_web

    settings = load_settings(config)
    if settings.state.redis_url is None:
        raise ConfigError(
            "voicebot web needs the state server that the calls use: set state.redis_url. "
            "(voicebot serve starts a web process of its own, which needs nothing.)"
        )
    configure_logs(level=settings.log.level, format=settings.log.format)
    raise_file_limit()
    console = Console(stderr=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    listeners = open_listeners(settings)
    console.print("… starting (the first time the classifier is trained)", style="dim")
    async with open_web(settings, listeners=listeners) as service:
        console.print("API   listening on {}:{}; stop with Ctrl-C".format(*service.api))
        if service.chat_address is not None:
            console.print("chat  on {}:{}".format(*service.chat_address))
        await stop.wait()
        console.print(
            f"stopping: no new chats, up to {settings.limits.drain_s:.0f} s for the live ones; then they are put through"
        )
        await service.drain(settings.limits.drain_s)
