"""GET /api/calls, /api/calls/{id}, /api/live: calls that are over, and those under way. GET /api/survey: how callers answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query

from voicebot.records.store import RecordStore
from voicebot.records.summary import summary_codec
from voicebot.state.live_calls import LiveCalls, shown
from voicebot.web.fields import Moment

CallId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")]


def routes(records: RecordStore, live: LiveCalls, *, clock: Callable[[], datetime]) -> APIRouter:
    """Calls, newest first; `next` is the `before` of the following page, null at the end. The survey's answers are counted
    since a time, in the last 30 days without one.
    """
    router = APIRouter()

    @router.get("/calls")
    async def calls(
        limit: Annotated[int, Query(ge=1, le=500)] = 50, before: Annotated[Moment | None, Query()] = None
    ) -> dict[str, Any]:
        found = await records.calls(limit=limit, before=before)
        following = found[-1].started.isoformat().replace("+00:00", "Z") if len(found) == limit else None  # "+" is " " in a URL
        return {"calls": [summary_codec.encode(summary) for summary in found], "next": following}

    @router.get("/calls/{call_id}")
    async def call(call_id: CallId) -> dict[str, Any]:
        record = await records.call(call_id)
        if record is None:
            raise HTTPException(404, "no such call; one that has just ended may be a moment away from being written")
        return record.encode()

    @router.get("/survey")
    async def survey(since: Annotated[Moment | None, Query()] = None) -> dict[str, Any]:
        start = since or clock() - timedelta(days=30)
        return {"since": start.isoformat(), "answers": [asdict(each) for each in await records.survey(start)]}

    @router.get("/live")
    async def under_way() -> dict[str, Any]:
        return {"calls": [shown(each) for each in await live.everywhere()]}

    return router
