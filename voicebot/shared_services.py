"""What the calls' process and the web's both have: the webhook, callbacks, hand-offs, and how the stores are watched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from dialogs.data.bundle import Bundle
from voicebot.chat.desks import Desks
from voicebot.chat.handed import HandedChats
from voicebot.chat.settings import ChatSettings
from voicebot.chat.talk import TalkServices
from voicebot.config.settings import Settings
from voicebot.conversation.session import SessionServices
from voicebot.handoff.callback_service import CallbackService
from voicebot.handoff.callbacks import Callback
from voicebot.handoff.service import HandOffService
from voicebot.handoff.undelivered import Undelivered, undelivered_folder
from voicebot.handoff.webhook import Webhook
from voicebot.health.report import Part, report
from voicebot.identity.opening import Identity, open_identity
from voicebot.metrics.process import tell_build
from voicebot.metrics.registry import Metrics
from voicebot.records.journal import JournalSink
from voicebot.redaction import JsonValue
from voicebot.state.relay import Relay
from voicebot.stores import Stores, open_stores
from voicebot.understanding.service import UnderstandingService
from voicebot.understanding.shadow import LiveShadow

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SharedServices:
    """The parts that both kinds of process open."""

    settings: Settings
    stores: Stores
    metrics: Metrics
    webhook: Webhook | None
    callbacks: CallbackService
    identity: Identity
    clock: Callable[[], datetime]

    def hand_offs(self) -> HandOffService:
        """Hand-offs to the targets of the bundle's queues."""
        return _hand_offs(self)

    def shadow(self, loaded: Callable[[], bool] = lambda: False) -> LiveShadow:
        """Nothing yet; `loaded`: whether the process has enough to do without a shadow."""
        return LiveShadow(self.stores.records, self.metrics, loaded=loaded, clock=self.clock)

    def session(self, understanding: UnderstandingService, sinks: Sequence[JournalSink]) -> SessionServices:
        """What every conversation of the process shares."""
        stores = self.stores
        return SessionServices(
            bundle=self.callbacks.bundle,
            understanding=understanding,
            hand_offs=self.hand_offs(),
            records=stores.records,
            live=stores.live,
            memory=stores.memory,
            metrics=self.metrics,
            conditions=lambda: stores.conditions.snapshot.for_dialogue(self.clock()),
            clock=self.clock,
            understand_s=self.settings.limits.understand_s,
            proofs=self.identity.proofs,
            sinks=sinks,
        )


async def open_shared(
    settings: Settings, bundle: Bundle, stack: AsyncExitStack, *, process: str, clock: Callable[[], datetime]
) -> SharedServices:
    """Open them; `stack` closes them. `process` names the kind of process. Raises StateError, RecordsError."""
    stores, metrics = await open_stores(settings, stack, clock=clock), Metrics()
    webhook = await _webhook(settings, metrics, stack, process)
    callbacks = _callbacks(stores, bundle, metrics, webhook, clock)
    identity = await open_identity(
        settings.identity,
        stores.shared,
        metrics,
        stack,
        database_url=settings.database_url,
        folder=settings.spool_dir / "audit",
        keys_file=settings.identity_keys_file,
        clock=lambda: datetime.now(UTC),  # tokens go by the machines' true time
    )
    tell_build(metrics, bundle=lambda: callbacks.bundle.version)
    _count(metrics, stores, callbacks)
    return SharedServices(settings, stores, metrics, webhook, callbacks, identity, clock)


async def open_talks(
    chat: ChatSettings,
    stores: Stores,
    relay: Relay,
    metrics: Metrics,
    stack: AsyncExitStack,
    clock: Callable[[], datetime],
) -> TalkServices:
    """What it takes to hand chats over to agents, in whatever process their connections are; `stack` closes it."""
    desks = Desks(stores.shared, enabled=chat.agents, lease_s=chat.desk_s)
    await desks.start()
    stack.push_async_callback(desks.close)
    return TalkServices(
        HandedChats(stores.shared, relay, lease_s=chat.agent_lease_s, resume_s=chat.resume_s),
        desks,
        metrics,
        wait_of=lambda queue: stores.conditions.snapshot.waits(clock()).get(queue),
        longest_wait_s=chat.agent_wait_s,
    )


