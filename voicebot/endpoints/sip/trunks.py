"""Trunks: who may send us calls, and how the headers of each are read. An address belongs to the narrowest network around it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from caller_id.rules import CallerIdRules
from voicebot.endpoints.sip.peers import Network, parse_networks

TRUSTED, UNTRUSTED = "peers", "untrusted"
RESERVED = frozenset((TRUSTED, UNTRUSTED))
"""Names of the trunks that the short form makes."""


def _network(text: str) -> str:
    try:
        parse_networks((text,))
    except ValueError as error:
        raise ValueError(str(error).removeprefix("peers: ")) from None  # the place is told by whoever reads the settings
    return text


class Trunk(BaseModel):
    """One trunk, SBC or exchange."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    peers: tuple[Annotated[str, AfterValidator(_network)], ...]
    """Networks (CIDR) that its packets come from."""
    media_peers: tuple[Annotated[str, AfterValidator(_network)], ...] | None = None
    """Networks (CIDR) that its RTP comes from, and from nowhere else; none given: `peers`, and the address in its SDP."""
    caller_id: CallerIdRules = CallerIdRules()
    """How its identity headers are read."""

    @property
    def networks(self) -> tuple[Network, ...]:
        """Of `peers`."""
        return parse_networks(self.peers)

    @property
    def media_networks(self) -> tuple[Network, ...]:
        """Of `media_peers`, else of `peers`."""
        return self.networks if self.media_peers is None else parse_networks(self.media_peers)


def short_form(peers: Sequence[str], trusted: Sequence[str] | None, *, verstat: bool) -> dict[str, Trunk]:
    """What `sip.peers` and `sip.trusted` say, as trunks: the trusted ones of the peers, and the others. Raises ValueError."""
    known = parse_networks(peers)
    believed = (
        [each for each in known if each.prefixlen > 0] if trusted is None else list(_common(known, parse_networks(trusted)))
    )
    others = [each for each in known if not any(_within(each, network) for network in believed)]
    found = {
        TRUSTED: (believed, CallerIdRules(verstat=verstat)),
        UNTRUSTED: (others, CallerIdRules(trusted=False)),
    }
    return {name: Trunk(peers=_texts(networks), caller_id=rules) for name, (networks, rules) in found.items() if networks}


def trunk_of(trunks: Mapping[str, Trunk], addresses: Iterable[str]) -> str | None:
    """The name of the trunk that all these IP addresses belong to; None when there is none, or no address."""
    found = {_owner(trunks, address) for address in addresses}
    return found.pop() if len(found) == 1 else None


def come_from(network: Network, addresses: Collection[str]) -> bool:
    """Whether all these IP addresses lie in the network; False for none."""
    return bool(addresses) and all(address is not None and address in network for address in map(_address, addresses))


def shared_networks(trunks: Mapping[str, Trunk]) -> Iterator[tuple[Network, str, str]]:
    """Networks that two trunks name, and the two."""
    owners: dict[Network, str] = {}
    for name, trunk in trunks.items():
        for network in trunk.networks:
            if owners.setdefault(network, name) != name:
                yield network, owners[network], name


def _owner(trunks: Mapping[str, Trunk], text: str) -> str | None:
    address = _address(text)
    if address is None:
        return None
    around = [(network.prefixlen, name) for name, trunk in trunks.items() for network in trunk.networks if address in network]
    return max(around)[1] if around else None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _common(first: Iterable[Network], second: Sequence[Network]) -> Iterator[Network]:
    """What lies in a network of both."""
    for one in first:
        for other in second:
            if _within(one, other):
                yield one
            elif _within(other, one):
                yield other


def _within(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]  # the versions are the same


def _texts(networks: Iterable[Network]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, networks)))
