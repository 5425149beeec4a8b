"""POST /api/handoffs/{ref}/events and /api/handoffs/events (NDJSON), /api/handoffs/{ref}/verdict: what became of hand-offs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from dialogs.data.bundle import Bundle
from voicebot.handoff.store import HandOffStore
from voicebot.outcomes.events import LATEST, Event, How, What
from voicebot.outcomes.store import Outcomes, Verdict
from voicebot.redaction import redact_text
from voicebot.web.fields import Moment, QueueName, Ref
from voicebot.web.problems import known
from voicebot.web.strict_json import StrictJsonRoute

_AHEAD = timedelta(minutes=5)
_MOST_LINES = 1000

Pseudonym = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$"), AfterValidator(lambda text: _no_number(text))]
Code = Annotated[str, Field(max_length=80), AfterValidator(redact_text)]


def _no_number(text: str) -> str:
    if redact_text(text) != text:
        raise ValueError("this looks like a number of a person; send a pseudonym")
    return text


class EventTold(BaseModel):
    """One event of the contact centre."""

    model_config = ConfigDict(extra="forbid")

    what: What
    at: Moment
    queue: QueueName | None = None
    to_queue: QueueName | None = None
    how: How | None = None
    talk_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] | None = None
    wrap_up: Code | None = None
    """The contact centre's code; no words about a person."""
    agent: Pseudonym | None = None


class EventOfBatch(EventTold):
    """One line of a batch: with our reference, or the id that the network gave the call."""

    ref: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")] | None = None
    call_ref: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class VerdictTold(BaseModel):
    """An agent's word on one hand-off."""

    model_config = ConfigDict(extra="forbid")

    right: bool
    agent: Pseudonym
    intent: QueueName | None = None
    """What it was about, where it was not right."""


class Taken(BaseModel):
    """What became of a delivery."""

    new: int
    """Events that were not known yet."""
    unknown: list[str] = []
    """Calls of a batch that no hand-off is known of: events of these are not kept."""


def routes(
    outcomes: Outcomes, store: HandOffStore, in_force: Callable[[], Bundle], *, clock: Callable[[], datetime]
) -> APIRouter:
    """Delivering again does no harm; the order does not matter."""
    router = APIRouter(route_class=StrictJsonRoute)

    async def keep(events: list[Event]) -> int:
        try:
            return await asyncio.to_thread(outcomes.add, events, clock())
        except SQLAlchemyError:
            raise HTTPException(503, "the database is away; deliver it again", {"Retry-After": "10"}) from None

    @router.post("/handoffs/{ref}/events")
    async def event(ref: Ref, told: EventTold) -> Taken:
        _in_time(told, clock())
        return Taken(new=await keep([_event(ref, told)]))

    @router.post("/handoffs/{ref}/verdict", status_code=204)
    async def verdict(ref: Ref, told: VerdictTold) -> None:
        if told.intent is not None:
            known("matter", told.intent, sorted(in_force().routes.matters))
        if told.right and told.intent is not None:
            raise HTTPException(422, "intent is what it was about where it was not right: leave it out")
        try:
            await asyncio.to_thread(outcomes.judge, Verdict(ref, told.agent, clock(), told.right, told.intent))
        except SQLAlchemyError:
            raise HTTPException(503, "the database is away; send it again", {"Retry-After": "10"}) from None

    batch = APIRouter()

    @batch.post("/handoffs/events")
    async def events(request: Request) -> Taken:
        lines = [line for line in (await request.body()).splitlines() if line.strip()]
        if len(lines) > _MOST_LINES:
            raise HTTPException(413, f"{len(lines)} lines; send {_MOST_LINES} at most")
        found: list[Event] = []
        unknown: list[str] = []
        for number, line in enumerate(lines, 1):
            told = _read(line, number, clock())
            ref = told.ref or await _ref_of(store, told.call_ref or "")
            if ref is None:
                unknown.append(told.call_ref or "")
            else:
                found.append(_event(ref, told))
        return Taken(new=await keep(found), unknown=list(dict.fromkeys(unknown)))

    router.include_router(batch)
    return router


def _read(line: bytes, number: int, now: datetime) -> EventOfBatch:
    try:
        told = EventOfBatch.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the line"
        raise HTTPException(422, f"line {number}: {where}: {first['msg']}; nothing of this batch was kept") from None
    if (told.ref is None) == (told.call_ref is None):
        raise HTTPException(422, f"line {number}: give ref or call_ref; nothing of this batch was kept")
    _in_time(told, now, f"line {number}: ")
    return told


async def _ref_of(store: HandOffStore, call_ref: str) -> str | None:
    record = await store.find(call_ref)
    return record.ref if record is not None else None


def _in_time(told: EventTold, now: datetime, where: str = "") -> None:
    if told.at > now + _AHEAD:
        raise HTTPException(422, f"{where}at is in the future; the clock of the sender is wrong")
    if told.at < now - LATEST:
        raise HTTPException(422, f"{where}at is more than {LATEST.days} days ago: too late to count")


def _event(ref: str, told: EventTold) -> Event:
    return Event(ref, told.what, told.at, told.queue, told.to_queue, told.how, told.talk_s, told.wrap_up, told.agent)
