"""Listening to a recording: only after a reason, which is in the audit trail before the first sound and counts ten minutes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from redis.asyncio import Redis

from voicebot.accounts.roles import Role
from voicebot.console.parts import ConsoleParts
from voicebot.console.routing import View
from voicebot.errors import StateError
from voicebot.state.shared import PREFIX

LISTENERS = frozenset({Role.TUNER, Role.SUPERVISOR, Role.COMPLIANCE})
REASONS = ("complaint", "quality", "understanding", "incident", "request")
"""Why somebody listens; the texts are `call.reason_…`."""
_LISTEN_S = 600
"""One reason counts for so long."""


class Answer(Enum):
    """What became of a reason."""

    ALLOWED = auto()
    NO_REASON = auto()
    NO_AUDIT = auto()
    """The audit trail does not work: then nobody listens."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Who may listen to what now."""

    parts: ConsoleParts

    async def ask(self, view: View, call_id: str, reason: str) -> Answer:
        """Write the reason down and let this person listen. Raises StateError."""
        if reason not in REASONS:
            return Answer.NO_REASON
        if self.parts.audit.trouble is not None:
            return Answer.NO_AUDIT
        await self.parts.audit.note("recording.played", who=view.user.name, call=call_id, reason=reason)

        async def allow(redis: Redis) -> None:
            await redis.set(_key(view, call_id), reason, ex=_LISTEN_S)

        await self.parts.stores.shared.ask(allow)
        return Answer.ALLOWED

    async def allowed(self, view: View, call_id: str) -> bool:
        """Whether this person may listen to this call now; no while the state server is away: all else of a page is shown."""

        async def reason(redis: Redis) -> bool:
            return bool(await redis.exists(_key(view, call_id)))

        try:
            return view.may(*LISTENERS) and await self.parts.stores.shared.ask(reason)
        except StateError:
            return False


def _key(view: View, call_id: str) -> str:
    return f"{PREFIX}listens:{view.user.user_id}:{call_id}"
