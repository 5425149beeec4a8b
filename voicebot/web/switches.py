"""POST /api/switches: surge and closure, live; POST /api/waits: what a queue reports of its waiting time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from voicebot.state.conditions import ConditionsBoard, SwitchKind, SwitchSetting

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,64}$")]


class SwitchOrder(BaseModel):
    """What a person orders. `who` is required: the history names them. `queue` "" means everywhere."""

    model_config = ConfigDict(extra="forbid")

    kind: SwitchKind
    on: bool
    who: Annotated[str, Field(min_length=1, max_length=80)]
    queue: Name = ""
    why: Annotated[str, Field(max_length=200)] = ""
    prompt: Name = ""
    until: AwareDatetime | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> SwitchOrder:
        if self.kind is SwitchKind.SURGE and self.queue:
            raise ValueError("a surge holds everywhere: leave queue out, or order a closure of that queue")
        if self.on and self.until is not None and self.until <= datetime.now(UTC):
            raise ValueError("until is past: the switch would be off at once")
        return self


class WaitReport(BaseModel):
    """A queue's expected wait in seconds, now."""

    model_config = ConfigDict(extra="forbid")

    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    seconds: Annotated[float, Field(ge=0, le=86_400)]


def routes(conditions: ConditionsBoard) -> APIRouter:
    """What is on now, its history, and setting it."""
    router = APIRouter()

    @router.get("/switches")
    async def switches() -> dict[str, Any]:
        now = datetime.now(UTC)
        holding = [setting.as_dict() for setting in conditions.snapshot.holding(now)]
        return {"switches": holding, "waits": conditions.snapshot.waits(now)}

    @router.get("/switches/history")
    async def history() -> dict[str, Any]:
        return {"history": [setting.as_dict() for setting in await conditions.history()]}

    @router.post("/switches")
    async def order(ordered: SwitchOrder) -> dict[str, Any]:
        setting = SwitchSetting(**ordered.model_dump(), when=datetime.now(UTC))
        conditions.set_switch(setting)
        return setting.as_dict()

    @router.post("/waits", status_code=204)
    async def report(wait: WaitReport) -> None:
        conditions.set_wait(wait.queue, wait.seconds, datetime.now(UTC))

    return router
