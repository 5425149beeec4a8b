"""What the calls' process must know of an app's call: left in the state server by the web process, and taken once.

The INVITE carries only the session's name, 128 random bits. Whoever cannot name a session that waits is no app.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis

from caller_id.tied import AppProof
from voicebot.state.shared import PREFIX, SharedState

_TTL_S = 60
_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class AppSession:
    """One call from the app."""

    call: str
    """Its name for the app, and in the audit trail."""
    proof: AppProof
    """Who calls, as the ticket says."""
    began: datetime


_codec = TypeAdapter(AppSession)


def new_session() -> str:
    """A name that nobody guesses."""
    return secrets.token_hex(16)


class AppSessions:
    """Put by one process, taken by the other."""

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared

    async def put(self, name: str, session: AppSession) -> None:
        """Leave it there for a minute. Raises StateError."""
        text = _codec.dump_json(session).decode()

        async def put(redis: Redis) -> None:
            await redis.set(_key(name), text, ex=_TTL_S)

        await self._shared.ask(put)

    async def take(self, name: str) -> AppSession | None:
        """Take it away; None when there is none with this name. Raises StateError."""
        if not _NAME.fullmatch(name):
            return None

        async def take(redis: Redis) -> str | None:
            return cast(str | None, await redis.getdel(_key(name)))

        text = await self._shared.ask(take)
        try:
            return _codec.validate_json(text) if text else None
        except ValidationError:
            return None


def shown_under(call: str) -> str:
    """The relay's name for what an app is shown of its call."""
    return f"webcall:{call}"


def _key(name: str) -> str:
    return f"{PREFIX}webcall:{name}"
