"""Several processes of calls under one parent, which has their state server, one page of health and one of metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import httpx
import structlog

from voicebot.children.child import SILENT_S
from voicebot.config.settings import Settings
from voicebot.endpoints.sip.ports import check_free
from voicebot.endpoints.sip.tracing.gathered import gathered_routes
from voicebot.errors import StateError
from voicebot.health.asked import lacking, told_health, told_metrics, told_running
from voicebot.health.report import Part, Trouble
from voicebot.health.routes import health_app
from voicebot.http.server import listen, serve
from voicebot.metrics.merge import merged
from voicebot.metrics.registry import Metrics
from voicebot.reloading import ReloadError, needs_restart, prepare
from voicebot.service import LOCAL_LIMITS, LOCAL_MOST_PER_S, Progress, ServiceState
from voicebot.shared_services import count_parts
from voicebot.state.embedded import EmbeddedValkey
from voicebot.tasks import cancelled
from voicebot.workers.plan import worker_settings
from voicebot.workers.process import PROGRAM, Addresses, CallsProcess

log = structlog.get_logger(__name__)

PARENT = "parent"
"""The name of this process in the metrics."""
_START_S = 600.0
"""A first start trains the models and has every prompt spoken."""
_RELOAD_S = 300.0
_ASK_S = 1.0


@dataclass(slots=True)
class Workers:
    """The processes of calls, running."""

    settings: Settings
    state_url: str
    processes: Sequence[CallsProcess]
    health: tuple[str, int]
    """The local socket for health and metrics of all of them."""
    state: ServiceState
    parts: list[Part]
    """What health looks at; whoever starts something beside the calls adds it."""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where each listens for SIP, or will again; those of workers that have never served are left out."""
        return [each.sip for each in self.processes if each.sip is not None]

    @property
    def bundle_version(self) -> str:
        """In force for calls that begin now."""
        return next((each.addresses.bundle for each in self.processes if each.addresses is not None), "")

    @property
    def healthy(self) -> bool:
        """Whether calls can come in anywhere."""
        return any(each.trouble() is None for each in self.processes)

    async def died(self) -> None:
        """Never: a worker that ends is started again."""
        await asyncio.Event().wait()

    async def reload(self, settings: Settings) -> None:
        """Calls that begin from now on go by these settings, in every process. Raises ReloadError when one cannot take them."""
        try:
            await prepare(settings)
            wanted = worker_settings(settings.model_copy(update={"workers": len(self.processes)}), self.state_url)
            problems = await asyncio.gather(
                *(each.reload(its, _RELOAD_S) for each, its in zip(self.processes, wanted, strict=True))
            )
            if told := "; ".join(dict.fromkeys(each for each in problems if each)):
                raise ReloadError(told)
        except Exception as error:
            self.reload_failed(error)
            raise
        self.state.problem = ""
        self.state.attempts += 1
        self.state.reloads += 1
        self.state.needs_restart = needs_restart(self.settings, settings)

    def reload_failed(self, error: Exception) -> None:
        """Nothing has changed, and health says why."""
        self.state.problem = str(error)
        self.state.attempts += 1

    async def drain(self, seconds: float) -> None:
        """Stop them all, together: no new calls; those under way may end, for so long at most, and are put through then."""
        await asyncio.gather(*(each.drain(seconds) for each in self.processes))


@asynccontextmanager
async def open_workers(
    settings: Settings,
    *,
    progress: Progress = lambda _: None,
    program: Sequence[str] = PROGRAM,
    silent_s: float = SILENT_S,
) -> AsyncIterator[Workers]:
    """`settings.workers` processes of calls while the context lasts. The first one trains and speaks what is new, the others find
    it done. One that gives no sign of life for `silent_s` is replaced. Raises ConfigError, EndpointError, StateError: what cannot
    be started without a person.
    """
    async with AsyncExitStack() as stack:
        health = listen(settings.health.host, settings.health.port, setting="health")
        stack.callback(health.close)
        state_url = await _state_url(settings, stack)
        planned = worker_settings(settings, state_url)
        for its in planned:
            check_free(its.sip.host, its.sip.port, its.sip.transports)
        processes = [
            CallsProcess(f"calls-{number}", its, program=program, silent_s=silent_s) for number, its in enumerate(planned, 1)
        ]
        for each in processes:
            stack.push_async_callback(each.close)
        progress("starting the first worker")
        await _started(processes[:1])
        progress(f"starting {len(processes) - 1} more")
        await _started(processes[1:])
        asking = httpx.AsyncClient(timeout=_ASK_S, trust_env=False)
        stack.push_async_callback(asking.aclose)
        parts = _parts(processes, asking)
        metrics, state = Metrics(), ServiceState()
        look = count_parts(metrics, parts)

        async def figures() -> str:
            texts = await asyncio.gather(look(), *(_metrics(each, asking) for each in processes))
            told = {each.name: text for each, text in zip(processes, texts[1:], strict=True) if text}
            return merged({PARENT: metrics.render(), **told})

        running = Workers(settings, state_url, processes, (settings.health.host, 0), state, parts)
        traces = gathered_routes(asking, lambda: [_url(each.addresses) for each in processes if each.addresses is not None])

        async def with_what() -> dict[str, Any]:
            return {"bundle": running.bundle_version, **await _running_with(processes, asking), **asdict(state)}

        app = health_app(parts, figures, with_what, traces)
        local = await serve(app, health, limits=LOCAL_LIMITS, most_per_s=LOCAL_MOST_PER_S)
        stack.push_async_callback(local.close)
        running.health = (settings.health.host, local.port)
        yield running


