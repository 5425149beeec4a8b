"""The web process, built from its settings: its parts are opened here in order, and closed in reverse order."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from sqlalchemy import Engine

from dialogs.data.bundle import load_bundle
from voicebot.accounts.tokens import TokenCheck, Tokens
from voicebot.cases.store import Cases
from voicebot.cases.sweep import CaseSweep
from voicebot.chat.server import ChatServer, ChatServices
from voicebot.chat.talk import TalkServices
from voicebot.config.settings import Settings
from voicebot.conversation.limits import LAST_WORDS_S
from voicebot.conversation.session import SessionServices, utc_now
from voicebot.endpoints.web_call.dialog import AppStacks
from voicebot.endpoints.web_call.session import AppSessions
from voicebot.handoff.callback_service import CallbackService
from voicebot.health.asked import lacking, told_health, told_metrics
from voicebot.health.kept import Kept
from voicebot.health.report import Part, Trouble
from voicebot.health.routes import KEPT_S
from voicebot.http.server import HttpServer, listen, serve, tls_context
from voicebot.identity.opening import Identity
from voicebot.identity.web_calls import WebCalls
from voicebot.mail.service import MailService
from voicebot.mail.steering import MailSteering
from voicebot.mail.store import Messages
from voicebot.metrics.registry import Metrics
from voicebot.outcomes.store import Outcomes
from voicebot.records.engine import open_engine
from voicebot.records.journal import JournalSink
from voicebot.releases.following import ReleaseFollower, open_releases
from voicebot.releases.shadowing import ShadowFollower
from voicebot.shared_services import SharedServices, open_shared, open_talks, store_parts
from voicebot.state.relay import Relay
from voicebot.state.shared_secret import shared_secret
from voicebot.stores import Stores
from voicebot.switches.board import SwitchBoard, agreeing
from voicebot.tasks import cancelled
from voicebot.understanding.service import UnderstandingService, open_understanding
from voicebot.web.app import WebParts, build_app, build_chat_app
from voicebot.web.editions import Understood, WebEditions

log = structlog.get_logger(__name__)

_ASK_CALLS_S = 1.0


@dataclass(frozen=True, slots=True)
class Listeners:
    """The sockets that the web is served on."""

    api: socket.socket
    chat: socket.socket | None = None
    """None: on that of the API."""

    def close(self) -> None:
        """Harmless when closed."""
        for each in (self.api, self.chat):
            if each is not None:
                each.close()


def open_listeners(settings: Settings) -> Listeners:
    """Listen as the settings say. Raises ConfigError."""
    web = settings.web
    api = listen(web.host, web.port, setting="web")
    try:
        own = web.chat.port is not None and web.chat.enabled
        return Listeners(api, listen(web.chat.host or web.host, web.chat.port or 0, setting="web.chat") if own else None)
    except BaseException:
        api.close()
        raise


@dataclass(frozen=True, slots=True)
class WebService:
    """The running web process."""

    stores: Stores
    api: tuple[str, int]
    chat_address: tuple[str, int] | None
    """Where the chat listens; None when there is none."""
    chat: ChatServer | None
    callbacks: CallbackService
    identity: Identity
    follower: ReleaseFollower

    async def reload(self, settings: Settings) -> None:
        """Chats that begin from now on go by this bundle and training data. They were checked by the calls' process."""
        await self.follower.reload(settings)
        log.info("reloaded", bundle=self.callbacks.bundle.version)

    async def drain(self, seconds: float) -> None:
        """Take no new chats and let those under way end, for so long at most; whoever is left is told and put through."""
        if self.chat is not None:
            self.chat.stop_taking()
            await self.chat.drain(seconds)
            await self.chat.put_all_through(LAST_WORDS_S)


