"""The calls' process, built from its settings: its parts are opened here in order, and closed in reverse order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypedDict

import structlog

from audio.music import Music
from audio.vad import VoiceActivity, feed_together, shared_session
from caller_id.directory import CustomerDirectory
from caller_id.sqlite_directory import SqliteDirectory
from dialogs.data.bundle import Bundle, load_bundle
from voicebot.calls.bridging import Bridging
from voicebot.calls.editions import CallEditions
from voicebot.calls.load import LoadLevel, LoadMeter, LoadSampler
from voicebot.calls.lost import LostCalls
from voicebot.calls.server import CallServer, CallServices
from voicebot.calls.tying import TypedCodes, by_header
from voicebot.config.identity import May
from voicebot.config.settings import Settings
from voicebot.conversation.limits import LAST_WORDS_S
from voicebot.conversation.session import SessionServices, utc_now
from voicebot.endpoints.asterisk.opening import open_asterisk, watch_queues
from voicebot.endpoints.carriers.endpoint import CarriersEndpoint
from voicebot.endpoints.endpoint import Endpoint
from voicebot.endpoints.leg import Leg, TransferTarget
from voicebot.endpoints.sip.endpoint import SipEndpoint
from voicebot.endpoints.sip.tracing.hep import hep_sender
from voicebot.endpoints.sip.tracing.ring import Traces
from voicebot.endpoints.sip.tracing.routes import trace_routes
from voicebot.endpoints.sip.tracing.wire import WireTap
from voicebot.endpoints.sip.trunk_health import count_trunks, trunk_trouble
from voicebot.endpoints.web_call.endpoint import WebCallEndpoint
from voicebot.endpoints.web_call.session import AppSessions, shown_under
from voicebot.engines import Engines, open_engines
from voicebot.errors import code_of
from voicebot.handoff.callback_service import CallbackService
from voicebot.health.recognition import RecognitionHealth
from voicebot.health.report import Part
from voicebot.health.routes import health_app
from voicebot.http.server import listen, serve
from voicebot.http.settings import HttpLimits
from voicebot.identity.barred import BarredNumbers
from voicebot.identity.crm import CrmDirectory
from voicebot.identity.customers import customer_directory
from voicebot.identity.marks import CallerMarks
from voicebot.identity.opening import Identity
from voicebot.metrics.process import read_disk
from voicebot.metrics.registry import Metrics
from voicebot.pipeline.media_tick import MediaTick
from voicebot.records.engine import open_engine
from voicebot.records.journal import JournalSink
from voicebot.releases.following import ReleaseFollower, open_releases
from voicebot.releases.placing import under_release
from voicebot.releases.shadowing import ShadowFollower
from voicebot.reloading import needs_restart
from voicebot.shared_services import SharedServices, count_parts, open_shared, store_parts
from voicebot.state.relay import tell
from voicebot.stores import Stores
from voicebot.switches.board import SwitchBoard, agreeing

log = structlog.get_logger(__name__)

Progress = Callable[[str], None]

LOCAL_LIMITS = HttpLimits(max_connections=16, max_per_address=16, header_s=2, body_s=2, answer_s=5, keep_alive_s=5)
"""Of the local socket: whoever watches needs few connections, and the calls need the file handles."""
LOCAL_MOST_PER_S = 200.0
"""Connections, with one request each: a flood from this machine must not take the calls' processor."""


@dataclass(slots=True)
class ServiceState:
    """What became of reloading, as /health/running tells it beside the version of the bundle."""

    attempts: int = 0
    """To reload, that are over, since the start."""
    reloads: int = 0
    """Those that succeeded."""
    problem: str = ""
    """Why the latest reload changed nothing."""
    needs_restart: list[str] = field(default_factory=list)
    """Settings that were changed and are not in force yet."""


