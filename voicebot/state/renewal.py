"""Leases are renewed in the background for as long as the process lives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from voicebot.errors import code_of
from voicebot.tasks import cancelled

_RENEW_S = 10.0

_log = structlog.get_logger(__name__)


def _every_few_seconds() -> Awaitable[None]:
    return asyncio.sleep(_RENEW_S)


class Renewal:
    """Calls a function again and again. One call that raises is logged and does not end those that follow."""

    def __init__(self, name: str, *, pause: Callable[[], Awaitable[None]] = _every_few_seconds) -> None:
        """`pause` waits until the next call is due."""
        self._name = name
        self._pause = pause
        self._task: asyncio.Task[None] | None = None

    def start(self, renew: Callable[[], None]) -> None:
        """Begin; harmless when it has begun."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(renew), name=self._name)

    async def close(self) -> None:
        """Stop; harmless when it has stopped."""
        task, self._task = self._task, None
        await cancelled(task)

    async def _run(self, renew: Callable[[], None]) -> None:
        while True:
            await self._pause()
            try:
                renew()
            except Exception as error:
                _log.exception("leases could not be renewed", code=code_of(error), what=self._name)
