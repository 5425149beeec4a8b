"""`voicebot serve`: the service, until it is stopped."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly

if TYPE_CHECKING:
    from voicebot.service import Service


def serve(config: Annotated[Path | None, typer.Option(help="YAML file; see examples/voicebot.yml")] = None) -> None:
    """Answer calls until stopped (Ctrl-C or SIGTERM): then no new calls, and the live ones may finish."""
    with told_plainly():
        asyncio.run(_serve(config))


async def _serve(config: Path | None) -> None:
    from voicebot.config.settings import load_settings
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
        waiting = {asyncio.create_task(stop.wait()), asyncio.create_task(service.endpoint.died.wait())}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if service.endpoint.died.is_set():
            console.print("the SIP stack died; this process must be replaced", style="red")
            raise typer.Exit(1)
        console.print(f"stopping: no new calls, up to {settings.limits.drain_s:.0f} s for the live ones")
        await service.drain(settings.limits.drain_s)


def _announce(console: Console, service: Service) -> None:
    (host, port), settings = service.sip, service.settings
    console.print(f"SIP   listening on {host}:{port} ({', '.join(settings.sip.transports)})")
    console.print(f"      call sip:{settings.sip.user}@{host}:{port}")
    if not settings.sip.peers:
        console.print("      nobody may call yet: name the networks of your PBX or softphone in sip.peers", style="yellow")
    if service.http is not None:
        kept = "the configured token" if settings.web.token else f"token in {settings.state.data_dir / 'web-token'}"
        console.print(f"HTTP  listening on http://{service.http[0]}:{service.http[1]} ({kept})")
    console.print(f"bundle {service.bundle.version}; stop with Ctrl-C")