@dataclass(slots=True)
class Service:
    """The running service."""

    settings: Settings
    stores: Stores
    editions: CallEditions
    follower: ReleaseFollower
    calls: CallServer
    endpoints: tuple[Endpoint, ...]
    sip: SipEndpoint
    callbacks: CallbackService
    health: tuple[str, int]
    """The local socket for health and metrics."""
    state: ServiceState
    prompts_ready: asyncio.Event
    """Set when every prompt has been made."""
    parts: list[Part]
    """What health looks at; whoever starts something beside the calls adds it."""

    @property
    def call_services(self) -> CallServices:
        """What calls that begin now share."""
        return self.editions.services

    @property
    def bundle(self) -> Bundle:
        """In force for calls that begin now."""
        return self.callbacks.bundle

    @property
    def bundle_version(self) -> str:
        """Of that bundle."""
        return self.bundle.version

    @property
    def state_url(self) -> str:
        """The state server's."""
        return self.stores.url

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens for SIP."""
        return [self.sip.address]

    @property
    def healthy(self) -> bool:
        """Whether calls can come in."""
        return all(endpoint.healthy for endpoint in self.endpoints)

    async def died(self) -> None:
        """Wait until an endpoint died: the process must be replaced."""
        waiting = [asyncio.create_task(endpoint.died.wait()) for endpoint in self.endpoints]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def reload(self, settings: Settings) -> None:
        """Calls that begin from now on go by these settings, as far as `RELOADABLE` names them; calls under way keep theirs.
        Raises ReloadError, and then nothing has changed.
        """
        try:
            await self._reload(settings)
        except Exception as error:
            self.reload_failed(error)
            raise
        self.state.problem = ""
        self.state.attempts += 1
        self.state.reloads += 1
        self.state.needs_restart = needs_restart(self.settings, settings)
        log.info("reloaded", bundle=self.bundle.version, needs_restart=", ".join(self.state.needs_restart))

    def reload_failed(self, error: Exception) -> None:
        """Nothing has changed, and health says why."""
        self.state.problem = str(error)
        self.state.attempts += 1

    async def _reload(self, settings: Settings) -> None:
        applied = self.follower.applied(settings)
        await self.editions.reload(lambda release: under_release(settings, release), _recording(applied))
        self.sip.let_in(settings.sip_settings())

    async def drain(self, seconds: float) -> None:
        """Take no new calls, and let those under way end, for so long at most. Callers who are left then are told and handed to
        the default queue; hand-offs under way are awaited. Those who are with an agent through us have a little longer.
        """
        self.call_services.admission.drain()
        await _each(*(endpoint.drain(seconds) for endpoint in self.endpoints))
        await self.calls.put_all_through(_putting_through_s(self.settings))
        await self.calls.end_bridged(self.settings.handoff.drain_bridged_s)


def longest_drain_s(settings: Settings) -> float:
    """Seconds that `Service.drain` may take beyond those it is given."""
    return _putting_through_s(settings) + settings.handoff.drain_bridged_s


def _putting_through_s(settings: Settings) -> float:
    """The longest that it may take to tell whoever is left, and to hand them over."""
    handoff, sip = settings.handoff, settings.sip
    ring_s = handoff.ring_s if settings.bridges else 0.0
    return LAST_WORDS_S + handoff.transfer_timeout_s + sip.transfer_settle_s + ring_s


async def _each(*parts: Awaitable[object]) -> None:
    """All of them, together. One that fails is logged: it must not cost the callers of the others."""
    for result in await asyncio.gather(*parts, return_exceptions=True):
        if isinstance(result, Exception):
            log.error("a part of the service could not be stopped in order", code=code_of(result), exc_info=result)


@asynccontextmanager
async def open_service(
    settings: Settings,
    *,
    sinks: Sequence[JournalSink] = (),
    progress: Progress = lambda _: None,
    clock: Callable[[], datetime] = utc_now,
    engines: Engines | None = None,
    process: str = "calls",
) -> AsyncIterator[Service]:
    """Everything running while the context lasts. `progress` is told what is being done, in a few words; `clock` is the time of
    day that opening hours go by; `engines` replaces what the settings ask for (understanding, recognisers, voices); `process`
    tells this process from others of the same `data_dir`.

    Raises ConfigError, BundleError, PackError, StateError, EndpointError: what cannot be started without a person. A recogniser
    that cannot be loaded is logged, and the calls go on with keys.
    """
    async with AsyncExitStack() as stack:
        progress("reading the bundle")
        configured = settings
        releases, release, settings = await open_releases(configured, stack)
        bundle = load_bundle(settings.bundle)
        health = listen(settings.health.host, settings.health.port, setting="health")
        stack.callback(health.close)
        progress("starting shared state and records")
        shared = await open_shared(settings, bundle, stack, process=process, clock=clock)
        stores, metrics, callbacks = shared.stores, shared.metrics, shared.callbacks
        switches = open_engine(settings.database_url)
        stack.callback(switches.dispose)
        await stack.enter_async_context(agreeing(SwitchBoard(switches, stores.conditions), clock))
        asked_for = [language for language, each in settings.recognisers.items() if each.engine != "none" and engines is None]
        engines = engines or await open_engines(settings, bundle, stack, clock=clock, progress=progress)
        traces = Traces(settings.sip.trace)
        load = LoadMeter(settings.limits.load)
        shadow = shared.shadow(loaded=lambda: load.level is not LoadLevel.NORMAL)
        hearing = RecognitionHealth(asked_for, engines.recognisers)
        session = replace(
            shared.session(engines.understanding, (*sinks, traces.noted)),
            release=release,
            shadow=shadow.offer,
            recognised=hearing.note,
        )
        call_services = replace(_call_services(settings, session, engines, stores, shared.identity), load=load)
        calls = CallServer(call_services)
        progress("opening the line")
        directory = _directory(settings, stack)
        sip = _sip(settings, calls, directory)
        sip.taps = (await _wire_tap(settings, traces, metrics, stack),)
        sip.let_dial(_queues(bundle))
        call_services = replace(call_services, bridging=_bridging(settings, sip, clock))
        calls.use(call_services)
        editions = CallEditions(
            calls, callbacks, call_services, lambda bundles: sip.let_dial([each for one in bundles for each in _queues(one)])
        )
        follower = ReleaseFollower(
            process,
            configured,
            releases,
            stores.shared,
            editions,
            began_with=release,
            clock=clock,
            shadow=ShadowFollower(releases, stores.shared, shadow, metrics, clock),
        )
        lost = LostCalls(stores.live, stores.records, metrics)
        lost.start()
        stack.push_async_callback(lost.close)
        metrics.read_from("voicebot_bridged_calls", lambda: calls.bridged)
        asterisk = await open_asterisk(
            settings.asterisk,
            calls.serve,
            stack,
            max_calls=settings.limits.max_calls,
            max_call_s=settings.limits.max_call_s + 60,  # the driver ends a call before the endpoint does
            directory=directory,
            shared=stores.shared,
        )
        endpoints: tuple[Endpoint, ...] = (
            sip,
            *_web_calls(settings, calls, sip, stores),
            *asterisk,
            *_carriers(settings, calls, directory),
        )
        for endpoint in endpoints:
            await endpoint.start()
            stack.push_async_callback(endpoint.close)
        await _measure_load(load, metrics, stack)
        sip.overloaded = lambda: load.level is LoadLevel.REFUSE
        _count_endpoints(metrics, stores, endpoints)
        count_trunks(metrics, sip)
        read_disk(metrics, settings.state.data_dir)
        parts = _parts(stores, engines, endpoints, shared.identity)
        parts.append(Part("recogniser", lambda: hearing.trouble))
        parts.append(Part("sip stack", lambda: sip.unknown_stack or None))
        parts.append(Part("trunks", lambda: trunk_trouble(sip.links)))
        parts += _asterisk_queues(settings, shared, metrics, clock, stack)
        parts.append(Part("load", lambda: None if load.level is LoadLevel.NORMAL else f"too high: {load.level.name.lower()}"))
        if isinstance(directory, CrmDirectory):
            parts.append(Part("crm", lambda: None if directory.available else "does not answer: calls go on without hints"))
        look = count_parts(metrics, parts)

        async def figures() -> str:
            await asyncio.gather(callbacks.count(), look())
            return metrics.render()

        parts.append(Part("release", lambda: follower.trouble or None))
        await follower.start()
        stack.push_async_callback(follower.close)
        state = ServiceState()

        def running() -> dict[str, object]:
            prompts = engines.prompts_ready.is_set()
            return {"bundle": callbacks.bundle.version, "release": follower.live, "prompts_ready": prompts, **asdict(state)}

        app = health_app(parts, figures, running, trace_routes(traces))
        local = await serve(app, health, limits=LOCAL_LIMITS, most_per_s=LOCAL_MOST_PER_S)
        stack.push_async_callback(local.close)
        address = (settings.health.host, local.port)
        yield Service(
            configured, stores, editions, follower, calls, endpoints, sip, callbacks, address, state, engines.prompts_ready, parts
        )


class _Recording(TypedDict):
    recording_dir: Callable[[str], Path | None]
    record_bridged: bool


def _recording(settings: Settings) -> _Recording:
    folder = settings.recordings_dir
    return _Recording(
        recording_dir=lambda line: folder if settings.recording.records(line) else None, record_bridged=settings.recording.bridged
    )


def _queues(bundle: Bundle) -> list[TransferTarget]:
    """Whom calls may be put through to."""
    return [TransferTarget(name, queue.target) for name, queue in bundle.queues.items()]


def _bridging(settings: Settings, sip: SipEndpoint, clock: Callable[[], datetime]) -> Bridging:
    async def dial(target: TransferTarget, headers: Mapping[str, str], ring_s: float, sample_rate: int) -> Leg:
        return await sip.dial(sip.settings.queue_uri(target), headers, ring_s, sample_rate=sample_rate)

    return Bridging(dial, settings.handoff, Music(settings.handoff.music), clock)


def _call_services(
    settings: Settings, session: SessionServices, engines: Engines, stores: Stores, identity: Identity
) -> CallServices:
    return CallServices(
        session=session,
        speaker=engines.speaker,
        recognisers=engines.recognisers,
        media=MediaTick(lambda rate: VoiceActivity(shared_session(), rate), feed_together),
        admission=stores.admission,
        mark=_marks(settings, stores, session.metrics).mark,
        **_recording(settings),
        max_call_s=settings.limits.max_call_s,
        max_say_s=settings.limits.max_say_s,
        max_hold_s=settings.limits.max_hold_s,
        still_s=settings.handoff.still_s,
        tie=by_header(identity.tickets, identity.audit),
        codes=_codes(identity),
        tell_app=lambda call, text: tell(stores.shared, shown_under(call), text),
    )


def _codes(identity: Identity) -> TypedCodes | None:
    """None where the bank has nobody who may ask for tickets: each key counts at once then."""
    tickets = identity.settings.tickets
    if not any(May.TICKETS in client.may for client in identity.settings.clients):
        return None
    return TypedCodes(identity.tickets, identity.audit, tickets.code_digits, tickets.code_tries)


def _directory(settings: Settings, stack: AsyncExitStack) -> SqliteDirectory | CrmDirectory:
    """The customers: those of the bank's CRM where it has one, else the imported ones."""
    if settings.customers.crm is not None:
        crm = CrmDirectory(settings.customers.crm)
        stack.push_async_callback(crm.close)
        return crm
    directory = customer_directory(settings)
    stack.callback(directory.close)
    return directory


