"""The console, built from its settings: its parts are opened here in order, and closed in reverse order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialogs.data.bundle import load_bundle
from nlu.errors import PackError
from voicebot.accounts.oidc import OidcLogin
from voicebot.accounts.passkeys import Passkeys
from voicebot.accounts.sessions import Sessions
from voicebot.accounts.users import Users
from voicebot.chat.agents import AgentPlace
from voicebot.config.settings import Settings
from voicebot.console.app import build_console
from voicebot.console.parts import ConsoleParts
from voicebot.figures.reading import Period, read
from voicebot.figures.rollup import RollUp
from voicebot.health.asked import told_health
from voicebot.health.kept import Kept
from voicebot.health.report import Part
from voicebot.health.routes import KEPT_S
from voicebot.http.server import listen, serve, tls_context
from voicebot.records import schema
from voicebot.records.engine import open_engine
from voicebot.releases.drafts import Drafts
from voicebot.releases.following import ReleaseFollower, open_releases
from voicebot.releases.placing import folders_of
from voicebot.review.children import StudyChildren
from voicebot.review.sampling import Sampler
from voicebot.review.studies import Studies
from voicebot.review.teaching import Draft
from voicebot.shared_services import SharedServices, open_shared, open_talks, store_parts
from voicebot.state.relay import Relay
from voicebot.state.shared import SharedState
from voicebot.switches.board import SwitchBoard, agreeing
from voicebot.tasks import cancelled
from voicebot.web.editions import Understood, WebEditions

log = structlog.get_logger(__name__)

_ASK_CALLS_S = 1.0
_ROLL_UP_EVERY_S = 60.0
_READ_AHEAD = timedelta(days=28)
_DRAW_EVERY_S = 600.0


@dataclass(frozen=True, slots=True)
class ConsoleService:
    """The running console."""

    parts: ConsoleParts
    address: tuple[str, int]
    follower: ReleaseFollower

    async def reload(self, settings: Settings) -> None:
        """Show this bundle from now on. It was checked by the calls' process."""
        await self.follower.reload(settings)

    async def drain(self, seconds: float) -> None:
        """Nothing of a caller's is under way here."""


async def _keep_rolled_up(parts: ConsoleParts) -> None:
    """Count the days that are due, again and again; figures are read from what is counted."""
    while True:
        bundle = parts.bundle()
        rollup = RollUp(parts.engine, bundle.routes, bundle.calendar.zone)
        try:
            await asyncio.to_thread(rollup.refresh, parts.clock())
            today = bundle.calendar.local(parts.clock()).date()
            await asyncio.to_thread(read, parts.engine, Period(today - _READ_AHEAD, today))  # so that no reader waits for it
        except SQLAlchemyError as error:
            log.warning("figures are not up to date: the database does not answer", why=type(error).__name__)
        await asyncio.sleep(_ROLL_UP_EVERY_S)


async def _keep_sampled(parts: ConsoleParts) -> None:
    """Draw the sample of every day that is over, whoever opens the review and when."""
    while True:
        zone = parts.bundle().calendar.zone
        sampler = Sampler(parts.engine, zone, parts.draft.known_words, parts.settings.records.keep_days)
        try:
            await asyncio.to_thread(sampler.draw_missing, parts.clock())
        except SQLAlchemyError as error:
            log.warning("the sample is not drawn: the database does not answer", why=type(error).__name__)
        except (PackError, OSError) as error:  # what is taught must not be drawn, and nobody knows what is
            log.warning("the sample is not drawn: the training data cannot be read", why=str(error))
        await asyncio.sleep(_DRAW_EVERY_S)


def public_url(settings: Settings, listener: socket.socket) -> str:
    """Where people open it: as configured, else this machine by name, since a passkey is for a name and never for an address."""
    console = settings.console
    if console.public_url is not None:
        return console.public_url.rstrip("/")
    return f"{'https' if console.tls else 'http'}://localhost:{listener.getsockname()[1]}"


def _oidc(settings: Settings, public: str, shared: SharedState, client: httpx.AsyncClient) -> OidcLogin | None:
    wanted = settings.console.oidc
    if wanted is None:
        return None
    return OidcLogin(
        shared,
        client,
        issuer=wanted.issuer,
        client_id=wanted.client_id,
        client_secret=wanted.client_secret.get_secret_value() if wanted.client_secret is not None else None,
        redirect_uri=f"{public}/login/oidc/back",
        roles_claim=wanted.roles_claim,
        roles=wanted.roles,
    )


