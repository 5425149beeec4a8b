"""POST /api/switches: surge and closure, live; POST /api/waits: what a queue reports of its waiting time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from dialogs.data.bundle import Bundle
from voicebot.state.conditions import LiveConditionsStore, SwitchKind, SwitchSetting, switch_codec

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
        return self


class WaitReport(BaseModel):
    """A queue's expected wait in seconds, now."""

    model_config = ConfigDict(extra="forbid")

    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    seconds: Annotated[float, Field(ge=0, le=86_400)]


def routes(conditions: LiveConditionsStore, in_force: Callable[[], Bundle], *, clock: Callable[[], datetime]) -> APIRouter:
    """What is on now, its history, and setting it. What the bundle does not know is refused with the nearest name; only a switch
    that was set under an earlier bundle can still be taken back.
    """
    router = APIRouter()

    def check(setting: SwitchSetting) -> None:
        bundle = in_force()
        if setting.on and setting.until is not None and setting.until <= setting.when:
            raise HTTPException(422, "until is past: the switch would be off at once")
        if setting.queue:
            _known("queue", setting.queue, tuple(bundle.routes.queues))
            if setting.on and bundle.queues[setting.queue].emergency:
                raise HTTPException(422, f"queue {setting.queue!r} takes emergencies and is never closed")
        if setting.prompt:
            announcements = {prompt for file in bundle.prompts.files.values() for prompt in file.prompts}
            _known("prompt", setting.prompt, sorted(announcements))
            _can_be_said(setting.prompt, bundle, bundle.calendar.local(setting.when).date())

    @router.get("/switches")
    async def switches() -> dict[str, Any]:
        now = clock()
        holding = [switch_codec.encode(setting) for setting in conditions.snapshot.holding(now)]
        return {"switches": holding, "waits": conditions.snapshot.waits(now)}

    @router.get("/switches/history")
    async def history() -> dict[str, Any]:
        return {"history": [switch_codec.encode(setting) for setting in await conditions.history()]}

    @router.post("/switches")
    async def order(ordered: SwitchOrder) -> dict[str, Any]:
        setting = SwitchSetting(**ordered.model_dump(), when=clock())
        if setting.on or setting.name not in conditions.snapshot.switches:
            check(setting)
        conditions.set_switch(setting)
        return switch_codec.encode(setting)

    @router.post("/waits", status_code=204)
    async def report(wait: WaitReport) -> None:
        _known("queue", wait.queue, tuple(in_force().routes.queues))
        conditions.set_wait(wait.queue, wait.seconds, clock())

    return router


def _can_be_said(prompt: str, bundle: Bundle, day: date) -> None:
    """Raises 422 for a prompt that is no announcement: it needs values, or may not be said on this day in any language."""
    prompts = bundle.prompts
    languages = [language for language in prompts.files if prompts.has(prompt, language)]
    needed = sorted({name for language in languages for name, _ in prompts.places(prompt, language)})
    if needed:
        raise HTTPException(422, f"prompt {prompt!r} is no announcement: it needs values ({', '.join(needed)})")
    if not any(prompts.may_say(prompt, language, day) for language in languages):
        raise HTTPException(422, f"prompt {prompt!r} has no text that may be said on {day.isoformat()}")


def _known(what: str, name: str, names: Sequence[str]) -> None:
    """Raises 422 for a name that the bundle does not have, with the nearest one that it has."""
    if name in names:
        return
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names[:30])}"
    raise HTTPException(422, f"the bundle has no {what} {name!r}; {hint}")
