"""GET /api/handoffs/{ref}: what the agent sees when the call rings. GET /api/callbacks/{queue}: whom to call back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path

from voicebot.handoff.callbacks import CallbackStore
from voicebot.handoff.store import HandOffStore

Ref = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
QueueName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


def routes(store: HandOffStore, callbacks: CallbackStore) -> APIRouter:
    """Hand-offs by their opaque reference, and promised callbacks in the order of their places."""
    router = APIRouter()

    @router.get("/handoffs/{ref}")
    async def hand_off(ref: Ref) -> dict[str, Any]:
        record = await store.get(ref)
        if record is None:
            raise HTTPException(404, "no hand-off under this reference, or it has expired")
        return record.as_dict()

    @router.get("/callbacks/{queue}")
    async def waiting(queue: QueueName) -> dict[str, Any]:
        return {"queue": queue, "callbacks": [callback.as_dict() for callback in await callbacks.waiting(queue)]}

    @router.delete("/callbacks/{queue}/{ref}", status_code=204)
    async def done(queue: QueueName, ref: Ref) -> None:
        found = next((callback for callback in await callbacks.waiting(queue) if callback.ref == ref), None)
        if found is None:
            raise HTTPException(404, "no callback under this reference in this queue")
        await callbacks.done(found)

    return router
