"""`Authorising`: the request to the caller's app that is under way in one call, beside the conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from dialogs.events import AuthorisationAsked, AuthorisationResult, Authorise
from voicebot.conversation.stage import Prove
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)


class Authorising:
    """At most one request at a time. However it ends, its result is told; after `close` nothing is."""

    def __init__(self, prove: Prove | None, tell: Callable[[AuthorisationAsked | AuthorisationResult], None]) -> None:
        """`prove` asks the app; None: there is none to ask."""
        self._prove = prove
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    async def begin(self, action: Authorise, within_s: float) -> None:
        """Ask; the result is told within so long. A request before it is given up."""
        await self.close()
        self._task = asyncio.create_task(self._see_through(action, within_s), name="authorise")

    async def close(self) -> None:
        """Give up what is under way: the call ends, or is put through."""
        task, self._task = self._task, None
        await cancelled(task)

    async def _see_through(self, action: Authorise, within_s: float) -> None:
        self._tell(await self._result(action, within_s))

    async def _result(self, action: Authorise, within_s: float) -> AuthorisationResult:
        if self._prove is None:
            return AuthorisationResult(confirmed=False, reason="unavailable")
        try:
            async with asyncio.timeout(within_s):
                return await self._prove(action, self._tell)
        except TimeoutError:
            return AuthorisationResult(confirmed=False, reason="expired")
        except Exception as error:  # whatever ails the app's side: the call goes on without
            log.error("the app could not be asked", code="proof.failed", error=error)
            return AuthorisationResult(confirmed=False, reason="unavailable")
