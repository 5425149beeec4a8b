"""`voicebot serve`: the service, until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config
from voicebot.errors import ConfigError, code_of
from voicebot.hosts import uri_host
from voicebot.memory import keep_for_good
from voicebot.notify import READY, STOPPING, beat, notify, reloading
from voicebot.process import pid_file
from voicebot.tasks import cancelled

if TYPE_CHECKING:
    from socket import socket

    from voicebot.config.settings import Settings
    from voicebot.console.process import ConsoleProcess
    from voicebot.service import Service
    from voicebot.web.process import WebProcess
    from voicebot.web.service import Listeners
    from voicebot.workers.supervisor import Workers

    Calls = Service | Workers
    """The calls: in this process, or in several below it."""

log = structlog.get_logger(__name__)

WEB_START_S = 60.0


Count = Annotated[
    int | None, typer.Option("--workers", min=1, max=64, help="processes of calls; without it those of the configuration, else 1")
]


def serve(config: Config = None, workers: Count = None) -> None:
    """Answer calls until stopped (Ctrl-C or SIGTERM): then no new calls, and the live ones may finish."""
    from voicebot.files import keep_private

    keep_private()
    with told_plainly():
        try:
            asyncio.run(_serve(config, workers))
        except asyncio.CancelledError:
            print("stopped while it was starting", file=sys.stderr)
            raise typer.Exit(0) from None


async def _serve(config: Path | None, workers: int | None) -> None:
    from voicebot.config.loading import load_settings
    from voicebot.endpoints.sip.ports import check_free
    from voicebot.logs import configure_logs
    from voicebot.process import raise_file_limit
    from voicebot.web.service import open_listeners

    settings = _with_workers(load_settings(config), workers)
    configure_logs(level=settings.log.level, format=settings.log.format)
    raise_file_limit()
    console = Console(stderr=True)
    loop = asyncio.get_running_loop()
    starting = asyncio.current_task()
    _at_the_end(lambda: starting.cancel() if starting is not None else None)
    wanted = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, wanted.set)  # one that comes during the start is answered after it
    async with AsyncExitStack() as stack:
        # a port that is taken is told before anything that takes long
        listeners = open_listeners(settings) if settings.web.enabled else None
        if listeners is not None:
            stack.callback(listeners.close)
        check_free(settings.sip.host, settings.sip.port, settings.sip.transports)
        service = await stack.enter_async_context(_calls(settings, console))
        web = await _web(console, service, listeners, stack) if listeners is not None else None
        operations = _console(console, service, stack) if settings.console.enabled else None
        keep_for_good()
        _announce(console, service, listeners, operations)
        notify(READY)
        stack.enter_context(pid_file(settings.state.data_dir))
        stack.push_async_callback(cancelled, asyncio.create_task(beat(lambda: service.healthy)))
        reloads = _reload_when(wanted, lambda: _with_workers(load_settings(config), workers), service, web, operations)
        await _until_stopped(service, reloads)
        code = 0 if service.healthy else 1
        if code:
            console.print("an endpoint cannot go on: this process must be replaced", style="red")
        await _drain(console, service, web, operations)
    if code:
        raise typer.Exit(code)


def _at_the_end(do: Callable[[], object]) -> None:
    """What Ctrl-C and SIGTERM do from now on."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, do)


def _with_workers(settings: Settings, workers: int | None) -> Settings:
    """What the command line says goes before what the configuration says."""
    return settings if workers is None else settings.model_copy(update={"workers": workers})


def _calls(settings: Settings, console: Console) -> AbstractAsyncContextManager[Calls]:
    """The calls' process or processes, running while the context lasts."""
    from voicebot.service import open_service
    from voicebot.workers.supervisor import open_workers

    def progress(doing: str) -> None:
        console.print(f"… {doing}", style="dim")

    return open_service(settings, progress=progress) if settings.workers == 1 else open_workers(settings, progress=progress)


async def _web(console: Console, service: Calls, listeners: Listeners, stack: AsyncExitStack) -> WebProcess:
    """The web process, started; the calls do not wait for it for long."""
    from voicebot.health.report import Part
    from voicebot.web.process import WebProcess

    web = WebProcess(_web_settings(service.settings, service), listeners)
    service.parts.append(Part("web", web.trouble))
    stack.push_async_callback(web.close)
    web.start()
    console.print("… starting the web process", style="dim")
    if not await web.ready(WEB_START_S):
        console.print("the web process is not up yet: see the log; calls are taken", style="yellow")
    return web


