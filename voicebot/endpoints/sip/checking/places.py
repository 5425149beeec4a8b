"""Where a trunk is asked: the addresses and transports that our settings give for it."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from voicebot.endpoints.sip.checking.options import Transport
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.trunks import Trunk
from voicebot.hosts import family_of, uri_host

_URI = re.compile(
    r"^(?:(?P<scheme>sips?):)?(?:[^@\s]*@)?(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:;?>\s\[\]]+))(?::(?P<port>\d{1,5}))?"
    r"(?:;transport=(?P<transport>udp|tcp|tls))?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Place:
    """One address of the far end."""

    host: str
    """A name or an IP address."""
    port: int
    """0: as DNS says (SRV), else 5060, or 5061 for TLS."""
    transport: Transport | None = None
    """None: each of ours."""

    def __str__(self) -> str:
        return f"{uri_host(self.host)}{f':{self.port}' if self.port else ''}"


def place_of(text: str) -> Place | None:
    """Of a SIP URI or host[:port]; None when it is neither."""
    found = _URI.match(text.strip())
    if found is None:
        return None
    given = (found["transport"] or "").lower()
    transport: Transport | None = "tls" if (found["scheme"] or "").lower() == "sips" else _TRANSPORTS.get(given)
    port = int(found["port"] or 0)
    return Place(found["six"] or found["host"], port, transport) if port <= 65535 else None


_TRANSPORTS: dict[str, Transport] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}


def places_of(trunk: Trunk, settings: SipSettings) -> list[Place]:
    """What the settings tell of where the trunk is: its own address or registrar, queues that lie in its networks, and peers that
    are one address.
    """
    asked = place_of(trunk.asked_at) if trunk.asked_at and (trunk.address or trunk.registration) else None
    queues = [place_of(uri.replace("{queue}", "x")) for uri in (settings.queue_address, *settings.queue_addresses.values())]
    found = [replace(asked, transport=trunk.transport)] if asked is not None else []
    found += [place for place in queues if place is not None and _lies_in(place.host, trunk)]
    known = {place.host for place in found}
    single = [str(network.network_address) for network in trunk.networks if network.num_addresses == 1]
    found += [Place(address, 0) for address in single if address not in known]
    return list(dict.fromkeys(found))


def _lies_in(host: str, trunk: Trunk) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in trunk.networks)


async def resolved(host: str) -> Sequence[str]:
    """The IP addresses of a name, or the address itself; [] when there are none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def own_address(settings: SipSettings, target: str) -> str:
    """The address that we talk to `target` from, and announce. Raises OSError when there is no way to it."""
    if not ip_address(settings.host).is_unspecified:
        return settings.host
    with socket.socket(family_of(target), socket.SOCK_DGRAM) as sock:
        sock.connect((target, 9))  # sends nothing
        return str(sock.getsockname()[0])