def _marks(settings: Settings, stores: Stores, metrics: Metrics) -> CallerMarks:
    barred = settings.callers.barred
    return CallerMarks(metrics, barred=BarredNumbers(barred) if barred is not None else None, rates=stores.rates)


def _sip(settings: Settings, calls: CallServer, directory: CustomerDirectory) -> SipEndpoint:
    return SipEndpoint(settings.sip_settings(), calls.serve, directory=directory)


async def _wire_tap(settings: Settings, traces: Traces, metrics: Metrics, stack: AsyncExitStack) -> WireTap:
    """Every SIP message goes to the trace, and to Homer where there is one."""
    if settings.sip.hep is None:
        return WireTap(traces.wire)
    homer = await stack.enter_async_context(hep_sender(settings.sip.hep))
    metrics.read_from("voicebot_hep_lost_total", lambda: homer.lost)
    return WireTap(traces.wire, homer.wire)


def _web_calls(settings: Settings, calls: CallServer, sip: SipEndpoint, stores: Stores) -> tuple[WebCallEndpoint, ...]:
    """The app's calls, in the SIP endpoint's stack; none where they are not wanted."""
    wanted = settings.identity.web_calls
    return (WebCallEndpoint(wanted, sip, AppSessions(stores.shared), calls.serve),) if wanted.enabled else ()


