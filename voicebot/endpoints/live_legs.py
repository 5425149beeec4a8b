"""The calls of one endpoint that are not over: served, waited for, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Generic, Protocol, TypeVar

from voicebot.endpoints.leg import CallOffer
from voicebot.tasks import ended

log = logging.getLogger(__name__)

_CLOSE_S = 5.0


class EndableLeg(Protocol):
    """A leg as its endpoint knows it."""

    @property
    def offer(self) -> CallOffer:
        """What the network said when the call came."""
        ...

    async def end(self, cause: str) -> None:
        """End the call for a reason of our own; harmless when it is over."""
        ...

    async def release(self) -> None:
        """End what runs for the leg, once it is over."""
        ...


L = TypeVar("L", bound=EndableLeg)


class LiveLegs(Generic[L]):
    """Legs from their offer until all that they held is released."""

    def __init__(self, name: str) -> None:
        """`name` is the endpoint's, for names of tasks."""
        self._name = name
        self._legs: set[L] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._none_left = asyncio.Event()
        self._none_left.set()

    def __len__(self) -> int:
        return len(self._legs)

    def __iter__(self) -> Iterator[L]:
        """Those that live now, whatever happens to them meanwhile."""
        return iter(tuple(self._legs))

    def serve(self, leg: L, work: Awaitable[None], after: Callable[[], None] | None = None) -> None:
        """The leg lives from now until `work` is done and the leg has ended; `after` is called then. What `work` raises is
        logged, and ends the call with the cause "failed".
        """
        self._legs.add(leg)
        self._none_left.clear()
        self.run(self._served(leg, work, after), leg.offer.call_ref)

    async def _served(self, leg: L, work: Awaitable[None], after: Callable[[], None] | None) -> None:
        try:
            await work
        except Exception:
            log.exception("serving a call failed", extra={"call_ref": leg.offer.call_ref})
        finally:
            try:
                await leg.end("failed")
                await leg.release()
            except Exception:
                log.exception("a call was not released in order", extra={"call_ref": leg.offer.call_ref})
            finally:
                self._legs.discard(leg)
                if after is not None:
                    after()
                if not self._legs:
                    self._none_left.set()

    def run(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Do this beside; `close` waits for it."""
        task = asyncio.get_running_loop().create_task(work, name=f"{self._name}-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def none_left(self, timeout_s: float) -> bool:
        """Wait until none lives; False when some do after `timeout_s`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._none_left.wait(), timeout_s)
        return not self._legs

    async def end(self, cause: str) -> None:
        """End those that live now, all at once. One that takes more than five seconds is ended beside."""
        ending = [self.run(leg.end(cause), f"end-{leg.offer.call_ref}") for leg in self]
        if ending:
            await asyncio.wait(ending, timeout=_CLOSE_S)

    async def close(self) -> None:
        """End every call (cause "shutdown"), and what runs beside them."""
        await self.end("shutdown")
        await ended(self._tasks, _CLOSE_S)
