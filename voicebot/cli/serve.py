"""`voicebot serve`: the service, until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config
from voicebot.errors import ConfigError, code_of
from voicebot.notify import READY, STOPPING, beat, notify, reloading
from voicebot.process import pid_file
from voicebot.tasks import cancelled

if TYPE_CHECKING:
    from socket import socket

    from voicebot.service import Service
    from voicebot.web.process import WebProcess
    from voicebot.web.service import Listeners

log = structlog.get_logger(__name__)

WEB_START_S = 60.0
LAST_WORDS_S = 20.0


def serve(config: Config = None) -> None:
    """Answer calls until stopped (Ctrl-C or SIGTERM): then no new calls, and the live ones may finish."""
    from voicebot.files import keep_private

    keep_private()
    with told_plainly():
        try:
            asyncio.run(_serve(config))
        except asyncio.CancelledError:
            print("stopped before it took calls", file=sys.stderr)
            raise typer.Exit(0) from None


async def _serve(config: Path | None) -> None:
    from voicebot.config.loading import load_settings
    from voicebot.endpoints.sip.ports import check_free
    from voicebot.health.report import Part
    from voicebot.logs import configure_logs
    from voicebot.process import raise_file_limit
    from voicebot.service import open_service
    from voicebot.web.process import WebProcess, child_settings
    from voicebot.web.service import open_listeners

    settings = load_settings(config)
    configure_logs(level=settings.log.level, format=settings.log.format)
    raise_file_limit()
    console = Console(stderr=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    starting = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: starting.cancel() if starting is not None else None)
    wanted = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, wanted.set)  # one that comes during the start is answered after it
    async with AsyncExitStack() as stack:
        # a port that is taken is told before anything that takes long
        listeners = open_listeners(settings) if settings.web.enabled else None
        if listeners is not None:
            stack.callback(listeners.close)
        check_free(settings.sip.host, settings.sip.port, settings.sip.transports)
        service = await stack.enter_async_context(
            open_service(settings, progress=lambda doing: console.print(f"… {doing}", style="dim"))
        )
        web = None
        if listeners is not None:
            web = WebProcess(child_settings(settings, state_url=service.stores.url, health=service.health), listeners)
            service.parts.append(Part("web", web.trouble))
            stack.push_async_callback(web.close)
            web.start()
            console.print("… starting the web process", style="dim")
            if not await web.ready(WEB_START_S):
                console.print("the web process is not up yet: see the log; calls are taken", style="yellow")
        _announce(console, service, listeners)
        notify(READY)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        stack.enter_context(pid_file(settings.state.data_dir))
        waiting = {
            asyncio.create_task(stop.wait()),
            asyncio.create_task(service.died()),
            asyncio.create_task(_reload_when(wanted, config, service, web)),
        }
        beating = asyncio.create_task(beat(lambda: service.healthy))
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await cancelled(*waiting)
        notify(STOPPING)
        if not service.healthy:
            console.print("an endpoint cannot go on: this process must be replaced", style="red")
        console.print(
            f"stopping: no new calls, up to {settings.limits.drain_s:.0f} s for the live ones; then they are put through"
        )
        code = 0 if service.healthy else 1
        draining = [service.drain(settings.limits.drain_s)]
        if web is not None:
            draining.append(web.drain(settings.limits.drain_s + LAST_WORDS_S))
        await asyncio.gather(*draining)
        await cancelled(beating)
    if code:
        raise typer.Exit(code)


async def _reload_when(wanted: asyncio.Event, config: Path | None, service: Service, web: WebProcess | None) -> None:
    """Read everything again at each SIGHUP, for ever. Mistakes are logged, and all goes on as it was."""
    while True:
        await wanted.wait()
        wanted.clear()
        reloading()
        try:
            await _reload(config, service, web)
        except Exception as error:
            log.error("nothing was reloaded", code=code_of(error), why=str(error))
        notify(READY)


async def _reload(config: Path | None, service: Service, web: WebProcess | None) -> None:
    from voicebot.config.loading import load_settings

    try:
        settings = await asyncio.to_thread(load_settings, config)
    except ConfigError as error:
        service.reload_failed(error)
        raise
    await service.reload(settings)
    if web is not None:
        await web.reload(settings)


def _announce(console: Console, service: Service, listeners: Listeners | None) -> None:
    (host, port), settings = service.sip.address, service.settings
    console.print(f"SIP   listening on {host}:{port} ({', '.join(settings.sip.transports)})")
    console.print(f"      call sip:{settings.sip.user}@{host}:{port}")
    if not settings.sip.peers:
        console.print("      nobody may call yet: name the networks of your PBX or softphone in sip.peers", style="yellow")
    if listeners is not None:
        scheme = "https" if settings.web.tls else "http"
        kept = "the configured token" if settings.web.token else f"token in {settings.state.data_dir / 'web-token'}"
        console.print(f"API   listening on {_url(scheme, listeners.api)} ({kept})")
        if settings.web.chat.enabled:
            console.print(f"chat  on {_url(scheme, listeners.chat or listeners.api)}/chat")
    console.print(f"local health and metrics on http://{service.health[0]}:{service.health[1]}/health/ready and /metrics")
    console.print(f"bundle {service.bundle.version}; stop with Ctrl-C")


def _url(scheme: str, listener: socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
