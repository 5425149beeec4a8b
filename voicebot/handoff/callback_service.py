"""Keeps what was promised to callers who would rather be called back: whose turn it is, from which number, how often.

The rules are those of the bundle (`routes.yml`, callback), the order is that of `callback_queue`; here they meet what is stored.
Whatever dials asks for the next callback (`take`), makes the call, and says what became of it (`settle`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from dialogs.data.bundle import Bundle
from dialogs.engine.steps.collecting import callable_number
from voicebot.errors import HandOffError, StateError
from voicebot.handoff.callback_queue import CallbackBook, CallbackError, Place
from voicebot.handoff.callbacks import Callback, CallbackStore, Served

_CLAIM_OCTETS = 18
_MOST_RINGS = 1000
_ON_THE_LINE = ""  # sorts before any reference: of two who came at once, the caller who holds the line goes first

_log = structlog.get_logger(__name__)

Told = Callable[[str, Callback], None]
"""Hears of a callback that was promised, taken, done, not_reached, given_back, given_up, withdrawn, or served by a new call."""


class ClaimLost(HandOffError):
    """The callback is not (or no longer) yours: the claim ran out and it is free for another, or it is over."""

    code = "handoff.claim_lost"


class Outcome(StrEnum):
    """What became of a callback that was taken. `given_back`: it was not tried (no agent was free after all)."""

    DONE = "done"
    NOT_REACHED = "not_reached"
    GIVEN_BACK = "given_back"


@dataclass(frozen=True, slots=True)
class InLine:
    """A callback in the line of its queue: how many stand before it, whether it may be made now, whether somebody is at it."""

    callback: Callback
    ahead: int
    may_be_made: bool
    taken: bool

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return self.callback.as_dict() | {"ahead": self.ahead, "may_be_made": self.may_be_made, "taken": self.taken}


@dataclass(frozen=True, slots=True)
class Taken:
    """A callback to be made now, from the number `cli`; `claim` goes with its outcome, and ends at `until`."""

    callback: Callback
    cli: str
    claim: str
    until: datetime

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return self.callback.as_dict() | {"cli": self.cli, "claim": self.claim, "until": self.until.isoformat()}


@dataclass(frozen=True, slots=True)
class RangAgain:
    """A caller with this number (E.164), which the network vouches for, was put through to this queue by the call `call_id`."""

    number: str
    queue: str
    call_id: str
    at: datetime


class CallbackService:
    """Promises, and those who keep them. Any number of processes may work on the same state server."""

    def __init__(
        self,
        store: CallbackStore,
        bundle: Bundle,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        told: Told = lambda what, callback: None,
    ) -> None:
        """Raises CallbackError when callbacks would come from one of the hotline's own numbers: they only receive."""
        self._store = store
        self._bundle = bundle
        self._clock = clock
        self._told = told
        self._counted: dict[str, int] = {}
        self._taking = asyncio.Lock()
        self._rings: deque[RangAgain] = deque(maxlen=_MOST_RINGS)
        CallbackBook.of(bundle.routes)

    @property
    def counted(self) -> Mapping[str, int]:
        """Callbacks waiting by queue, as counted last."""
        return self._counted

    async def promise(self, callback: Callback) -> None:
        """Keep a promise. Raises CallbackError for a number that must not be called (the hotline's own, premium rate, none)."""
        if not self._may_be_called(callback.number):
            raise CallbackError("this number cannot be called back: it is the hotline's own, premium rate, or none")
        await self._store.put(callback)
        self._told("promised", callback)

    async def count(self) -> None:
        """Count what waits, for the figures; while the state server is away the last count holds."""
        await self._look_for_the_others()
        try:
            waiting = await self._store.stored(await self._queues())
        except StateError:
            return
        self._counted = dict.fromkeys([*self._bundle.queues, *self._counted], 0)
        for each in waiting:
            self._counted[each.queue] = self._counted.get(each.queue, 0) + 1

    async def line(self, queue: str | None = None) -> list[InLine]:
        """The callbacks promised for a queue (None: for all, queue by queue) in the order of their places.

        While the state server is away: those this process promised meanwhile; all queues at once then raise StateUnavailable.
        """
        queues = [queue] if queue is not None else sorted(await self._queues())
        return [each for name in queues for each in await self._line_of(name)]

    async def take(self, queue: str, *, seconds: float, on_line: tuple[datetime, int] | None = None) -> Taken | None:
        """The callback whose turn it is, claimed for so long; None when none may be made now.

        `on_line`: since when, and with which priority, the first caller on the line has been waiting in this queue; None is
        returned when it is their turn. Raises StateUnavailable.
        """
        await self._look_for_the_others()
        async with self._taking:  # diallers of this process take turns; between processes the claim decides
            return await self._take(queue, seconds, on_line)

    async def _take(self, queue: str, seconds: float, on_line: tuple[datetime, int] | None) -> Taken | None:
        beaten: set[str] = set()
        while True:
            waiting = await self._store.stored([queue])
            claimed = await self._store.claimed([each.ref for each in waiting])
            free = {each.ref: each for each in waiting if each.ref not in claimed | beaten}
            caller = [Place(_ON_THE_LINE, queue, *on_line)] if on_line is not None else []
            now = self._clock()
            callable_now = (each.place for each in free.values() if self._may_be_called(each.number))
            place = self._book([*caller, *callable_now]).next(queue, now)
            if place is None or place.number is None:
                return None
            callback, claim = free[place.ref], secrets.token_urlsafe(_CLAIM_OCTETS)
            if await self._store.claim(callback, claim, seconds):
                self._told("taken", callback)
                return Taken(callback, self._bundle.routes.callback.cli, claim, now + timedelta(seconds=seconds))
            beaten.add(place.ref)

    async def settle(self, queue: str, ref: str, claim: str, outcome: Outcome) -> Callback | None:
        """What became of a callback that was taken; it, when it keeps its place for another attempt.

        Raises ClaimLost when the claim holds no more, StateUnavailable.
        """
        callback = next((each for each in await self._store.stored([queue]) if each.ref == ref), None)
        if callback is None:
            raise ClaimLost("there is no such callback (any more): it was made, withdrawn, or given up")
        kept = self._after(callback, outcome)
        if not await self._store.settle(callback, claim, kept):
            raise ClaimLost("this claim holds no more: it ran out and the callback is free again. Take the next one")
        self._told("given_up" if outcome is Outcome.NOT_REACHED and kept is None else outcome.value, callback)
        return kept

    async def withdraw(self, queue: str, ref: str) -> bool:
        """The customer does not want it any more, or was served otherwise; False when there is none. Raises StateUnavailable."""
        callback = next((each for each in await self._store.waiting(queue) if each.ref == ref), None)
        if callback is None:
            return False
        await self._store.done(callback)
        self._told("withdrawn", callback)
        return True

    async def rang_again(self, ring: RangAgain) -> list[str]:
        """The references of the callbacks that are not needed any more: those that wait for this number in this queue. One that
        somebody is making just now is left alone. While the state server is away: those it has not got yet; the others are looked
        for once it is back.
        """
        ended: list[str] = []
        try:
            for callback in self._store.unwritten(ring.queue):
                ended += await self._end(callback, ring)
            for callback in await self._store.stored([ring.queue]):
                ended += await self._end(callback, ring)
        except StateError as error:
            self._rings.append(ring)
            _log.info("whether a callback is still needed will be known later", code=error.code, queue=ring.queue)
        return ended

    async def _end(self, callback: Callback, ring: RangAgain) -> tuple[str, ...]:
        """Its reference, when it is over now."""
        if callback.number != ring.number or callback.since > ring.at:
            return ()
        if not await self._store.serve(callback, Served(callback.ref, ring.queue, callback.since, ring.at, ring.call_id)):
            return ()
        _log.info("callback not needed any more, the customer rang again", ref=callback.ref, queue=ring.queue)
        self._told("served", callback)
        return (callback.ref,)

    async def _look_for_the_others(self) -> None:
        for _ in range(len(self._rings)):
            await self.rang_again(self._rings.popleft())

    async def served(self, queue: str | None = None) -> list[Served]:
        """Callbacks of the last days that ended because the customer rang again, latest first; none while the state server is
        away.
        """
        try:
            return [each for each in await self._store.served() if queue in (None, each.queue)]
        except StateError:
            return []

    def _after(self, callback: Callback, outcome: Outcome) -> Callback | None:
        match outcome:
            case Outcome.DONE:
                return None
            case Outcome.GIVEN_BACK:
                return callback
        places = self._book([callback.place]).not_reached(callback.ref, self._clock()).places
        return next((replace(callback, attempts=place.attempts, tried_at=place.tried_at) for place in places), None)

    async def _line_of(self, queue: str) -> list[InLine]:
        waiting = await self._store.waiting(queue)
        try:
            claimed = await self._store.claimed([each.ref for each in waiting])
        except StateError:
            claimed = frozenset()
        book, now = self._book(each.place for each in waiting), self._clock()
        return [
            InLine(each, ahead, self._may_be_called(each.number) and book.may_serve(each.place, now), each.ref in claimed)
            for ahead, each in enumerate(waiting)
        ]

    async def _queues(self) -> frozenset[str]:
        return await self._store.queues() | frozenset(self._bundle.queues)

    def _book(self, places: Iterable[Place]) -> CallbackBook:
        routes = self._bundle.routes
        return CallbackBook(routes.callback, routes.own_numbers, ZoneInfo(routes.timezone), tuple(places))

    def _may_be_called(self, number: str) -> bool:
        """Asked again each time: a number may have become one of the hotline's own since it was promised."""
        return callable_number(self._bundle, number) == number
