"""Live: calls and chats under way, queues, what is out of order, switches that are on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response, StreamingResponse

from dialogs.data.bundle import Bundle
from voicebot.accounts.roles import Role
from voicebot.console.live_feed import LiveFeed
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View
from voicebot.console.texts import names
from voicebot.errors import RecordsError
from voicebot.figures.rising import Rise, rising
from voicebot.state.conditions import LiveConditions, SwitchKind
from voicebot.state.live_calls import LiveCall, shown

WATCHERS = frozenset({Role.VIEWER, Role.TUNER, Role.SUPERVISOR})


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that somebody should look at."""

    part: str
    trouble: str
    """"" when it does not answer at all."""


@dataclass(frozen=True, slots=True)
class QueueNow:
    """One queue as it is now."""

    name: str
    calls: int
    """Calls that go to it, still with us."""
    wait_s: float | None
    """What it reported; None: nothing fresh."""
    callbacks: int
    closed: bool
    """By a switch."""
    opens: bool
    """It is outside its hours."""


def queues_now(
    bundle: Bundle, calls: Sequence[LiveCall], conditions: LiveConditions, callbacks: dict[str, int], now: datetime
) -> list[QueueNow]:
    """All queues of the bundle, in its order."""
    waits = conditions.waits(now)
    closures = {each.queue for each in conditions.holding(now) if each.kind is SwitchKind.CLOSURE}
    return [
        QueueNow(
            name,
            sum(call.queue == name for call in calls),
            waits.get(name),
            callbacks.get(name, 0),
            name in closures or ("" in closures and not queue.emergency),
            not bundle.calendar.is_open(queue.hours, now),
        )
        for name, queue in bundle.queues.items()
    ]


def alarms_in(told: dict[str, Any]) -> list[Alarm]:
    """The parts of the calls' process that do not work."""
    if not told:
        return [Alarm("calls", "")]
    return [Alarm(name, part["why"]) for name, part in told.get("parts", {}).items() if not part["ok"]]


def pages(parts: ConsoleParts, calls_health: Callable[[], Awaitable[dict[str, Any]]]) -> Pages:
    """The page of what is under way. `calls_health` asks the calls' process how it is (`voicebot.health.asked`)."""
    found = Pages()
    feed = LiveFeed(parts.stores.live.everywhere, parts.stopping)

    async def last_ended() -> datetime | None:
        try:
            latest = await parts.stores.records.calls(limit=1)
        except RecordsError:
            return None
        return latest[0].ended if latest else None

    async def misroutes() -> Rise | None:
        try:
            return await asyncio.to_thread(rising, parts.engine, parts.bundle().calendar.local(parts.clock()).date())
        except SQLAlchemyError:
            return None

    @found.get("/live", roles=WATCHERS, nav="nav.live", order=10)
    async def live(view: View) -> Response:
        now, conditions = parts.clock(), parts.stores.conditions.snapshot
        calls = await parts.stores.live.everywhere()
        await parts.callbacks.count()
        return view.show(
            "live.html",
            calls=[(shown(call), (now - call.started).total_seconds()) for call in calls],
            queues=queues_now(parts.bundle(), calls, conditions, dict(parts.callbacks.counted), now),
            switches=conditions.holding(now),
            alarms=alarms_in(await calls_health()),
            rising=await misroutes(),
            phases=names(view.language, "kind"),
            last_ended=await last_ended() if not calls else None,
            reachable=parts.stores.shared.available,
        )

    @found.get("/live/events", roles=WATCHERS)
    async def events(_view: View) -> Response:
        return StreamingResponse(feed.events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return found