async def _state_url(settings: Settings, stack: AsyncExitStack) -> str:
    """The configured state server, or an embedded one that the workers share."""
    if settings.state.redis_url is not None:
        return settings.state.redis_url.get_secret_value()
    server = EmbeddedValkey(settings.state.data_dir / "state")
    await asyncio.to_thread(server.start)
    stack.push_async_callback(asyncio.to_thread, server.stop)
    return server.url


async def _started(processes: Sequence[CallsProcess]) -> None:
    """All of them, serving. Raises StateError when one ends before that: its log says why."""
    for each in processes:
        each.start()
    for each in processes:
        waiting = asyncio.create_task(each.ready(_START_S))
        failing = asyncio.create_task(each.failed.wait())
        try:
            await asyncio.wait({waiting, failing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancelled(waiting, failing)
        if each.trouble() is not None:
            raise StateError(f"the process {each.name} could not start; the log says why")


def _parts(processes: Sequence[CallsProcess], asking: httpx.AsyncClient) -> list[Part]:
    """Calls need one worker; each that is away is told of."""

    async def any_ready() -> Trouble:
        found = await asyncio.gather(*(_told_by(each, asking) for each in processes))
        return None if any(told.get("ready") for told in found) else "no process takes calls"

    async def one_release() -> Trouble:
        found = (await _running_with(processes, asking)).get("releases", {})
        return "they differ: " + ", ".join(f"{name} {its[:12] or 'none'}" for name, its in found.items()) if found else None

    each_alone = [Part(each.name, partial(_trouble, each, asking)) for each in processes]
    return [Part("calls", any_ready, needed=True), *each_alone, Part("release", one_release)]


async def _running_with(processes: Sequence[CallsProcess], asking: httpx.AsyncClient) -> dict[str, Any]:
    """The bundle and the release in force ("": none, the configuration), as the first worker that answers tells them. Where
    workers differ, `releases` has each one's by its name.
    """
    there = {each.name: _url(each.addresses) for each in processes if each.addresses is not None}
    answers = await asyncio.gather(*(told_running(asking, url) for url in there.values()))
    told = {name: answer for name, answer in zip(there, answers, strict=True) if "release" in answer}
    if not told:
        return {}
    first = next(iter(told.values()))
    releases = {name: str(answer["release"]) for name, answer in told.items()}
    differing = {"releases": releases} if len(set(releases.values())) > 1 else {}
    return {"bundle": first["bundle"], "release": first["release"], **differing}


async def _trouble(process: CallsProcess, asking: httpx.AsyncClient) -> Trouble:
    """What a worker lacks, part by part."""
    if (trouble := process.trouble()) is not None:
        return trouble
    told = await _told_by(process, asking)
    return lacking(told) or (None if told.get("ready") else "does not answer")


async def _told_by(process: CallsProcess, asking: httpx.AsyncClient) -> dict[str, Any]:
    """How a worker is; nothing while it does not answer."""
    if process.addresses is None or process.trouble() is not None:
        return {}
    return await told_health(asking, _url(process.addresses))


async def _metrics(process: CallsProcess, asking: httpx.AsyncClient) -> str:
    return await told_metrics(asking, _url(process.addresses)) if process.addresses is not None else ""


def _url(addresses: Addresses) -> str:
    host, port = addresses.health
    return f"http://{host}:{port}"
