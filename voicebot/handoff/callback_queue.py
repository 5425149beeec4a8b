"""The order in which a queue serves callers and callbacks. Pure, so that its fairness can be tested by property.

Callers who wait on the telephone and callers who asked to be called back are in one order: by priority, then by the time they
joined. A callback's turn comes exactly when the caller's would have come, unless it may not be made yet: outside the window for
calls, before it is due, or too soon after an attempt that nobody answered. It then keeps its place, and the next is served.
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
    """One caller's place in a queue."""

    ref: str
    queue: str
    since: datetime
    """When they joined the queue."""
    priority: int = 0
    number: str | None = None
    """E.164, for a callback; None for a caller who waits on the telephone."""
    due: datetime | None = None
    """The earliest time for a callback."""
    attempts: int = 0
    """Made so far."""
    tried_at: datetime | None = None
    """When the last attempt was made."""

    @property
    def order(self) -> tuple[int, datetime, str]:
        """Sorts places as they are served."""
        return (-self.priority, self.since, self.ref)


class CallbackPlaces:
    """The places in all queues. Every change gives a new value."""

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
    def of(cls, routes: Routes) -> CallbackPlaces:
        """No places yet, by the rules of a bundle."""
        return cls(routes.callback, routes.own_numbers, ZoneInfo(routes.timezone))

    def leave(self, ref: str) -> CallbackPlaces:
        """Served, or gone. Raises CallbackError for a place that does not exist."""
        place = self._place(ref)
        return self._with(tuple(known for known in self.places if known is not place))

    def not_reached(self, ref: str, now: datetime) -> CallbackPlaces:
        """Nobody answered: the place is kept for another attempt, until there have been as many as the rule allows."""
        place = self._place(ref)
        if place.attempts + 1 >= self.rule.attempts:
            return self.leave(ref)
        return self._replace(replace(place, attempts=place.attempts + 1, tried_at=now))

    def next(self, queue: str, now: datetime) -> Place | None:
        """Whose turn it is when an agent of this queue is free; None when nobody can be served now."""
        return next((place for place in self.places if place.queue == queue and self.may_serve(place, now)), None)

    def may_serve(self, place: Place, now: datetime) -> bool:
        """A caller on the telephone can always be served; a callback within the window, once due, some time after an attempt."""
        if place.number is None:
            return True
        clock = now.astimezone(self._zone).time()
        rested = place.tried_at is None or now - place.tried_at >= timedelta(minutes=self.rule.minutes_between)
        return self.rule.not_before <= clock < self.rule.not_after and rested and (place.due is None or place.due <= now)

    def _place(self, ref: str) -> Place:
        place = next((known for known in self.places if known.ref == ref), None)
        if place is None:
            raise CallbackError(f"'{ref}' has no place")
        return place

    def _replace(self, place: Place) -> CallbackPlaces:
        return self._with(tuple(place if known.ref == place.ref else known for known in self.places))

    def _with(self, places: tuple[Place, ...]) -> CallbackPlaces:
        return CallbackPlaces(self.rule, self._own_numbers, self._zone, places)