def _asterisk_queues(
    settings: Settings, shared: SharedServices, metrics: Metrics, clock: Callable[[], datetime], stack: AsyncExitStack
) -> list[Part]:
    """What app_queue tells of waiting times goes where the bank's own reports go."""
    watch = watch_queues(
        settings.asterisk,
        lambda: [(name, queue.target) for name, queue in shared.callbacks.bundle.queues.items()],
        lambda queue, seconds: shared.stores.conditions.set_wait(queue, seconds, clock()),
        stack,
    )
    if watch is None:
        return []
    metrics.read_from("voicebot_asterisk_queue_callers", lambda: {name: each.callers for name, each in watch.figures.items()})
    metrics.read_from("voicebot_asterisk_queue_free_agents", lambda: {name: each.free for name, each in watch.figures.items()})
    return [Part("asterisk queues", lambda: None if watch.available else "no waiting times from Asterisk")]


def _carriers(settings: Settings, calls: CallServer, directory: CustomerDirectory) -> tuple[CarriersEndpoint, ...]:
    """Calls by carriers' WebSockets; none where no carrier is named."""
    wanted, limits = settings.carriers, settings.limits
    endpoint = CarriersEndpoint(
        wanted, calls.serve, max_calls=limits.max_calls, max_call_s=limits.max_call_s + 60, directory=directory
    )
    return (endpoint,) if wanted.used else ()


