"""Callbacks that were promised: whose turn it is, from which number they are called, and how often.

The rules are those of the bundle (`routes.yml`, callback), the order is that of `callback_queue`; here they meet what is stored.
A dialler asks for the next callback (`take`), makes the call, and reports what became of it (`settle`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never
from zoneinfo import ZoneInfo

import structlog

from dialogs.data.bundle import Bundle
from dialogs.engine.steps.collecting import callable_number
from voicebot.errors import HandOffError, StateError, StateUnavailable, code_of
from voicebot.handoff.callback_queue import CallbackError, CallbackPlaces, Place
from voicebot.handoff.callbacks import Callback, CallbackStore, Served, callback_codec

_CLAIM_OCTETS = 18
_MOST_RINGS = 1000
_ON_THE_LINE = ""  # sorts before any reference: of two who came at once, the caller on the telephone goes first

_log = structlog.get_logger(__name__)

Told = Callable[[str, Callback], None]
"""Is told when a callback was promised, taken, done, not_reached, given_back, given_up, withdrawn, or served by a new call."""


class ClaimLost(HandOffError):
    """The callback is not (or no longer) yours: the claim ran out and it is free for another, or it is over."""

    code = "handoff.claim_lost"


class Outcome(StrEnum):
    """What became of a callback that was taken."""

    DONE = "done"
    NOT_REACHED = "not_reached"
    GIVEN_BACK = "given_back"
    """It was not tried: no agent was free after all."""


@dataclass(frozen=True, slots=True)
class InLine:
    """A callback at its place in the queue."""

    callback: Callback
    ahead: int
    """How many are before it."""
    may_be_made: bool
    """Whether it may be made now."""
    taken: bool
    """Whether somebody is making it."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return callback_codec.encode(self.callback) | {"ahead": self.ahead, "may_be_made": self.may_be_made, "taken": self.taken}