def _console(console: Console, service: Calls, stack: AsyncExitStack) -> ConsoleProcess:
    """The console, started; nobody waits for it, and without its port the calls go on all the same."""
    from voicebot.console.process import ConsoleProcess
    from voicebot.health.report import Part

    operations = ConsoleProcess(_web_settings(service.settings, service))
    service.parts.append(Part("console", operations.trouble))
    stack.push_async_callback(operations.close)
    try:
        operations.bind()
    except ConfigError as error:
        console.print(f"{error} The console comes up when it is free; calls are taken.", style="yellow")
    operations.start()
    return operations


def _web_settings(settings: Settings, service: Calls) -> Settings:
    from voicebot.web.process import child_settings

    return child_settings(settings, state_url=service.state_url, health=service.health, sip=service.addresses)


async def _until_stopped(service: Calls, reloads: Coroutine[Any, Any, None]) -> None:
    """Until a signal to stop, or until an endpoint cannot go on."""
    stop = asyncio.Event()
    _at_the_end(stop.set)
    waiting = {asyncio.create_task(stop.wait()), asyncio.create_task(service.died()), asyncio.create_task(reloads)}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancelled(*waiting)


async def _drain(console: Console, service: Calls, web: WebProcess | None, operations: ConsoleProcess | None) -> None:
    drain_s = service.settings.limits.drain_s
    notify(STOPPING)
    console.print(f"stopping: no new calls, up to {drain_s:.0f} s for the live ones; then they are put through")
    draining = [service.drain(drain_s)]
    if web is not None:
        draining.append(web.drain(drain_s))
    if operations is not None:
        draining.append(operations.drain(0))
    await asyncio.gather(*draining)


async def _reload_when(
    wanted: asyncio.Event,
    load: Callable[[], Settings],
    service: Calls,
    web: WebProcess | None,
    operations: ConsoleProcess | None,
) -> None:
    """Read everything again at each SIGHUP, for ever. Mistakes are logged, and all goes on as it was."""
    while True:
        await wanted.wait()
        wanted.clear()
        reloading()
        try:
            await _reload(load, service, web, operations)
        except Exception as error:
            log.error("nothing was reloaded", code=code_of(error), why=str(error))
        notify(READY)


async def _reload(
    load: Callable[[], Settings], service: Calls, web: WebProcess | None, operations: ConsoleProcess | None
) -> None:
    try:
        settings = await asyncio.to_thread(load)
    except ConfigError as error:
        service.reload_failed(error)
        raise
    await service.reload(settings)
    if web is not None:
        await web.reload(_web_settings(settings, service))
    if operations is not None:
        await operations.reload(_web_settings(settings, service))


def _announce(console: Console, service: Calls, listeners: Listeners | None, operations: ConsoleProcess | None) -> None:
    settings = service.settings
    for host, port in service.addresses:
        console.print(f"SIP   listening on {uri_host(host)}:{port} ({', '.join(settings.sip.transports)})")
    host, port = service.addresses[0]
    console.print(f"      call sip:{settings.sip.user}@{uri_host(host)}:{port}")
    if not (settings.sip.peers or settings.sip.trunks):
        console.print("      nobody may call yet: name the networks of your PBX or softphone in sip.peers", style="yellow")
    if listeners is not None:
        scheme = "https" if settings.web.tls else "http"
        kept = "the configured token" if settings.web.token else f"token in {settings.state.data_dir / 'web-token'}"
        console.print(f"API   listening on {_url(scheme, listeners.api)} ({kept})")
        if settings.web.chat.enabled:
            console.print(f"chat  on {_url(scheme, listeners.chat or listeners.api)}/chat")
    if operations is not None:
        scheme, (host, port) = "https" if settings.console.tls else "http", operations.address
        console.print(
            f"console on {scheme}://{uri_host(host)}:{port} (the first time: voicebot console user add NAME --role admin)"
        )
    health_host, health_port = service.health
    console.print(f"local health and metrics on http://{uri_host(health_host)}:{health_port}/health/ready and /metrics")
    console.print(f"bundle {service.bundle_version}; stop with Ctrl-C")


def _url(scheme: str, listener: socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{uri_host(host)}:{port}"