async def _measure_load(load: LoadMeter, metrics: Metrics, stack: AsyncExitStack) -> None:
    sampler = LoadSampler(load)
    await sampler.start()
    stack.push_async_callback(sampler.close)
    metrics.read_from("voicebot_load_level", lambda: float(load.level))
    metrics.read_from("voicebot_event_loop_lag_seconds", lambda: load.lag_s)


def _count_endpoints(metrics: Metrics, stores: Stores, endpoints: Sequence[Endpoint]) -> None:
    metrics.read_from("voicebot_live_calls", lambda: stores.admission.taken)
    metrics.read_from("voicebot_endpoint_refused_total", lambda: {each.name: each.counts.refused for each in endpoints})
    metrics.read_from("voicebot_endpoint_malformed_total", lambda: {each.name: each.counts.malformed for each in endpoints})
    metrics.read_from("voicebot_endpoint_live_calls", lambda: {each.name: each.counts.live for each in endpoints})
    metrics.read_from("voicebot_strangers_turned_away_total", lambda: {each.name: each.counts.turned_away for each in endpoints})
    metrics.read_from(
        "voicebot_media_turned_away_total", lambda: {each.name: each.counts.media_turned_away for each in endpoints}
    )


def _parts(stores: Stores, engines: Engines, endpoints: Sequence[Endpoint], identity: Identity) -> list[Part]:
    """What health looks at. Calls need a way in and a place; all else they can do without for a while."""
    parts = [
        Part(each.name, lambda each=each: None if each.healthy else "cannot take calls", needed=True)  # type: ignore[misc]
        for each in endpoints
    ]
    parts.append(Part("admission", lambda: None if stores.admission.open else "no place for another call", needed=True))
    parts += [*store_parts(stores), identity.part]
    parts.append(Part("classifier", lambda: None if engines.understanding.has_classifier else "keywords and keys only"))
    return parts