async def _chats(settings: Settings, shared: SharedServices, stack: AsyncExitStack) -> AgentPlace | None:
    """Chats for the agents' desk; None where agents take none."""
    chat = settings.web.chat
    if not (chat.enabled and chat.agents):
        return None
    relay = Relay(shared.stores.shared)
    await relay.start()
    stack.push_async_callback(relay.close)
    talks = await open_talks(chat, shared.stores, relay, shared.metrics, stack, shared.clock)
    return AgentPlace(talks, shared.stores.handoffs, chat, lambda: shared.callbacks.bundle, shared.clock)


@asynccontextmanager
async def open_console(
    settings: Settings,
    *,
    listener: socket.socket | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[ConsoleService]:
    """The console while the context lasts. `settings.state.redis_url` says where the calls' state server is.

    Raises ConfigError, BundleError, StateError, RecordsError: what cannot be started without a person.
    """
    async with AsyncExitStack() as stack:
        pages = listener or listen(settings.console.host, settings.console.port, setting="console")
        stack.callback(pages.close)
        console = settings.console
        tls = tls_context(console.tls, setting="console.tls") if console.tls else None
        configured = settings
        releases, release, settings = await open_releases(configured, stack)
        bundle = load_bundle(settings.bundle)
        shared = await open_shared(settings, bundle, stack, process="console", clock=clock)
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        try:
            await asyncio.to_thread(schema.ready, engine)
        except SQLAlchemyError as error:  # it is away: pages say so, and come back with it
            log.warning("the database does not answer yet", why=type(error).__name__)
        board = SwitchBoard(engine, shared.stores.conditions)
        await stack.enter_async_context(agreeing(board, clock))
        metrics = shared.metrics
        public = public_url(settings, pages)
        logging_in = httpx.AsyncClient(trust_env=False)
        stack.push_async_callback(logging_in.aclose)
        asking = httpx.AsyncClient(base_url=settings.health.url, timeout=_ASK_CALLS_S, trust_env=False)
        stack.push_async_callback(asking.aclose)
        editions = WebEditions(None, shared.callbacks, release, bundle, Understood(None))
        follower = ReleaseFollower(
            "console", configured, releases, shared.stores.shared, editions, began_with=release, clock=clock
        )
        drafts = Drafts(configured.drafts_dir, releases, lambda: folders_of(follower.settings), clock)
        studies = StudyChildren(lambda: follower.settings, Studies(engine), clock)
        stack.push_async_callback(studies.close)
        parts = ConsoleParts(
            settings=configured,
            releases=releases,
            in_force=lambda: follower.settings,
            chats=await _chats(settings, shared, stack),
            stores=shared.stores,
            engine=engine,
            users=Users(engine, clock=clock),
            sessions=Sessions(engine, clock=clock),
            passkeys=Passkeys(engine, shared.stores.shared, origin=public, host=urlsplit(public).hostname or "", clock=clock),
            oidc=_oidc(settings, public, shared.stores.shared, logging_in),
            switches=board,
            audit=shared.identity.audit,
            callbacks=shared.callbacks,
            bundle=lambda: shared.callbacks.bundle,
            studies=studies,
            drafts=drafts,
            draft=Draft(lambda: folders_of(follower.settings).pack, drafts.folders.pack, drafts.begin),
            calls_health=Kept(lambda: told_health(asking), KEPT_S),
            metrics=metrics,
            clock=clock,
        )

        def refused(reason: str) -> None:
            metrics.count("voicebot_http_refused_total", reason=reason)

        await follower.start()
        stack.push_async_callback(follower.close)
        health: list[Part] = [*store_parts(shared.stores), shared.identity.part]
        app = build_console(parts, health, health_kept_s=KEPT_S, refused=refused)
        refreshing = asyncio.create_task(_keep_rolled_up(parts), name="roll-ups")
        drawing = asyncio.create_task(_keep_sampled(parts), name="samples")
        stack.push_async_callback(cancelled, refreshing, drawing)
        server = await serve(
            app, pages, limits=console.limits, proxies=console.proxies, tls=tls, refused=refused, prompt=("/desk/",)
        )
        stack.push_async_callback(server.close)
        stack.callback(parts.stopping.set)  # before the server waits for what is under way
        yield ConsoleService(parts, (console.host, server.port), follower)
