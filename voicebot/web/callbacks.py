"""/api/callbacks: for the dialler that calls customers back. It lists the callbacks, takes the next one, and reports its outcome.

A dialler asks a queue for its next callback when an agent is free (POST …/take), calls `number` from `cli`, and reports the
outcome with the claim it was given. A dialler that dies loses its claim: the callback is free again, in its old place.
Callbacks that are not made because the customer rang again and was put through are listed as `served` for some days.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from dialogs.data.bundle import Bundle
from dialogs.data.routes import HIGHEST_PRIORITY, SLOWED_PRIORITY
from voicebot.handoff.callback_service import CallbackService, ClaimLost, Outcome
from voicebot.handoff.callbacks import callback_codec, served_codec
from voicebot.web.fields import Moment, QueueName, Ref
from voicebot.web.problems import known
from voicebot.web.strict_json import StrictJsonRoute


class OnTheLine(BaseModel):
    """The first caller who waits in the queue on the telephone: their turn comes before that of callbacks promised later."""

    model_config = ConfigDict(extra="forbid")

    since: Moment
    priority: Annotated[int, Field(ge=SLOWED_PRIORITY, le=HIGHEST_PRIORITY)] = 0


class TakeOrder(BaseModel):
    """The next callback is wanted."""

    model_config = ConfigDict(extra="forbid")

    seconds: Annotated[float, Field(ge=10, le=3600)] = 300.0
    """How long the claim holds without an outcome."""
    on_line: OnTheLine | None = None
    """The first caller who waits on the telephone, if anybody does."""


class OutcomeReport(BaseModel):
    """What became of a callback."""

    model_config = ConfigDict(extra="forbid")

    claim: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
    """As it was given with the callback."""
    outcome: Outcome
    """not_reached counts as an attempt, given_back does not."""


def routes(service: CallbackService, in_force: Callable[[], Bundle]) -> APIRouter:
    """Promised callbacks in the order of their places. A queue that the bundle does not have, and where none are left of an
    earlier bundle, is a 404 with the nearest name: a dialler that waits there would wait for ever.
    """
    router = APIRouter(route_class=StrictJsonRoute)

    async def listed(queue: str | None) -> dict[str, Any]:
        waiting, served = await service.line(queue), await service.served(queue)
        return {"callbacks": [each.as_dict() for each in waiting], "served": [served_codec.encode(each) for each in served]}

    @router.get("/callbacks")
    async def everywhere() -> dict[str, Any]:
        return await listed(None)

    @router.get("/callbacks/{queue}")
    async def waiting(queue: QueueName) -> dict[str, Any]:
        found = await listed(queue)
        if not any(found.values()):
            known("queue", queue, tuple(in_force().routes.queues), status=404)
        return {"queue": queue, **found}

    @router.post("/callbacks/{queue}/take", response_model=None)
    async def take(queue: QueueName, order: TakeOrder | None = None) -> dict[str, Any] | Response:
        asked = order or TakeOrder()
        on_line = (asked.on_line.since, asked.on_line.priority) if asked.on_line else None
        taken = await service.take(queue, seconds=asked.seconds, on_line=on_line)
        if taken is None:
            if not await service.line(queue):
                known("queue", queue, tuple(in_force().routes.queues), status=404)
            return Response(status_code=204)  # nobody, or the caller on the line comes first
        return taken.as_dict() | {"fetch": f"/api/handoffs/{taken.callback.ref}"}

    @router.post("/callbacks/{queue}/{ref}/outcome")
    async def settle(queue: QueueName, ref: Ref, report: OutcomeReport) -> dict[str, Any]:
        try:
            kept = await service.settle(queue, ref, report.claim, report.outcome)
        except ClaimLost as lost:
            raise HTTPException(409, str(lost)) from lost
        return {"kept": kept is not None, "callback": callback_codec.encode(kept) if kept else None}

    @router.delete("/callbacks/{queue}/{ref}", status_code=204)
    async def withdraw(queue: QueueName, ref: Ref) -> None:
        if not await service.withdraw(queue, ref):
            raise HTTPException(404, "no callback under this reference in this queue")

    return router