@asynccontextmanager
async def open_web(
    settings: Settings,
    *,
    listeners: Listeners | None = None,
    understanding: UnderstandingService | None = None,
    sinks: Sequence[JournalSink] = (),
    clock: Callable[[], datetime] = utc_now,
) -> AsyncIterator[WebService]:
    """The web while the context lasts. `settings.state.redis_url` and `settings.health` say where the calls' process is.
    `understanding` replaces what the settings ask for.

    Raises ConfigError, BundleError, PackError, StateError: what cannot be started without a person.
    """
    async with AsyncExitStack() as stack:
        sockets = listeners or open_listeners(settings)
        stack.callback(sockets.close)
        tls = tls_context(settings.web.tls) if settings.web.tls else None
        configured = settings
        releases, release, settings = await open_releases(configured, stack)
        bundle = load_bundle(settings.bundle)
        shared = await open_shared(settings, bundle, stack, process="web", clock=clock)
        stores, metrics, callbacks = shared.stores, shared.metrics, shared.callbacks
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        board = SwitchBoard(engine, stores.conditions)
        await stack.enter_async_context(agreeing(board, clock))
        relay = Relay(stores.shared)
        await relay.start()
        stack.push_async_callback(relay.close)
        if settings.cases.enabled:
            sweep = CaseSweep(Cases(engine), stores.handoffs, callbacks, settings.cases, clock=clock, webhook=shared.webhook)
            stack.push_async_callback(cancelled, asyncio.create_task(sweep.run(), name="cases"))
        if understanding is None and (settings.web.chat.enabled or settings.mail.enabled):
            understanding = await open_understanding(settings.nlu, bundle.prompts.languages)
            stack.push_async_callback(understanding.close)
        understood = Understood(understanding)
        mail = _mail(settings, shared, understood, engine, stack) if settings.mail.enabled else None
        chat = None
        shadow = shared.shadow()
        if settings.web.chat.enabled and understanding is not None:
            talks = await open_talks(settings.web.chat, stores, relay, metrics, stack, clock)
            session = replace(shared.session(understanding, sinks), release=release, shadow=shadow.offer)
            chat = _chat(settings, session, talks)
        editions = WebEditions(chat, callbacks, release, bundle, understood)
        follower = ReleaseFollower(
            "web",
            configured,
            releases,
            stores.shared,
            editions,
            began_with=release,
            clock=clock,
            shadow=ShadowFollower(releases, stores.shared, shadow, metrics, clock) if chat is not None else None,
        )
        await follower.start()
        stack.push_async_callback(follower.close)
        asking = httpx.AsyncClient(base_url=settings.health.url, timeout=_ASK_CALLS_S, trust_env=False)
        stack.push_async_callback(asking.aclose)
        # anybody may ask for the health: the calls' process must not be asked as often
        calls_trouble = Kept(lambda: _calls_trouble(asking), KEPT_S)
        calls_metrics = Kept(lambda: told_metrics(asking), KEPT_S)
        parts = WebParts(
            token=await _token(settings, stores),
            tokens=TokenCheck(Tokens(engine)),
            handoffs=stores.handoffs,
            callbacks=callbacks,
            records=stores.records,
            live=stores.live,
            conditions=stores.conditions,
            switches=board,
            outcomes=Outcomes(engine),
            bundle=lambda: callbacks.bundle,
            metrics=metrics,
            clock=clock,
            health=[
                *store_parts(stores),
                shared.identity.part,
                Part("release", lambda: follower.trouble or None),
                Part("calls", calls_trouble, needed=True),
            ],
            health_kept_s=KEPT_S,
            calls_metrics=calls_metrics,
            identity=shared.identity,
            chat=chat,
            web_calls=await _web_calls(settings, stores, relay, metrics, stack, clock, shared.identity),
            mail=mail,
            limits=settings.web.limits,
            refused=lambda reason: metrics.count("voicebot_http_refused_total", reason=reason),
        )
        metrics.read_from("voicebot_web_calls_live", lambda: len(parts.web_calls) if parts.web_calls is not None else 0)
        own_port = sockets.chat is not None
        servers = [await serve(build_app(parts, with_chat=not own_port), sockets.api, **_serving(settings, parts, tls))]
        if sockets.chat is not None:
            servers.append(await serve(build_chat_app(parts), sockets.chat, **_serving(settings, parts, tls)))
        for server in servers:
            stack.push_async_callback(server.close)
        _count_web(metrics, chat, servers)
        api = (settings.web.host, servers[0].port)
        chat_address = (settings.web.chat.host or settings.web.host, servers[-1].port) if chat is not None else None
        yield WebService(stores, api, chat_address, chat, callbacks, shared.identity, follower)


