"""What works and what does not. A part that is needed makes the service not ready; any other makes it degraded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Trouble = str | None
"""Why a part does not work, in a few words; None when it does."""

Check = Callable[[], Trouble | Awaitable[Trouble]]

_CHECK_S = 1.5


class Status(StrEnum):
    """How the service is."""

    READY = "ready"
    DEGRADED = "degraded"
    """It takes calls, but a part is away: somebody should look."""
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the service."""

    name: str
    check: Check
    needed: bool = False
    """Without it the service does not do its work at all."""


async def report(parts: Sequence[Part]) -> dict[str, Any]:
    """`{"live": true, "ready": …, "status": …, "parts": {name: {"ok", "needed", "why"}}}`. Never raises, takes 1.5 s at most."""
    troubles = await asyncio.gather(*(_trouble(part) for part in parts))
    shown = {
        part.name: {"ok": trouble is None, "needed": part.needed, "why": trouble or ""}
        for part, trouble in zip(parts, troubles, strict=True)
    }
    down = any(part.needed and trouble is not None for part, trouble in zip(parts, troubles, strict=True))
    status = Status.DOWN if down else Status.DEGRADED if any(troubles) else Status.READY
    return {"live": True, "ready": not down, "status": status.value, "parts": shown}


async def _trouble(part: Part) -> Trouble:
    try:
        async with asyncio.timeout(_CHECK_S):
            found = part.check()
            return found if found is None or isinstance(found, str) else await found
    except TimeoutError:
        return "does not answer"
    except Exception as error:  # a check that fails is a part that does not work
        return f"cannot be checked: {type(error).__name__}"
