"""Places: how many connections are open, whose they are, and who gives way when all places are taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network


def client_of(address: str) -> str:
    """What counts as one client: an address, or the /64 network of an IPv6 address (one customer's, RFC 6177)."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    mapped = ip.ipv4_mapped
    return str(mapped) if mapped is not None else str(ip_network((ip, 64), strict=False))


class Place:
    """One connection's place, from when it is accepted until `leave`. It waits for a request, or works on one."""

    def __init__(self, places: Places, client: str) -> None:
        self._places = places
        self.client = client
        self.close: Callable[[], None] = lambda: None
        """Ends the connection at once."""
        self._left = False

    def waits(self) -> None:
        """No request is complete: it has just come, its headers are unfinished, or it is idle between requests."""
        if not self._left:
            self._places.waiting(self)

    def works(self) -> None:
        """A request is answered, or it is a WebSocket."""
        self._places.working(self)

    def leave(self) -> None:
        """The connection is over; harmless when it has been."""
        if not self._left:
            self._left = True
            self._places.left(self)


class Places:
    """All places of one server."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._waiting: dict[str, dict[Place, None]] = {}

    def __len__(self) -> int:
        """How many are taken."""
        return self._open.total()

    def of(self, client: str) -> int:
        """How many this client has."""
        return self._open[client]

    def take(self, client: str) -> Place:
        """One more, which waits for its first request."""
        self._open[client] += 1
        place = Place(self, client)
        place.waits()
        return place

    def make_room(self) -> bool:
        """Close one that waits: of the client with most of them the one that has waited longest. False when all of them work.

        Without this, whoever holds every place with silent sockets keeps all others out.
        """
        if not self._waiting:
            return False
        most = max(self._waiting.values(), key=len)
        place = next(iter(most))
        place.leave()
        place.close()
        return True

    def waiting(self, place: Place) -> None:
        """It waits, as the last of its client."""
        self.working(place)
        self._waiting.setdefault(place.client, {})[place] = None

    def working(self, place: Place) -> None:
        """It does not wait."""
        own = self._waiting.get(place.client)
        if own is not None:
            own.pop(place, None)
            if not own:
                del self._waiting[place.client]

    def left(self, place: Place) -> None:
        """It is free."""
        self.working(place)
        self._open[place.client] -= 1
        if self._open[place.client] <= 0:
            del self._open[place.client]
