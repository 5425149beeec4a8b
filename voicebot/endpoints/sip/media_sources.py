"""Where the RTP of a call may come from: its trunk's media networks, and what its SDP says where the trunk names none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from voicebot.endpoints.sip.peers import Network
from voicebot.endpoints.sip.trunks import Trunk, trunk_of


@dataclass(frozen=True, slots=True)
class MediaSources:
    """Who may send a call's media, before one of them has begun to."""

    networks: tuple[Network, ...]
    signalled: bool
    """Whether an address in the call's SDP counts as well."""

    def with_address(self, address: str) -> tuple[Network, ...]:
        """The networks, and that of the SDP's address where it counts."""
        if not (self.signalled and _is_host(address)):
            return self.networks
        own = ip_network(address)
        around = any(own.version == each.version and ip_address(address) in each for each in self.networks)
        return self.networks if around else (*self.networks, own)


def media_sources(trunks: Mapping[str, Trunk], sender: str) -> MediaSources:
    """Of a call that `sender` (IP address) offered; "" for a call of ours, which any trunk's media networks may answer."""
    if not sender:
        networks = tuple(dict.fromkeys(each for trunk in trunks.values() for each in trunk.media_networks))
        return MediaSources(_narrow(networks), signalled=True)
    name = trunk_of(trunks, (sender,))
    if name is None:
        return MediaSources((ip_network(sender),), signalled=True)
    trunk = trunks[name]
    networks = _narrow(trunk.media_networks)
    # everybody is no network: then it is the sender itself
    return MediaSources(networks or (ip_network(sender),), signalled=trunk.media_peers is None)


def _narrow(networks: tuple[Network, ...]) -> tuple[Network, ...]:
    return tuple(network for network in networks if network.prefixlen)


def _is_host(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return not (parsed.is_unspecified or parsed.is_multicast)
