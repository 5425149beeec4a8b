"""Makes cases: of every message, and of callbacks that were given up or that nobody made in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialogs.data.bundle import Bundle
from dialogs.data.routes import HIGHEST_PRIORITY
from voicebot.cases.case import Case, due
from voicebot.cases.settings import CasesSettings
from voicebot.cases.store import Cases
from voicebot.errors import StateError, code_of
from voicebot.handoff.callback_service import CallbackService
from voicebot.handoff.record import HandOffRecord
from voicebot.handoff.store import HandOffStore
from voicebot.redaction import JsonValue

_SETTLING = timedelta(minutes=5)
"""A callback that is in no line is given up; one so new may be on its way into it."""
_ALWAYS_DUE = timedelta(hours=8)
_HELD_S = 60.0
"""A callback that becomes a case is nobody's to make for so long: no agent takes it in between."""

log = structlog.get_logger(__name__)


class Tells(Protocol):
    """The webhook."""

    def fire(self, event: str, delivery_id: str, data: dict[str, JsonValue]) -> None:
        """Deliver in the background."""
        ...


class CaseSweep:
    """Looks through what is to be done. Any number of processes may: a hand-off becomes one case at most."""

    def __init__(
        self,
        cases: Cases,
        handoffs: HandOffStore,
        callbacks: CallbackService,
        settings: CasesSettings,
        *,
        clock: Callable[[], datetime],
        webhook: Tells | None = None,
    ) -> None:
        self._cases = cases
        self._handoffs = handoffs
        self._callbacks = callbacks
        self._settings = settings
        self._clock = clock
        self._webhook = webhook

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
                await self.forget()
            except (StateError, SQLAlchemyError) as error:
                log.warning("cases cannot be made now", code=code_of(error), why=type(error).__name__)
            except Exception as error:  # the next look may fare better
                log.exception("cases cannot be made", code=code_of(error))
            await asyncio.sleep(self._settings.look_every_s)

    async def look(self) -> int:
        """Look once; how many cases were made. Raises StateError, and what SQLAlchemy raises."""
        made = 0
        in_line = {each.callback.ref: each.taken for each in await self._callbacks.line()}
        for ref in await self._handoffs.to_do():
            record = await self._handoffs.get(ref)
            if record is None:  # deleted, or its time is over
                self._handoffs.dealt_with(ref)
            elif self._is_unfinished(record, in_line.get(ref)) and (
                ref not in in_line or await self._callbacks.hold(record.queue, ref, _HELD_S)
            ):
                made += await self._make(record)
        return made

    async def forget(self) -> int:
        """Delete what was done long ago; how many. Raises what SQLAlchemy raises."""
        days = self._settings.keep_days
        if days is None:
            return 0
        return await asyncio.to_thread(self._cases.forget_done, self._clock() - timedelta(days=days))

    def _is_unfinished(self, record: HandOffRecord, taken: bool | None) -> bool:
        """`taken`: whether somebody is making the callback now; None when it is in no line."""
        if record.kind == "message":
            return True
        if taken is None:
            return self._clock() - record.created >= _SETTLING
        return not taken and self._clock() >= self._due(record, self._settings.callback_hours)

    def _due(self, record: HandOffRecord, open_hours: float) -> datetime:
        bundle: Bundle = self._callbacks.bundle
        queue = bundle.queues.get(record.queue)
        if queue is None:  # of an earlier bundle
            return record.created + _ALWAYS_DUE
        return due(bundle.calendar, queue.hours, record.created, open_hours)

    async def _make(self, record: HandOffRecord) -> bool:
        hours = self._settings
        message_hours = hours.emergency_hours if record.priority >= HIGHEST_PRIORITY else hours.message_hours
        until = self._due(record, message_hours if record.kind == "message" else 2 * hours.callback_hours)
        case = Case(
            ref=record.ref,
            kind=record.kind,
            queue=record.queue,
            intent=record.intent,
            language=record.language,
            priority=record.priority,
            words=record.words,
            call_id=record.call_id,
            asked_at=record.created,
            made_at=self._clock(),
            due_at=until,
        )
        new = await asyncio.to_thread(self._cases.open, case)
        if record.kind == "callback":  # it is in one place only
            await self._callbacks.withdraw(record.queue, record.ref)
        self._handoffs.dealt_with(record.ref)
        if new and self._webhook is not None:
            data: dict[str, JsonValue] = {
                "ref": case.ref,
                "kind": case.kind,
                "queue": case.queue,
                "intent": case.intent,
                "priority": case.priority,
                "due": until.isoformat(),
                "fetch": f"/api/handoffs/{case.ref}",
            }
            self._webhook.fire("case.opened", f"{case.ref}-case", data)
        return new
