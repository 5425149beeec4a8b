"""GET /api/handoffs/{key}: what the agent sees when the call rings."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query

from voicebot.handoff.keys import KEY
from voicebot.handoff.record import HandOffRecord, record_codec
from voicebot.handoff.store import HandOffStore

LONGEST_WAIT_S = 10
MOST_WAITING = 50
"""Screens that may wait at once for a hand-off that is not there yet; whoever comes after them is answered at once."""
_LOOK_EVERY_S = 0.1

Key = Annotated[str, Path(pattern=KEY, description="Our reference, our call id, SIP Call-ID, X-Call-Ref, or User-to-User.")]
Wait = Annotated[
    float,
    Query(ge=0, le=LONGEST_WAIT_S, description="Seconds to wait for a hand-off that may be on its way.", allow_inf_nan=False),
]


def routes(store: HandOffStore) -> APIRouter:
    """Hand-offs, by whatever the agent's screen knows of the call."""
    router = APIRouter()
    places = asyncio.Semaphore(MOST_WAITING)

    @router.get("/handoffs/{key:path}")  # a Call-ID may hold a slash
    async def hand_off(key: Key, wait: Wait = 0) -> dict[str, Any]:
        record = await store.find(key)
        if record is None and wait > 0 and not places.locked():
            async with places:
                record = await _awaited(store, key, wait)
        if record is None:
            raise HTTPException(404, "no hand-off under this reference or id of a call, or it has expired")
        return record_codec.encode(record)

    return router


async def _awaited(store: HandOffStore, key: str, seconds: float) -> HandOffRecord | None:
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while clock() < until:
        await asyncio.sleep(_LOOK_EVERY_S)
        if (record := await store.find(key)) is not None:
            return record
    return None
