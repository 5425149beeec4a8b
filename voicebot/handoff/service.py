"""Carries out the `HandOff` that the dialogue asks for, whatever fails on the way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from caller_id.phone_numbers import is_mobile
from caller_id.types import Caller, NumberTrust
from dialogs.events import HandOff, HandOffResult
from voicebot.endpoints.leg import CallOffer, TransferOutcome, TransferTarget
from voicebot.errors import StateError, code_of
from voicebot.handoff.callback_queue import CallbackError
from voicebot.handoff.callback_service import CallbackService, RangAgain
from voicebot.handoff.callbacks import callback_for
from voicebot.handoff.record import HandOffRecord, make_record
from voicebot.handoff.settings import HandOffSettings
from voicebot.handoff.store import HandOffStore
from voicebot.handoff.webhook import Webhook
from voicebot.redaction import JsonValue

_DEFAULTS = HandOffSettings()
KEEP_WAITING_FOR = timedelta(days=30)  # a callback or a message may wait over a holiday
ANNOUNCE_S = 0.3
"""The bank's systems are told of a transfer before it is asked for, so that the agent's screen knows the call when it rings. A
receiver that is slower costs the caller so long, and then nothing (see `Webhook.announce`)."""
_MOST_REFS = 1000

_log = structlog.get_logger(__name__)


class Transferable(Protocol):
    """Whoever can be handed over: a telephone leg is transferred, a chat is taken over where it is."""

    @property
    def offer(self) -> CallOffer:
        """What the network said when the call came."""
        ...

    async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        """See `voicebot.endpoints.leg.Leg.transfer`."""
        ...


class HandOffService:
    """Hands calls over: keeps the record for the agent's screen, tells the bank's systems, and transfers, calls back or takes a
    message.
    """

    def __init__(
        self,
        store: HandOffStore,
        webhook: Webhook | None,
        name_of: Callable[[str], str],
        *,
        callbacks: CallbackService,
        keep_for: timedelta = timedelta(hours=_DEFAULTS.keep_hours),
        transfer_timeout_s: float = _DEFAULTS.transfer_timeout_s,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`name_of` gives the name by which the telephone network knows a queue; it may raise for one that it does not know."""
        self._store = store
        self._webhook = webhook
        self._name_of = name_of
        self._callbacks = callbacks
        self._keep_for = keep_for
        self._timeout_s = transfer_timeout_s
        self._clock = clock
        self._refs: OrderedDict[str, str] = OrderedDict()

    def last_ref(self, call_id: str) -> str | None:
        """The reference of a call's latest hand-off, for its journal."""
        return self._refs.get(call_id)

    async def hand_off(self, action: HandOff, *, leg: Transferable, caller: Caller, call_id: str) -> HandOffResult:
        """See a hand-off through. Never raises: `ok` False says why (refused, timeout, unreachable, passed_back, gone,
        failed).
        """
        keep_for = self._keep_for if action.kind == "transfer" and action.call_back is None else KEEP_WAITING_FOR
        try:
            offer = leg.offer
            record = make_record(
                action,
                caller=caller,
                call_id=call_id,
                call_ref=offer.call_ref,
                now=self._clock(),
                keep_for=keep_for,
                headers=offer.headers,
            )
            self._file(record)
            await self._store.put(record)
            return await self._see_through(record, leg)
        except Exception as error:  # the dialogue must get an answer: the caller waits
            _log.exception("hand-off failed", code=code_of(error), queue=action.queue)
            return HandOffResult(ok=False, queue=action.queue, reason="failed")

    async def take(self, record: HandOffRecord) -> bool:
        """Keep a message that nobody waits with, and tell the bank's systems. Taken again under its reference it is the same one.
        False when no other process can find it yet: take it again later. Never raises.
        """
        await self._store.put(record)
        try:
            kept = await self._store.is_kept(record.ref)
        except StateError:
            kept = False
        if kept:
            await self._tell(record)
        return kept

    async def rang_again(self, queue: str, *, caller: Caller, call_id: str) -> list[str]:
        """The call was put through to `queue`: whoever was promised a callback there, and shows a mobile number that the network
        vouches for, need not be called any more; behind another number it may be somebody else. References of the callbacks that
        ended so. Never raises.
        """
        if caller.number is None or caller.withheld or caller.trust is NumberTrust.NONE or not is_mobile(caller.number):
            return []
        try:
            return await self._callbacks.rang_again(RangAgain(caller.number, queue, call_id, self._clock()))
        except Exception as error:  # the caller is through already
            _log.exception("callbacks could not be looked through", code=code_of(error), queue=queue)
            return []

    async def _see_through(self, record: HandOffRecord, leg: Transferable) -> HandOffResult:
        log = _log.bind(ref=record.ref, queue=record.queue, priority=record.priority)
        if record.call_back is not None:
            return await self._promise(record)
        await self._tell(record, wait_s=ANNOUNCE_S if record.kind == "transfer" else 0.0)
        if record.kind == "message":
            log.info("message taken")
            return HandOffResult(ok=True, queue=record.queue, reason="message")
        target = TransferTarget(
            record.queue,
            self._name_of(record.queue),
            record.ref,
            record.call_ref,
            priority=record.priority,
            segment=record.segment,
            intent=record.intent or "",
            language=record.language,
        )
        outcome = await leg.transfer(target, self._timeout_s)
        log.info("transferred" if outcome.ok else "transfer failed", reason=outcome.reason, status=outcome.status)
        return HandOffResult(ok=outcome.ok, queue=record.queue, reason=outcome.reason)

    async def _promise(self, record: HandOffRecord) -> HandOffResult:
        log = _log.bind(ref=record.ref, queue=record.queue, priority=record.priority)
        try:
            await self._callbacks.promise(callback_for(record))
        except CallbackError as error:
            log.warning("callback refused", code=error.code, why=str(error))
            self._store.dealt_with(record.ref)
            return HandOffResult(ok=False, queue=record.queue, reason="refused")
        await self._tell(record)
        log.info("callback promised")
        return HandOffResult(ok=True, queue=record.queue, reason="callback")

    def _file(self, record: HandOffRecord) -> None:
        self._refs[record.call_id] = record.ref
        self._refs.move_to_end(record.call_id)
        if len(self._refs) > _MOST_REFS:
            self._refs.popitem(last=False)

    async def _tell(self, record: HandOffRecord, wait_s: float = 0.0) -> None:
        """What is said on the wire is only what routing needs; the rest is behind the reference and its token. Waits for the
        first try, for so long at most.
        """
        if self._webhook is None:
            return
        data: dict[str, JsonValue] = {
            "ref": record.ref,
            "call_id": record.call_id,
            "call_ref": record.call_ref,
            "x_call_ref": record.x_call_ref,
            "created": record.created.isoformat(),
            "queue": record.queue,
            "priority": record.priority,
            "segment": record.segment,
            "language": record.language,
            "intent": record.intent,
            "barred": record.barred,
            "too_often": asdict(record.too_often) if record.too_often is not None else None,
            "fetch": f"/api/handoffs/{record.ref}",
        }
        await self._webhook.announce(f"handoff.{record.kind}", record.ref, data, wait_s)