def _mail(
    settings: Settings, shared: SharedServices, understood: Understood, engine: Engine, stack: AsyncExitStack
) -> MailService:
    """Messages in writing, and what looks after them."""
    steering = MailSteering(understood.needed, lambda: shared.callbacks.bundle, clock=shared.clock)
    service = MailService(
        steering,
        Messages(engine),
        shared.hand_offs(),
        hash_of=shared.stores.records.number_hash,
        keep_days=settings.mail.keep_days,
        clock=shared.clock,
        count=lambda kept: shared.metrics.count("voicebot_messages_total", urgency=kept.urgency, queue=kept.queue),
    )
    stack.push_async_callback(cancelled, asyncio.create_task(service.run(), name="messages"))
    return service


def _serving(settings: Settings, parts: WebParts, tls: ssl.SSLContext | None) -> dict[str, Any]:
    return {
        "limits": settings.web.limits,
        "proxies": settings.web.proxies,
        "tls": tls,
        "refused": parts.refused,
        "prompt": ("/api/chats/",),
    }


async def _web_calls(
    settings: Settings,
    stores: Stores,
    relay: Relay,
    metrics: Metrics,
    stack: AsyncExitStack,
    clock: Callable[[], datetime],
    identity: Identity,
) -> WebCalls | None:
    """Calls from the bank's app; None where there are none."""
    wanted = settings.identity.web_calls
    if not wanted.enabled:
        return None
    calls = WebCalls(
        wanted,
        dialogs=await AppStacks.open(_stacks(settings), wanted.user),
        sessions=AppSessions(stores.shared),
        quota=identity.quota,
        relay=relay,
        tickets=identity.tickets,
        audit=identity.audit,
        metrics=metrics,
        clock=clock,
    )
    stack.push_async_callback(calls.close)
    return calls


def _stacks(settings: Settings) -> list[tuple[str, int]]:
    """Where the calls' processes listen for SIP."""
    named = [urlsplit(f"//{each}") for each in settings.identity.web_calls.stacks]
    return [(each.hostname or "", each.port or 0) for each in named] or [(settings.sip.host, settings.sip.port)]


def _chat(settings: Settings, session: SessionServices, talks: TalkServices) -> ChatServer:
    """The text channel: the same conversation, understanding, hand-off and records as the calls have."""
    services = ChatServices(
        session=session,
        talks=talks,
        without=() if session.understanding.has_classifier else ("classifier",),
        keeps_words=settings.recording.records("chat"),
    )
    return ChatServer(services, settings.web.chat)


async def _token(settings: Settings, stores: Stores) -> str:
    given = settings.web.token
    if given is not None:
        return given.get_secret_value()
    return await shared_secret(stores.shared, "web-token", settings.state.data_dir / "web-token")


def _count_web(metrics: Metrics, chat: ChatServer | None, servers: Sequence[HttpServer]) -> None:
    metrics.read_from("voicebot_live_chats", lambda: len(chat) if chat is not None else 0)
    metrics.read_from("voicebot_chats_waiting", lambda: chat.services.talks.chats.counted if chat is not None else [])
    metrics.read_from("voicebot_chat_agents", lambda: chat.agents if chat is not None else 0)
    metrics.read_from("voicebot_http_connections", lambda: sum(server.connections for server in servers))


async def _calls_trouble(client: httpx.AsyncClient) -> Trouble:
    """How the calls' process is: it says so itself on its local socket."""
    told = await told_health(client)
    if not told:
        return "the calls' process does not answer"
    return None if told.get("ready") else lacking(told) or "not ready"
