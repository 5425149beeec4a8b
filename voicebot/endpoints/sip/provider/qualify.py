"""Whether a trunk is there: an OPTIONS every so often (RFC 3261, 11), its state, and how long the answer took."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from enum import StrEnum

from voicebot.endpoints.sip.provider.messages import Request
from voicebot.endpoints.sip.provider.registration import Find, Here
from voicebot.endpoints.sip.provider.sending import NoReply, Sender
from voicebot.hosts import uri_host
from voicebot.tasks import cancelled

log = logging.getLogger(__name__)

_UNABLE = frozenset({408, 500, 502, 503, 504})


class Reach(StrEnum):
    """How a trunk is."""

    UNKNOWN = "unknown"
    UP = "up"
    SLOW = "slow"
    """It answers, but later than it should."""
    DOWN = "down"


class Qualify:
    """Asks one trunk, from `start` until `stop`."""

    def __init__(
        self, name: str, every_s: float, slow_ms: float, sender: Sender, find: Find, here: Here, route: Sequence[str] = ()
    ) -> None:
        self.state = Reach.UNKNOWN
        self.why = ""
        """Why it is not up; "" otherwise."""
        self.round_trip_s: float | None = None
        """Of the latest answer; None while there is none."""
        self._name = name
        self._every_s = every_s
        self._slow_ms = slow_ms
        self._sender = sender
        self._find = find
        self._here = here
        self._route = route
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; harmless when begun."""
        self._task = self._task or asyncio.get_running_loop().create_task(self._keep(), name=f"qualify-{self._name}")

    async def stop(self) -> None:
        """End it."""
        await cancelled(self._task)
        self._task = None

    async def _keep(self) -> None:
        while True:
            try:
                await self._look()
            except (NoReply, OSError) as error:
                self._is(Reach.DOWN, str(error))
            except Exception as error:
                log.exception("trunk %s cannot be asked", self._name)
                self._is(Reach.DOWN, type(error).__name__)
            await asyncio.sleep(self._every_s * random.uniform(0.9, 1.1))  # noqa: S311  no secret hangs on it

    async def _look(self) -> None:
        """Any address that answers will do. Raises NoReply, OSError."""
        failed: Exception = NoReply("it has no address")
        for place in await self._find():
            here, began = self._here(place), time.monotonic()
            target, own = f"sip:{uri_host(place.host)}:{place.port}", f"sip:{uri_host(here.host)}:{here.port}"
            try:
                reply = await self._sender.send(Request("OPTIONS", target, own, target, own, self._route), here, place)
            except NoReply as error:
                failed = error
                continue
            self.round_trip_s = time.monotonic() - began
            if reply.status in _UNABLE:
                failed = NoReply(f"{place} says {reply.told}")
                continue
            late = self.round_trip_s * 1000 > self._slow_ms
            why = f"answers after {self.round_trip_s * 1000:.0f} ms" if late else ""
            self._is(Reach.SLOW if late else Reach.UP, why)
            return
        raise failed

    def _is(self, state: Reach, why: str) -> None:
        if state is not self.state:
            level = logging.INFO if state is Reach.UP else logging.WARNING
            log.log(level, "trunk %s is %s%s", self._name, state.value, f": {why}" if why else "")
        if state is Reach.DOWN:
            self.round_trip_s = None
        self.state, self.why = state, why
