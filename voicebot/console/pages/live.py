"""Live: calls and chats under way, queues, switches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from dialogs.data.bundle import Bundle
from voicebot.accounts.roles import Role
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import Pages, View
from voicebot.state.live_calls import LiveCall, shown

WATCHERS = frozenset({Role.VIEWER, Role.TUNER, Role.SUPERVISOR})


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


def queues_now(bundle: Bundle, calls: Sequence[LiveCall], parts: ConsoleParts, now: datetime) -> list[QueueNow]:
    """All queues of the bundle, in its order."""
    snapshot = parts.stores.conditions.snapshot
    waits = snapshot.waits(now)
    closed = {each.queue for each in snapshot.holding(now) if each.kind == "closure"}
    callbacks = parts.callbacks.counted
    return [
        QueueNow(
            name,
            sum(call.queue == name for call in calls),
            waits.get(name),
            callbacks.get(name, 0),
            name in closed,
        )
        for name in bundle.queues
    ]


def pages(parts: ConsoleParts) -> Pages:
    """The page of what is under way."""
    found = Pages()

    @found.get("/live", roles=WATCHERS, nav="nav.live", order=10)
    async def live(view: View) -> Response:
        now = parts.clock()
        calls = await parts.stores.live.everywhere()
        await parts.callbacks.count()
        rows = [(shown(call), (now - call.started).total_seconds()) for call in calls]
        queues = queues_now(parts.bundle(), calls, parts, now)
        holding = parts.stores.conditions.snapshot.holding(now)
        return view.show(
            "live.html", calls=rows, queues=queues, switches=holding, now=now, reachable=parts.stores.shared.available
        )

    return found
