"""The line of a queue in which a callback keeps the caller's place: pure, so that its fairness can be proven.

Whoever waits on the line and whoever asked to be called back stand in one line, by priority and then by the time they joined it.
A callback's turn comes exactly when the caller's would have come, unless it may not be made yet: outside the window for calls,
before it is due, or too soon after an attempt nobody answered. It then keeps its place and the next one is served meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dialogs.data.routes import CallbackRule, Routes
from voicebot.errors import HandOffError


class CallbackError(HandOffError):
    """A callback that must not be made, or a place that does not exist; the message says why."""

    code = "handoff.callback"


@dataclass(frozen=True, slots=True)
class Place:
    """One caller's place. `since` is when they joined the line; `number` (E.164) is set for a callback, None for a caller on the
    line; `due` is the earliest time for a callback; `attempts` were made so far, the last at `tried_at`.
    """

    ref: str
    queue: str
    since: datetime
    priority: int = 0
    number: str | None = None
    due: datetime | None = None
    attempts: int = 0
    tried_at: datetime | None = None

    @property
    def order(self) -> tuple[int, datetime, str]:
        """Sorts places as they are served."""
        return (-self.priority, self.since, self.ref)


class CallbackBook:
    """The lines of all queues. Every change gives a new book."""

    def __init__(self, rule: CallbackRule, own_numbers: frozenset[str], zone: ZoneInfo, places: tuple[Place, ...] = ()) -> None:
        """Raises CallbackError when callbacks would come from one of the hotline's own numbers: they only receive."""
        if rule.cli in own_numbers:
            raise CallbackError(
                f"callbacks cannot come from {rule.cli}: it is a number of the hotline, which only receives calls"
            )
        self.rule = rule
        self.places = tuple(sorted(places, key=lambda place: place.order))
        self._own_numbers = own_numbers
        self._zone = zone

    @classmethod
    def of(cls, routes: Routes) -> CallbackBook:
        """An empty book by the rules of a bundle."""
        return cls(routes.callback, routes.own_numbers, ZoneInfo(routes.timezone))

    def join(self, place: Place) -> CallbackBook:
        """Stand in line. Raises CallbackError for a place that is taken, or a number that must not be called."""
        if any(known.ref == place.ref for known in self.places):
            raise CallbackError(f"'{place.ref}' stands in the line already")
        if place.number in self._own_numbers:
            raise CallbackError("the hotline cannot be called back on its own number")
        return self._with((*self.places, place))

    def ask_for_callback(self, ref: str, number: str, due: datetime | None = None) -> CallbackBook:
        """The caller hangs up and is called back; the place stays. Raises CallbackError."""
        if number in self._own_numbers:
            raise CallbackError("the hotline cannot be called back on its own number")
        return self._replace(replace(self._place(ref), number=number, due=due))

    def leave(self, ref: str) -> CallbackBook:
        """Served, or gone. Raises CallbackError for a place that does not exist."""
        place = self._place(ref)
        return self._with(tuple(known for known in self.places if known is not place))

    def not_reached(self, ref: str, now: datetime) -> CallbackBook:
        """Nobody answered: the place is kept for another attempt, until there have been as many as the rule allows."""
        place = self._place(ref)
        if place.attempts + 1 >= self.rule.attempts:
            return self.leave(ref)
        return self._replace(replace(place, attempts=place.attempts + 1, tried_at=now))

    def next(self, queue: str, now: datetime) -> Place | None:
        """Whose turn it is when an agent of this queue is free; None when nobody can be served now."""
        return next((place for place in self.places if place.queue == queue and self.may_serve(place, now)), None)

    def ahead_of(self, ref: str) -> int:
        """How many stand before this place in its queue. Raises CallbackError for a place that does not exist."""
        place = self._place(ref)
        return sum(known.queue == place.queue and known.order < place.order for known in self.places)

    def may_serve(self, place: Place, now: datetime) -> bool:
        """A caller on the line always can be served; a callback within the window, once due, some time after a failed attempt."""
        if place.number is None:
            return True
        clock = now.astimezone(self._zone).time()
        rested = place.tried_at is None or now - place.tried_at >= timedelta(minutes=self.rule.minutes_between)
        return self.rule.not_before <= clock < self.rule.not_after and rested and (place.due is None or place.due <= now)

    def _place(self, ref: str) -> Place:
        place = next((known for known in self.places if known.ref == ref), None)
        if place is None:
            raise CallbackError(f"'{ref}' stands in no line")
        return place

    def _replace(self, place: Place) -> CallbackBook:
        return self._with(tuple(place if known.ref == place.ref else known for known in self.places))

    def _with(self, places: tuple[Place, ...]) -> CallbackBook:
        return CallbackBook(self.rule, self._own_numbers, self._zone, places)
