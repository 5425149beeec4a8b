"""GET /api/calls, /api/calls/{id}, /api/live: calls that are over, and those under way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query

from voicebot.records.store import RecordStore
from voicebot.state.live_calls import LiveCalls

CallId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")]


def routes(records: RecordStore, live: LiveCalls) -> APIRouter:
    """Calls, newest first; `next` is the `before` of the following page, null at the end."""
    router = APIRouter()

    @router.get("/calls")
    async def calls(
        limit: Annotated[int, Query(ge=1, le=500)] = 50, before: Annotated[datetime | None, Query()] = None
    ) -> dict[str, Any]:
        if before is not None and before.tzinfo is None:
            before = before.replace(tzinfo=UTC)
        found = await records.calls(limit=limit, before=before)
        following = found[-1].started.isoformat() if len(found) == limit else None
        return {"calls": [summary.as_dict() for summary in found], "next": following}

    @router.get("/calls/{call_id}")
    async def call(call_id: CallId) -> dict[str, Any]:
        record = await records.call(call_id)
        if record is None:
            raise HTTPException(404, "no such call; one that has just ended may be a moment away from being written")
        return record.as_dict()

    @router.get("/live")
    async def under_way() -> dict[str, Any]:
        return {"calls": [each.as_dict() for each in await live.everywhere()]}

    return router
