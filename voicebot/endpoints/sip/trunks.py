"""Trunks: who may send us calls, and how the headers of each are read. An address belongs to the narrowest network around it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from caller_id.rules import CallerIdRules
from voicebot.endpoints.sip.codecs import Codec
from voicebot.endpoints.sip.peers import Network, parse_networks
from voicebot.endpoints.sip.provider.settings import DigestSettings, ProviderTransport, RegisterSettings, SipHost

TRUSTED, UNTRUSTED = "peers", "untrusted"
RESERVED = frozenset((TRUSTED, UNTRUSTED))
"""Names of the trunks that the short form makes."""


class Dtmf(StrEnum):
    """How a trunk's callers press keys."""

    RFC4733 = "rfc4733"
    """In RTP, as telephone-events."""
    INFO = "info"
    """By SIP INFO (RFC 6086, application/dtmf-relay or application/dtmf)."""
    BOTH = "both"
    """Either way; one that comes twice counts once."""


class Srtp(StrEnum):
    """What a trunk's media may be."""

    OFF = "off"
    """Plain RTP; an offer of SRTP is refused (488)."""
    OPTIONAL = "optional"
    """Whatever is offered, as far as sip.media_encryption goes."""
    REQUIRED = "required"
    """SRTP; an offer of plain RTP is refused (488)."""


Line = Annotated[str, StringConstraints(pattern=r"^\+?[A-Za-z0-9._-]{1,64}\*?$")]


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
    external_address: Annotated[str, AfterValidator(lambda text: str(ip_address(text)))] | None = None
    """Our IP address as it sees us, behind NAT: what stands in Contact and SDP. None: that of this machine."""
    address: SipHost | None = None
    """Where it is asked whether it is there: a host, or host:port; None: its registrar, else its only address in `peers`."""
    transport: ProviderTransport = "udp"
    """How it is asked."""
    tls_ca: Path | None = None
    """PEM file of who vouches for its certificate, where we connect to it by TLS; None: those that the machine trusts."""
    outbound_proxy: SipHost | None = None
    """Where REGISTER and OPTIONS go first, with a Route that names it (RFC 3261, 8.1.2)."""
    registration: RegisterSettings | None = None
    """Our registration there; None: it knows us by our address."""
    digest: DigestSettings | None = None
    """What its INVITEs must prove; None: its address is enough."""
    qualify_s: Annotated[int, Field(ge=0, le=3600)] = 0
    """An OPTIONS is sent every so often; 0: none."""
    qualify_slow_ms: Annotated[int, Field(ge=1, le=30_000)] = 500
    """A trunk that needs longer to answer it is slow."""
    lines: tuple[Line, ...] = ()
    """Dialled numbers that belong to it, + or not; 4822* for all that begin so. Others are refused (404). None given: all."""
    transports: tuple[ProviderTransport, ...] = ()
    """How its calls may come, of `sip.transports`; others are refused (403). None given: all of them."""
    codecs: tuple[Codec, ...] = ()
    """Of `sip.codecs`, those that it may use, the one we want most first. None given: all, in the order of its offer."""
    srtp: Srtp = Srtp.OPTIONAL
    """What its media may be (RFC 3711, 4568)."""
    dtmf: Dtmf = Dtmf.BOTH
    """How its callers' keys come; what comes in the other way is not heard."""
    handoff: Literal["refer", "bridge"] | None = None
    """How its callers get to a queue; None: as `handoff.way` says."""
    max_calls: Annotated[int, Field(ge=1, le=200)] | None = None
    """Calls of it at once; more are refused (503). None: as many as `limits.max_calls`."""
    calls_per_second: Annotated[int, Field(ge=1, le=1000)] | None = None
    """New calls of it within a second; more are refused (503). None: as many as come."""
    rtp_timeout_s: Annotated[int, Field(ge=1, le=3600)] | None = None
    """A call of which nothing has come since its start ends after so long; None: as `sip.rtp_timeout_s` says."""
    rtp_stop_timeout_s: Annotated[int, Field(ge=1, le=3600)] | None = None
    """A call whose RTP stops ends after so long; None: as `sip.rtp_stop_timeout_s` says."""

    @property
    def networks(self) -> tuple[Network, ...]:
        """Of `peers`."""
        return parse_networks(self.peers)

    @property
    def media_networks(self) -> tuple[Network, ...]:
        """Of `media_peers`, else of `peers`."""
        return self.networks if self.media_peers is None else parse_networks(self.media_peers)

    @property
    def asked_at(self) -> str | None:
        """Whom to ask whether it is there; None when its settings do not tell."""
        if self.address or self.registration:
            return self.address or (self.registration.registrar if self.registration else None)
        sole = self.networks[0] if len(self.networks) == 1 else None
        if sole is None or sole.num_addresses > 1:
            return None
        return f"[{sole.network_address}]" if sole.version == 6 else str(sole.network_address)


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
