"""Where a caller may rightly be put through, by the bundle's own routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.talk.people import Person
from dialogs.data.bundle import Bundle
from nlu.types import AGENT

_MENU_NAME = "menu_name."


@dataclass(slots=True)
class Standing:
    """How a call stands for one person."""

    bundle: Bundle
    person: Person
    messages: list[str] = field(default_factory=list)
    """Matters of the approved messages heard so far."""
    told_both: bool = False
    """The caller has told the second matter."""

    @property
    def meant(self) -> tuple[str, ...]:
        """Every matter that the caller may rightly be put through for, as far as they have told."""
        return (*self.person.first, *(self.person.other if self.told_both else ()))

    @property
    def default(self) -> str:
        """The queue for when nothing better is known."""
        return self.bundle.default_queue

    @property
    def places(self) -> frozenset[str]:
        """Every queue that is right. Of two matters an emergency goes first."""
        told = [self.person.first, self.person.other if self.told_both else ()]
        urgent = [matters for matters in told if matters and self.urgent(matters[0])]
        return frozenset(queue for matters in urgent or told for matter in matters for queue in self._queues(matter))

    @property
    def anybody(self) -> frozenset[str]:
        """Where a caller belongs who wants a human and tells no more."""
        return self._queues(AGENT)

    def right(self, queue: str) -> bool:
        """Whether this queue is a right place."""
        return queue in self.places

    def urgent(self, matter: str) -> bool:
        """Whether it is one of the bank's emergencies."""
        return self.bundle.routes.is_emergency(matter)

    def urgent_queue(self, queue: str | None) -> bool:
        """Whether it takes emergencies."""
        return queue is not None and queue in self.bundle.queues and self.bundle.queues[queue].emergency

    def answered(self) -> bool:
        """Whether an approved message answered one of the caller's matters."""
        return any(matter in self.meant for matter in self.messages)

    def matters_of(self, queue: str) -> frozenset[str]:
        """The matters that are meant when this queue is announced."""
        matters = self.bundle.routes.matters.items()
        return frozenset(name for name, route in matters if queue in (route.queue, route.human)) - set(self.meant)

    def key_for(self, matter: str, keys: Mapping[str, str]) -> str | None:
        """The key that leads on to this matter in a menu that was read out with these keys."""
        for name, options in self.bundle.routes.menus.items():
            offered = {key: option for key, option in options.items() if keys.get(key) == option.say}
            if len(offered) < len(options):
                continue
            for key, option in offered.items():
                if matter in option.intents or (option.menu and option.menu != name and self._holds(option.menu, matter)):
                    return key
        return None

    def _holds(self, menu: str, matter: str) -> bool:
        return any(matter in option.intents for option in self.bundle.routes.menus[menu].values())

    def _queues(self, matter: str) -> frozenset[str]:
        routes = self.bundle.routes
        if matter == AGENT or matter not in routes.matters:
            own = routes.segments.get(self.person.caller.segment)
            lines = (own.queue, own.adviser) if own and own.takes == "all" else ()
            return frozenset(filter(None, (self.default, *lines)))
        if routes.is_emergency(matter):
            return frozenset({routes.matters[matter].queue})
        own = routes.segments.get(self.person.caller.segment)
        if own and own.queue and not self.person.caller.withheld and (own.takes == "all" or matter in own.takes):
            plain = {routes.human_queue(matter)}  # while the segment's line is closed, whoever answers everybody
            return frozenset(filter(None, (own.queue, own.adviser, *plain)))
        return frozenset({routes.human_queue(matter), routes.matters[matter].queue})
