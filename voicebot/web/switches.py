"""POST /api/switches: surge and closure, live; POST /api/waits: what a queue reports of its waiting time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field, model_validator

from dialogs.data.bundle import Bundle
from voicebot.state.conditions import LiveConditionsStore, SwitchKind, SwitchSetting, switch_codec
from voicebot.switches.board import Kept, SwitchBoard
from voicebot.switches.orders import SwitchRefused, check
from voicebot.web.fields import MaybeName, Moment, Note, Person, QueueName
from voicebot.web.problems import known
from voicebot.web.strict_json import StrictJsonRoute


class SwitchOrder(BaseModel):
    """What a person orders. `who` is required: the history names them. A closure says which queue; `queue` "" closes every queue
    but those that take emergencies.
    """

    model_config = ConfigDict(extra="forbid")

    kind: SwitchKind
    on: bool
    who: Person
    queue: MaybeName = ""
    why: Note = ""
    prompt: MaybeName = ""
    until: Moment | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> SwitchOrder:
        if self.kind is SwitchKind.SURGE and self.queue:
            raise ValueError("a surge holds everywhere: leave queue out, or order a closure of that queue")
        if self.kind is SwitchKind.CLOSURE and "queue" not in self.model_fields_set:
            raise ValueError('a closure needs its queue; "queue": "" closes every queue but those that take emergencies')
        return self


class WaitReport(BaseModel):
    """A queue's expected wait in seconds, now."""

    model_config = ConfigDict(extra="forbid")

    queue: QueueName
    seconds: Annotated[float, Field(ge=0, le=86_400)]


def routes(
    conditions: LiveConditionsStore, board: SwitchBoard, in_force: Callable[[], Bundle], *, clock: Callable[[], datetime]
) -> APIRouter:
    """What is on now, its history, and setting it. What the bundle does not know is refused with the nearest name; only a switch
    that was set under an earlier bundle can still be taken back.
    """
    router = APIRouter(route_class=StrictJsonRoute)

    @router.get("/switches")
    async def switches() -> dict[str, Any]:
        now = clock()
        holding = [switch_codec.encode(setting) for setting in board.holding(now)]
        return {"switches": holding, "waits": conditions.snapshot.waits(now)}

    @router.get("/switches/history")
    async def history() -> dict[str, Any]:
        return {"history": [switch_codec.encode(setting) for setting in await board.history()]}

    @router.post("/switches")
    async def order(ordered: SwitchOrder) -> dict[str, Any]:
        setting = SwitchSetting(**ordered.model_dump(), when=clock())
        if setting.on or not board.known(setting.name):
            try:
                check(setting, in_force())
            except SwitchRefused as error:
                raise HTTPException(422, str(error)) from None
        if await board.order(setting) is Kept.NOWHERE:
            raise HTTPException(503, "neither the state server nor the database answers: calls do not go by it yet")
        return switch_codec.encode(setting)

    @router.post("/waits", status_code=204)
    async def report(wait: WaitReport) -> None:
        known("queue", wait.queue, tuple(in_force().routes.queues))
        conditions.set_wait(wait.queue, wait.seconds, clock())

    return router
