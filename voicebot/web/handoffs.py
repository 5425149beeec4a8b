"""GET /api/handoffs/{ref}: what the agent sees when the call rings."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path

from voicebot.handoff.record import record_codec
from voicebot.handoff.store import HandOffStore

Ref = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{16,64}$")]


def routes(store: HandOffStore) -> APIRouter:
    """Hand-offs by their opaque reference."""
    router = APIRouter()

    @router.get("/handoffs/{ref}")
    async def hand_off(ref: Ref) -> dict[str, Any]:
        record = await store.get(ref)
        if record is None:
            raise HTTPException(404, "no hand-off under this reference, or it has expired")
        return record_codec.encode(record)

    return router
