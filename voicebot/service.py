"""The whole service, built from its settings: what is shared by all calls is opened here, in order, and closed in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from audio.errors import ModelError
from audio.prompt_store import PromptStore
from audio.recognisers import RecogniserSettings, load_recogniser
from audio.synthesis import EspeakVoice, PiperVoice, Voice, embedded_piper_model
from audio.types import Recogniser
from audio.vad import shared_session
from caller_id.identify import identify
from caller_id.types import Caller
from dialogs.data.bundle import Bundle, load_bundle
from voicebot.chat import ChatRoom, ChatServices, ChatSettings
from voicebot.config.settings import Settings
from voicebot.config.settings import Voices as VoiceSettings
from voicebot.conversation.calls import CallServer, CallServices
from voicebot.conversation.journal import JournalSink
from voicebot.endpoints.leg import CallOffer
from voicebot.endpoints.sip.endpoint import SipEndpoint
from voicebot.handoff.callback_service import CallbackService
from voicebot.handoff.callbacks import Callback, CallbackStore
from voicebot.handoff.service import HandOffService
from voicebot.handoff.store import HandOffStore
from voicebot.handoff.webhook import Webhook
from voicebot.identity.customers import customer_directory
from voicebot.metrics.metrics import Metrics
from voicebot.prompts.speaking import Speaker
from voicebot.prompts.warming import Pace, likely_says
from voicebot.records import RecordStore
from voicebot.redaction import JsonValue
from voicebot.state.admission import Admission
from voicebot.state.caller_memory import CallerMemory
from voicebot.state.conditions import ConditionsBoard
from voicebot.state.embedded import EmbeddedValkey
from voicebot.state.live_calls import LiveCalls
from voicebot.state.secret_file import kept_secret
from voicebot.state.shared import SharedState
from voicebot.understanding.service import load_understanding
from voicebot.web.app import WebParts, build_app
from voicebot.web.server import serve

log = structlog.get_logger(__name__)

Progress = Callable[[str], None]
WARM_RATES = (8000, 16000)


@dataclass(frozen=True, slots=True)
class Service:
    """The running service. `sip` and `http` are the addresses it listens on; `http` is None when the web API is off."""

    settings: Settings
    bundle: Bundle
    services: CallServices
    endpoint: SipEndpoint
    http: tuple[str, int] | None
    chat: ChatRoom | None = None

    @property
    def sip(self) -> tuple[str, int]:
        """Host and port of the SIP endpoint."""
        return self.endpoint.address

    async def drain(self, seconds: float) -> None:
        """Take no new calls and chats, and let those under way end, for so long at most."""
        self.services.admission.drain()
        await asyncio.gather(self.endpoint.drain(seconds), *([self.chat.drain(seconds)] if self.chat is not None else []))


@dataclass(frozen=True, slots=True)
class _Stores:
    """What is kept: shared state, hand-offs, records, and the calls under way."""

    shared: SharedState
    handoffs: HandOffStore
    callbacks: CallbackStore
    records: RecordStore
    admission: Admission
    live: LiveCalls
    board: ConditionsBoard
    memory: CallerMemory


@asynccontextmanager
async def open_service(
    settings: Settings,
    *,
    sinks: Sequence[JournalSink] = (),
    progress: Progress = lambda _: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[Service]:
    """Everything running while the context lasts. `progress` is told what is being done, in a few words; `clock` is the time of
    day that opening hours go by.

    Raises ConfigError, BundleError, PackError, StateError, EndpointError: what cannot be started without a person. A recogniser
    that cannot be loaded is logged, and the calls go on with keys.
    """
    async with AsyncExitStack() as stack:
        progress("reading the bundle")
        bundle = load_bundle(settings.bundle)
        progress("starting shared state and records")
        stores = await _stores(settings, stack)
        progress("loading the classifier (the first time it is trained)")
        understanding = await asyncio.to_thread(load_understanding, settings.nlu, bundle.prompts.languages)
        stack.push_async_callback(understanding.close)
        await understanding.start()
        progress("loading the recognisers")
        recognisers = await asyncio.to_thread(_recognisers, settings)
        for recogniser in {id(one): one for one in recognisers.values()}.values():
            stack.callback(recogniser.close)
        progress("making the prompts ready")
        speaker = await _speaker(settings, bundle, clock, progress, stack)
        metrics = Metrics()
        webhook = await _webhook(settings, metrics, stack)
        callbacks = CallbackService(stores.callbacks, bundle, clock=clock, told=_callback_news(metrics, webhook))
        services = CallServices(
            bundle=bundle,
            speaker=speaker,
            understanding=understanding,
            recognisers=recognisers,
            vad=shared_session(),
            desk=_hand_offs(settings, bundle, stores, webhook, callbacks),
            records=stores.records,
            admission=stores.admission,
            live=stores.live,
            memory=stores.memory,
            metrics=metrics,
            identify=_identify(settings, stack),
            conditions=lambda: stores.board.snapshot.for_dialogue(datetime.now(UTC)),
            recording_dir=lambda line: settings.recordings_dir if settings.recording.records(line) else None,
            clock=clock,
            max_call_s=settings.limits.max_call_s,
            max_say_s=settings.limits.max_say_s,
            understand_s=settings.limits.understand_s,
            sinks=sinks,
        )
        progress("opening the line")
        endpoint = SipEndpoint(settings.sip_settings(), CallServer(services).serve)
        await endpoint.start()
        stack.push_async_callback(endpoint.close)
        chat = _chat(settings, services) if settings.web.enabled and settings.web.chat.enabled else None
        http = await _web(settings, stores, services, callbacks, endpoint, chat, stack)
        yield Service(settings, bundle, services, endpoint, http, chat)


async def _stores(settings: Settings, stack: AsyncExitStack) -> _Stores:
    data_dir = settings.state.data_dir
    url = settings.state.redis_url
    if url is None:
        server = EmbeddedValkey(data_dir / "state")
        await asyncio.to_thread(server.start)
        stack.push_async_callback(asyncio.to_thread, server.stop)
        url = server.url
    shared = SharedState(url)
    limits, records = settings.limits, settings.records
    stores = _Stores(
        shared,
        HandOffStore(shared),
        CallbackStore(shared),
        RecordStore(
            settings.database_url,
            spool_dir=data_dir / "spool",
            folder=records.folder,
            keep_numbers=records.keep_numbers,
            keep_days=records.keep_days,
        ),
        Admission(shared, max_calls=limits.max_calls, max_shared_calls=limits.max_shared_calls),
        LiveCalls(shared),
        ConditionsBoard(shared),
        CallerMemory(shared, kept_secret(data_dir / "memory-key").encode()),
    )
    for part in (shared, stores.records, stores.admission, stores.live, stores.board):
        await part.start()
        stack.push_async_callback(part.close)
    return stores


def _recognisers(settings: Settings) -> dict[str, Recogniser]:
    """By language; languages with the same settings share one engine."""
    loaded: dict[str, Recogniser | None] = {}
    found: dict[str, Recogniser] = {}
    for language, wanted in settings.recognisers.items():
        key = wanted.model_dump_json()
        if key not in loaded:
            options = RecogniserSettings(**wanted.model_dump(), cache_dir=settings.state.data_dir / "models")
            try:
                loaded[key] = load_recogniser(options)
            except ModelError as error:
                log.error("no recogniser, calls go on with keys", code=error.code, language=language, why=str(error))
                loaded[key] = None
        engine = loaded[key]
        if engine is not None:
            found[language] = engine
    return found


async def _speaker(
    settings: Settings, bundle: Bundle, clock: Callable[[], datetime], progress: Progress, stack: AsyncExitStack
) -> Speaker:
    languages = dict.fromkeys([*settings.voices, *bundle.prompts.files])
    voices = {language: _voices(language, settings.voices.get(language, VoiceSettings())) for language in languages}
    store = PromptStore(settings.state.data_dir / "prompts", voices)
    stack.push_async_callback(store.close)
    speaker = Speaker(bundle, store)
    await speaker.warm(WARM_RATES, Pace(lambda done, total: progress(f"making the prompts ready: {done} of {total}")))
    likely = asyncio.create_task(_warm_likely(speaker, bundle, clock()), name="warm-prompts")
    stack.push_async_callback(_ended, likely)
    return speaker


async def _warm_likely(speaker: Speaker, bundle: Bundle, at: datetime) -> None:
    """While calls are answered already."""
    says = await asyncio.to_thread(lambda: list(likely_says(bundle, at)))
    told = Pace(lambda done, total: log.info("likely sentences are being made ready for calls", done=done, of=total))
    await speaker.warm_likely(says, WARM_RATES, told)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _voices(language: str, wanted: VoiceSettings) -> list[Voice]:
    model = wanted.piper_model or (embedded_piper_model() if language == "en" else None)
    espeak = EspeakVoice(wanted.espeak_voice or language, words_per_minute=wanted.words_per_minute)
    return [PiperVoice(model), espeak] if model is not None else [espeak]


async def _webhook(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> Webhook | None:
    wanted = settings.handoff.webhook
    if wanted is None:
        return None
    webhook = Webhook(str(wanted.url), wanted.secret.get_secret_value())
    await webhook.start()
    stack.push_async_callback(webhook.close)
    metrics.read_from("voicebot_webhook_given_up", lambda: webhook.given_up)
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
    settings: Settings, bundle: Bundle, stores: _Stores, webhook: Webhook | None, callbacks: CallbackService
) -> HandOffService:
    return HandOffService(
        stores.handoffs,
        webhook,
        lambda queue: settings.handoff.uri_for(queue, bundle.queues[queue].target),
        callbacks=callbacks,
        keep_for=timedelta(hours=settings.handoff.keep_hours),
        transfer_timeout_s=settings.handoff.transfer_timeout_s,
    )


async def _web(
    settings: Settings,
    stores: _Stores,
    services: CallServices,
    callbacks: CallbackService,
    endpoint: SipEndpoint,
    chat: ChatRoom | None,
    stack: AsyncExitStack,
) -> tuple[str, int] | None:
    if not settings.web.enabled:
        return None
    metrics = services.metrics
    metrics.read_from("voicebot_live_calls", lambda: stores.admission.taken)
    metrics.read_from("voicebot_live_chats", lambda: len(chat) if chat is not None else 0)
    metrics.read_from("voicebot_callbacks_waiting", lambda: callbacks.counted, label="queue")
    metrics.read_from("voicebot_state_available", lambda: float(stores.shared.available))
    metrics.read_from("voicebot_records_waiting", lambda: stores.records.waiting)
    metrics.read_from("voicebot_state_pending_writes", lambda: stores.shared.pending)
    token = settings.web.token.get_secret_value() if settings.web.token else kept_secret(settings.state.data_dir / "web-token")
    parts = WebParts(
        token=token,
        handoffs=stores.handoffs,
        callbacks=callbacks,
        records=stores.records,
        live=stores.live,
        conditions=stores.board,
        metrics=metrics,
        checks={"sip": lambda: not endpoint.died.is_set()},
        chat=chat,
    )
    server, port = await serve(build_app(parts), settings.web.host, settings.web.port)
    stack.push_async_callback(server.close)
    return settings.web.host, port


def _chat(settings: Settings, services: CallServices) -> ChatRoom:
    """The text channel: the same conversation, understanding, desk and records as the calls have."""
    return ChatRoom(
        ChatServices(
            bundle=services.bundle,
            understand=services.understanding.understand,
            desk=services.desk,
            records=services.records,
            live=services.live,
            metrics=services.metrics,
            conditions=services.conditions,
            clock=services.clock,
            without=() if services.understanding.has_classifier else ("classifier",),
            keeps_words=settings.recording.records("chat"),
            understand_s=services.understand_s,
            draining=lambda: services.admission.draining,
            sinks=services.sinks,
        ),
        ChatSettings(**settings.web.chat.model_dump(exclude={"enabled"})),
    )


def _identify(settings: Settings, stack: AsyncExitStack) -> Callable[[CallOffer], Caller]:
    directory = customer_directory(settings)
    if directory is not None:
        stack.callback(directory.close)

    def who(offer: CallOffer) -> Caller:
        return identify(
            offer.headers,
            offer.from_uri,
            offer.to_uri,
            peer_trusted=offer.peer_trusted,
            directory=directory,
            attestation=settings.customers.attestation,
        )

    return who