async def _webhook(settings: Settings, metrics: Metrics, stack: AsyncExitStack, process: str) -> Webhook | None:
    """The webhook, started; None where the bank has none. Each kind of process has its own folder for what is undelivered."""
    wanted = settings.handoff.webhook
    if wanted is None:
        return None
    folder = undelivered_folder(settings.state.data_dir, process)
    webhook = Webhook(str(wanted.url.get_secret_value()), wanted.secret.get_secret_value(), undelivered=Undelivered(folder))
    await webhook.start()
    stack.push_async_callback(webhook.close)
    metrics.read_from("voicebot_webhook_given_up_total", lambda: webhook.given_up)
    metrics.read_from("voicebot_webhook_kept", lambda: webhook.kept)
    return webhook


def _callbacks(
    stores: Stores, bundle: Bundle, metrics: Metrics, webhook: Webhook | None, clock: Callable[[], datetime]
) -> CallbackService:
    """Callbacks are counted. The bank, which was told of the promise, is told when it was not kept, or need not be any more."""

    def told(what: str, callback: Callback) -> None:
        metrics.count("voicebot_callbacks_total", what=what, queue=callback.queue)
        if what in ("done", "withdrawn", "served"):
            stores.handoffs.dealt_with(callback.ref)
        if what == "given_up":
            log.warning("callback given up: nobody answered", ref=callback.ref, queue=callback.queue)
        if what in ("given_up", "served") and webhook is not None:
            attempts = callback.attempts + (what == "given_up")
            data: dict[str, JsonValue] = {"ref": callback.ref, "queue": callback.queue, "attempts": attempts}
            webhook.fire(f"callback.{what}", f"{callback.ref}-{what.replace('_', '-')}", data)

    return CallbackService(stores.callbacks, bundle, clock=clock, told=told)


def _hand_offs(shared: SharedServices) -> HandOffService:
    settings, callbacks = shared.settings.handoff, shared.callbacks

    def target(queue: str) -> str:
        """A call that began under an earlier bundle may name a queue that is gone: its name is its target."""
        known = callbacks.bundle.queues.get(queue)
        return (known.target if known is not None else None) or queue

    return HandOffService(
        shared.stores.handoffs,
        shared.webhook,
        target,
        callbacks=callbacks,
        keep_for=timedelta(hours=settings.keep_hours),
        transfer_timeout_s=settings.transfer_timeout_s,
        clock=shared.clock,
    )


def _count(metrics: Metrics, stores: Stores, callbacks: CallbackService) -> None:
    """What the stores keep, read when Prometheus asks."""
    metrics.read_from("voicebot_callbacks_waiting", lambda: callbacks.counted)
    metrics.read_from("voicebot_state_available", lambda: float(stores.shared.available))
    metrics.read_from("voicebot_records_waiting", lambda: stores.records.waiting)
    metrics.read_from("voicebot_records_rejected_total", lambda: stores.records.rejected)
    metrics.read_from("voicebot_state_pending_writes", lambda: stores.shared.pending)


def count_parts(metrics: Metrics, parts: Sequence[Part]) -> Callable[[], Awaitable[None]]:
    """Shows which parts work. Looking takes time, so it is asked for: await what is returned before the metrics are rendered."""
    seen: dict[str, bool] = {}

    async def look() -> None:
        told = await report(parts)
        seen.update({name: bool(part["ok"]) for name, part in told["parts"].items()})

    metrics.read_from(
        "voicebot_part_ok",
        lambda: [((each.name, str(each.needed).lower()), float(seen[each.name])) for each in parts if each.name in seen],
    )
    return look


def store_parts(stores: Stores) -> list[Part]:
    """State and records: the service goes on without them, but somebody must look."""
    return [
        Part("state", lambda: None if stores.shared.available else "the state server does not answer"),
        Part("records", lambda: stores.records.trouble),
    ]
