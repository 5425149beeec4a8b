"""The whole service, built from its settings: its parts are opened here in order, and closed in reverse order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from audio.vad import VoiceActivity, shared_session
from dialogs.data.bundle import Bundle, load_bundle
from voicebot.calls.server import CallServer, CallServices
from voicebot.chat.server import ChatServer, ChatServices
from voicebot.config.settings import Settings
from voicebot.conversation.session import SessionServices, utc_now
from voicebot.endpoints.endpoint import Endpoint
from voicebot.endpoints.sip.endpoint import SipEndpoint
from voicebot.engines import Engines, open_engines
from voicebot.errors import code_of
from voicebot.handoff.callback_service import CallbackService
from voicebot.handoff.callbacks import Callback
from voicebot.handoff.service import HandOffService
from voicebot.handoff.undelivered import Undelivered
from voicebot.handoff.webhook import Webhook
from voicebot.identity.customers import customer_directory
from voicebot.metrics.registry import Metrics
from voicebot.records.journal import JournalSink
from voicebot.redaction import JsonValue
from voicebot.state.secret_file import kept_secret
from voicebot.stores import Stores, open_stores
from voicebot.web.app import WebParts, build_app
from voicebot.web.server import serve

log = structlog.get_logger(__name__)

Progress = Callable[[str], None]

LAST_WORDS_S = 15.0
"""How long a caller may take to be told that they are put through, at shutdown."""


@dataclass(frozen=True, slots=True)
class Service:
    """The running service."""

    settings: Settings
    bundle: Bundle
    stores: Stores
    call_services: CallServices
    calls: CallServer
    endpoints: tuple[Endpoint, ...]
    sip: SipEndpoint
    http: tuple[str, int] | None
    """Where the web API listens; None when it is off."""
    chat: ChatServer | None = None

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

    async def drain(self, seconds: float) -> None:
        """Take no new calls and chats, and let those under way end, for so long at most. Callers who are left then are told and
        handed to the default queue; hand-offs under way are awaited.
        """
        self.call_services.admission.drain()
        chats = [self.chat.drain(seconds)] if self.chat is not None else []
        await _each(*(endpoint.drain(seconds) for endpoint in self.endpoints), *chats)
        handoff, sip = self.settings.handoff, self.settings.sip
        within_s = LAST_WORDS_S + handoff.transfer_timeout_s + sip.transfer_settle_s
        left = [self.chat.put_all_through(LAST_WORDS_S)] if self.chat is not None else []
        await _each(self.calls.put_all_through(within_s), *left)


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
) -> AsyncIterator[Service]:
    """Everything running while the context lasts. `progress` is told what is being done, in a few words; `clock` is the time of
    day that opening hours go by; `engines` replaces what the settings ask for (understanding, recognisers, voices).

    Raises ConfigError, BundleError, PackError, StateError, EndpointError: what cannot be started without a person. A recogniser
    that cannot be loaded is logged, and the calls go on with keys.
    """
    async with AsyncExitStack() as stack:
        progress("reading the bundle")
        bundle = load_bundle(settings.bundle)
        progress("starting shared state and records")
        stores = await open_stores(settings, stack, clock=clock)
        engines = engines or await open_engines(settings, bundle, stack, clock=clock, progress=progress)
        metrics = Metrics()
        webhook = await _webhook(settings, metrics, stack)
        callbacks = CallbackService(stores.callbacks, bundle, clock=clock, told=_callback_news(metrics, webhook))
        session = SessionServices(
            bundle=bundle,
            understanding=engines.understanding,
            hand_offs=_hand_offs(settings, bundle, stores, webhook, callbacks, clock),
            records=stores.records,
            live=stores.live,
            memory=stores.memory,
            metrics=metrics,
            conditions=lambda: stores.conditions.snapshot.for_dialogue(clock()),
            clock=clock,
            understand_s=settings.limits.understand_s,
            sinks=sinks,
        )
        call_services = _call_services(settings, session, engines, stores)
        calls = CallServer(call_services)
        progress("opening the line")
        sip = _sip(settings, calls, stack)
        endpoints: tuple[Endpoint, ...] = (sip,)
        for endpoint in endpoints:
            await endpoint.start()
            stack.push_async_callback(endpoint.close)
        chat = _chat(settings, session, stores) if settings.web.enabled and settings.web.chat.enabled else None
        _read_metrics(metrics, stores, callbacks, endpoints, chat)
        http = await _web(settings, stores, metrics, callbacks, endpoints, chat, clock, stack)
        yield Service(settings, bundle, stores, call_services, calls, endpoints, sip, http, chat)


def _call_services(settings: Settings, session: SessionServices, engines: Engines, stores: Stores) -> CallServices:
    return CallServices(
        session=session,
        speaker=engines.speaker,
        recognisers=engines.recognisers,
        new_activity=lambda rate: VoiceActivity(shared_session(), rate),
        admission=stores.admission,
        recording_dir=lambda line: settings.recordings_dir if settings.recording.records(line) else None,
        max_call_s=settings.limits.max_call_s,
        max_say_s=settings.limits.max_say_s,
        max_hold_s=settings.limits.max_hold_s,
    )


def _sip(settings: Settings, calls: CallServer, stack: AsyncExitStack) -> SipEndpoint:
    directory = customer_directory(settings)
    if directory is not None:
        stack.callback(directory.close)
    return SipEndpoint(settings.sip_settings(), calls.serve, directory=directory, attestation=settings.customers.attestation)


async def _webhook(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> Webhook | None:
    wanted = settings.handoff.webhook
    if wanted is None:
        return None
    webhook = Webhook(
        str(wanted.url), wanted.secret.get_secret_value(), undelivered=Undelivered(settings.state.data_dir / "webhooks")
    )
    await webhook.start()
    stack.push_async_callback(webhook.close)
    metrics.read_from("voicebot_webhook_given_up_total", lambda: webhook.given_up)
    return webhook


def _callback_news(metrics: Metrics, webhook: Webhook | None) -> Callable[[str, Callback], None]:
    """Callbacks are counted. The bank, which was told of the promise, is told when it was not kept, or need not be any more."""

    def told(what: str, callback: Callback) -> None:
        metrics.count("voicebot_callbacks_total", what=what, queue=callback.queue)
        if what == "given_up":
            log.warning("callback given up: nobody answered", ref=callback.ref, queue=callback.queue)
        if what in ("given_up", "served") and webhook is not None:
            attempts = callback.attempts + (what == "given_up")
            data: dict[str, JsonValue] = {"ref": callback.ref, "queue": callback.queue, "attempts": attempts}
            webhook.fire(f"callback.{what}", f"{callback.ref}-{what.replace('_', '-')}", data)

    return told


def _hand_offs(
    settings: Settings,
    bundle: Bundle,
    stores: Stores,
    webhook: Webhook | None,
    callbacks: CallbackService,
    clock: Callable[[], datetime],
) -> HandOffService:
    return HandOffService(
        stores.handoffs,
        webhook,
        lambda queue: bundle.queues[queue].target or queue,
        callbacks=callbacks,
        keep_for=timedelta(hours=settings.handoff.keep_hours),
        transfer_timeout_s=settings.handoff.transfer_timeout_s,
        clock=clock,
    )


def _read_metrics(
    metrics: Metrics, stores: Stores, callbacks: CallbackService, endpoints: Sequence[Endpoint], chat: ChatServer | None
) -> None:
    """What others keep, read when Prometheus asks."""
    metrics.read_from("voicebot_live_calls", lambda: stores.admission.taken)
    metrics.read_from("voicebot_live_chats", lambda: len(chat) if chat is not None else 0)
    metrics.read_from("voicebot_callbacks_waiting", lambda: callbacks.counted)
    metrics.read_from("voicebot_state_available", lambda: float(stores.shared.available))
    metrics.read_from("voicebot_records_waiting", lambda: stores.records.waiting)
    metrics.read_from("voicebot_records_rejected_total", lambda: stores.records.rejected)
    metrics.read_from("voicebot_state_pending_writes", lambda: stores.shared.pending)
    metrics.read_from("voicebot_endpoint_refused_total", lambda: {each.name: each.counts.refused for each in endpoints})
    metrics.read_from("voicebot_endpoint_malformed_total", lambda: {each.name: each.counts.malformed for each in endpoints})
    metrics.read_from("voicebot_endpoint_live_calls", lambda: {each.name: each.counts.live for each in endpoints})
    metrics.read_from("voicebot_strangers_turned_away_total", lambda: {each.name: each.counts.turned_away for each in endpoints})


async def _web(
    settings: Settings,
    stores: Stores,
    metrics: Metrics,
    callbacks: CallbackService,
    endpoints: Sequence[Endpoint],
    chat: ChatServer | None,
    clock: Callable[[], datetime],
    stack: AsyncExitStack,
) -> tuple[str, int] | None:
    if not settings.web.enabled:
        return None
    token = settings.web.token.get_secret_value() if settings.web.token else kept_secret(settings.state.data_dir / "web-token")
    checks: dict[str, Callable[[], bool]] = {each.name: lambda each=each: each.healthy for each in endpoints}  # type: ignore[misc]
    checks["admission"] = lambda: stores.admission.open
    parts = WebParts(
        token=token,
        handoffs=stores.handoffs,
        callbacks=callbacks,
        records=stores.records,
        live=stores.live,
        conditions=stores.conditions,
        bundle=callbacks.bundle,
        metrics=metrics,
        clock=clock,
        checks=checks,
        chat=chat,
    )
    server, port = await serve(build_app(parts), settings.web.host, settings.web.port)
    stack.push_async_callback(server.close)
    return settings.web.host, port


def _chat(settings: Settings, session: SessionServices, stores: Stores) -> ChatServer:
    """The text channel: the same conversation, understanding, hand-off and records as the calls have."""
    services = ChatServices(
        session=session,
        without=() if session.understanding.has_classifier else ("classifier",),
        keeps_words=settings.recording.records("chat"),
        draining=lambda: stores.admission.draining,
    )
    return ChatServer(services, settings.web.chat)