@dataclass(frozen=True, slots=True)
class Taken:
    """A callback to be made now."""

    callback: Callback
    cli: str
    """The number to show."""
    claim: str
    """To be given with its outcome."""
    until: datetime
    """When the claim ends."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return callback_codec.encode(self.callback) | {"cli": self.cli, "claim": self.claim, "until": self.until.isoformat()}


@dataclass(frozen=True, slots=True)
class RangAgain:
    """A caller was put through to a queue: a callback that waits for them there is not needed any more."""

    number: str
    """E.164; the network vouches for it."""
    queue: str
    call_id: str
    at: datetime


class CallbackService:
    """Takes promises and gives them to diallers. Any number of processes may work on the same state server."""

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
        CallbackPlaces.of(bundle.routes)

    def use(self, bundle: Bundle) -> None:
        """The rules of this bundle hold from now on. Raises CallbackError as at the start; then the former ones go on holding."""
        CallbackPlaces.of(bundle.routes)
        self._bundle = bundle

    @property
    def bundle(self) -> Bundle:
        """Whose rules hold."""
        return self._bundle

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
        """Count what waits, for the metrics; while the state server is away the last count holds. Never raises."""
        try:
            await self._look_for_the_others()
            waiting = await self._store.stored(await self._queues())
        except StateError:
            return
        except Exception as error:  # the other metrics are still worth something
            _log.exception("callbacks could not be counted", code=code_of(error))
            return
        self._counted = dict.fromkeys([*self._bundle.queues, *self._counted], 0)
        for each in waiting:
            self._counted[each.queue] = self._counted.get(each.queue, 0) + 1

    async def line(self, queue: str | None = None) -> list[InLine]:
        """The callbacks promised for a queue (None: for all, queue by queue), in the order of their places.

        While the state server is away: those this process promised meanwhile; all queues at once then raise StateUnavailable.
        """
        return await self.lines([queue] if queue is not None else sorted(await self._queues()))

    async def lines(self, queues: Sequence[str]) -> list[InLine]:
        """As `line`, of these queues: the state server is asked once for all of them."""
        waiting = await self._store.waiting(*queues)
        try:
            claimed = await self._store.claimed([each.ref for each in waiting])
        except StateError:
            claimed = frozenset()
        return [each for queue in queues for each in self._in_line([each for each in waiting if each.queue == queue], claimed)]

    async def take(
        self, queue: str, *, seconds: float, by: str = "", on_line: tuple[datetime, int] | None = None
    ) -> Taken | None:
        """The callback whose turn it is, claimed for so long; None when none may be made now. `by` finds it again with `held`.

        `on_line`: since when, and with which priority, the first caller on the line has been waiting in this queue; None is
        returned when it is their turn. Raises StateUnavailable.
        """
        await self._look_for_the_others()
        async with self._taking:  # diallers of this process take turns; between processes the claim decides
            return await self._take(queue, seconds, by, on_line)

    async def held(self, queues: Sequence[str], by: str) -> list[Taken]:
        """The callbacks of these queues that `by` has taken and not settled, in the order they were asked for. Raises
        StateUnavailable.
        """
        waiting = sorted(await self._store.stored(queues), key=lambda each: each.since)
        claims = await self._store.claims([each.ref for each in waiting])
        now, cli = self._clock(), self._bundle.routes.callback.cli
        claimed = [(each, *claims[each.ref]) for each in waiting if each.ref in claims]
        return [
            Taken(each, cli, claim, now + timedelta(seconds=left))
            for each, claim, left in claimed
            if claim.startswith(_marked(by))
        ]

    async def _take(self, queue: str, seconds: float, by: str, on_line: tuple[datetime, int] | None) -> Taken | None:
        beaten: set[str] = set()
        while True:
            waiting = await self._store.stored([queue])
            claimed = await self._store.claimed([each.ref for each in waiting])
            free = {each.ref: each for each in waiting if each.ref not in claimed | beaten}
            caller = [Place(_ON_THE_LINE, queue, *on_line)] if on_line is not None else []
            now = self._clock()
            callable_now = (each.place for each in free.values() if self._may_be_called(each.number))
            place = self._places([*caller, *callable_now]).next(queue, now)
            if place is None or place.number is None:
                return None
            callback, claim = free[place.ref], _marked(by) + secrets.token_urlsafe(_CLAIM_OCTETS)
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

    async def hold(self, queue: str, ref: str, seconds: float) -> bool:
        """Nobody can take this callback for so long; False when somebody is making it just now, or it is gone. Raises
        StateUnavailable.
        """
        callback = next((each for each in await self._store.stored([queue]) if each.ref == ref), None)
        return callback is not None and await self._store.claim(callback, secrets.token_urlsafe(_CLAIM_OCTETS), seconds)

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
        except StateUnavailable as error:
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
        """Callers who rang again while the state server was away. One that cannot be looked at does not keep the next waiting."""
        for _ in range(len(self._rings)):
            ring = self._rings.popleft()
            try:
                await self.rang_again(ring)
            except Exception as error:
                _log.exception("whether a callback is still needed cannot be known", code=code_of(error), call_id=ring.call_id)

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
            case Outcome.NOT_REACHED:
                places = self._places([callback.place]).not_reached(callback.ref, self._clock()).places
                return next((replace(callback, attempts=place.attempts, tried_at=place.tried_at) for place in places), None)
            case _:
                assert_never(outcome)

    def _in_line(self, waiting: Sequence[Callback], claimed: Collection[str]) -> list[InLine]:
        """Those of one queue."""
        places, now = self._places(each.place for each in waiting), self._clock()
        return [
            InLine(each, ahead, self._may_be_called(each.number) and places.may_serve(each.place, now), each.ref in claimed)
            for ahead, each in enumerate(waiting)
        ]

    async def _queues(self) -> frozenset[str]:
        return await self._store.queues() | frozenset(self._bundle.queues)

    def _places(self, places: Iterable[Place]) -> CallbackPlaces:
        routes = self._bundle.routes
        return CallbackPlaces(routes.callback, routes.own_numbers, ZoneInfo(routes.timezone), tuple(places))

    def _may_be_called(self, number: str) -> bool:
        """Asked again each time: a number may have become one of the hotline's own since it was promised."""
        return callable_number(self._bundle, number) == number


def _marked(by: str) -> str:
    """What a claim begins with by which its owner finds it again; nothing where nobody wants to."""
    return f"{by}_" if by else ""
