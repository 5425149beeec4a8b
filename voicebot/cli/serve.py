"""`voicebot serve`: the service, until it is stopped."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config
from voicebot.tasks import cancelled

if TYPE_CHECKING:
    from voicebot.service import Service


def serve(config: Config = None) -> None:
    """Answer calls until stopped (Ctrl-C or SIGTERM): then no new calls, and the live ones may finish."""
    with told_plainly():
        asyncio.run(_serve(config))


async def _serve(config: Path | None) -> None:
    from voicebot.config.loading import load_settings
    from voicebot.logs import configure_logs
    from voicebot.service import open_service

    settings = load_settings(config)
    configure_logs(level=settings.log.level, format=settings.log.format)
    console = Console(stderr=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_service(settings, progress=lambda doing: console.print(f"… {doing}", style="dim")) as service:
        _announce(console, service)
        waiting = {asyncio.create_task(stop.wait()), asyncio.create_task(service.died())}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await cancelled(*waiting)
        if not service.healthy:
            console.print("an endpoint cannot go on: this process must be replaced", style="red")
        console.print(
            f"stopping: no new calls, up to {settings.limits.drain_s:.0f} s for the live ones; then they are put through"
        )
        code = 0 if service.healthy else 1
        await service.drain(settings.limits.drain_s)
    if code:
        raise typer.Exit(code)


def _announce(console: Console, service: Service) -> None:
    (host, port), settings = service.sip.address, service.settings
    console.print(f"SIP   listening on {host}:{port} ({', '.join(settings.sip.transports)})")
    console.print(f"      call sip:{settings.sip.user}@{host}:{port}")
    if not settings.sip.peers:
        console.print("      nobody may call yet: name the networks of your PBX or softphone in sip.peers", style="yellow")
    if service.http is not None:
        kept = "the configured token" if settings.web.token else f"token in {settings.state.data_dir / 'web-token'}"
        console.print(f"HTTP  listening on http://{service.http[0]}:{service.http[1]} ({kept})")
    console.print(f"bundle {service.bundle.version}; stop with Ctrl-C")
