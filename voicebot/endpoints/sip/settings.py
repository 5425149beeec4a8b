"""What an operator sets about the embedded SIP endpoint, and how the stack is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from baresip import Account, Config
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from voicebot.endpoints.leg import CARRIED_HEADERS, TransferTarget
from voicebot.endpoints.sip.codecs import CODEC_SPECS, MEDIA_DIRECTIVES, WIDEBAND, Codec
from voicebot.endpoints.sip.peers import Network, parse_networks
from voicebot.endpoints.sip.provider.settings import SipHost, host_and_port
from voicebot.endpoints.sip.tracing.settings import HepSettings, TraceSettings
from voicebot.endpoints.sip.trunks import RESERVED, Srtp, Trunk, shared_networks, short_form
from voicebot.hosts import uri_host

Transport = Literal["udp", "tcp", "tls"]
MediaEncryption = Literal["none", "srtp", "srtp-mand", "dtls_srtp"]

# the stack exposes sixteen names at most
IDENTITY_HEADERS = ("From", "To", *CARRIED_HEADERS)
APP_SESSION = "X-App-Session"
"""Of INVITEs of our own, which the app's calls come by."""
_MAX_HEADERS = 16
_MOST_CALLS = 200  # the stack holds 255 in one process
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,63}")


Port = Annotated[int, Field(ge=0, le=65535)]
# the stack writes the address into Refer-To without angle brackets: parameters or headers would be misread
TrunkName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
SipUri = Annotated[str, StringConstraints(pattern=r"^sips?:[^\s<>?;]+@[^\s<>?;]+$")]
QueueUri = Annotated[str, StringConstraints(pattern=r"^sips?:[^\s<>?;]*\{queue\}[^\s<>?;]*$")]
QUEUE_ADDRESS = "sip:{queue}@127.0.0.1:5070"
"""Where queues are when nothing is set: on this machine, to try things out."""


class SipSection(BaseModel):
    """What an operator sets about the embedded SIP endpoint: the section `sip` of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """The address to bind; 0.0.0.0 for every interface but loopback."""
    port: Annotated[int, Field(ge=0, le=65534)] = 5060
    """0 picks a free one. With TLS the stack listens for it on the port above."""
    transports: tuple[Transport, ...] = ("udp", "tcp")
    tls_certificate: Path | None = None
    """PEM file with the certificate and its key."""
    tls_client_ca: Path | None = None
    """With it, TLS clients need a certificate of this authority."""
    trunks: Mapping[TrunkName, Trunk] = {}
    """By names of yours. Packets from nowhere else reach the stack at all."""
    peers: tuple[str, ...] = ()
    """The short form of a trunk: networks (CIDR) whose identity headers are read by the ordinary rules."""
    trusted: tuple[str, ...] | None = None
    """Those of `peers` whose identity headers count; none given: all but a catch-all /0."""
    rtp_ports: tuple[Port, Port] = (10000, 20000)
    """Two ports a call."""
    codecs: tuple[Codec, ...] = ("opus", "g722", "pcma", "pcmu")
    """Those we take. An answer keeps the order of the offer (RFC 3264, 6.1); ours counts for a late offer only."""
    media_encryption: MediaEncryption = "none"
    """srtp offers SRTP and takes RTP, srtp-mand refuses RTP."""
    rtp_timeout_s: Annotated[int, Field(ge=1, le=3600)] = 30
    """A call that had so long to answer what we say, and of which no RTP and no key has come since its start, is dead."""
    rtp_stop_timeout_s: Annotated[int, Field(ge=1, le=3600)] = 180
    """A call whose RTP stops for so long is dead. Longer than any silence of a caller behind silence suppression."""
    net_interface: str | None = None
    dns_servers: tuple[SipHost, ...] = ()
    """Name servers that are asked where trunks and queues are, by address, or address:port; none given: the machine's."""
    prack: bool = False
    """Whether our 180 is reliable (RFC 3262) towards far ends that know or require it."""
    extra_headers: tuple[str, ...] = ()
    """Further headers of an INVITE to read."""
    transfer_settle_s: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    """How long after the first progress report of a transfer a refusal may come, before the caller counts as handed over."""
    user: str = "voicebot"
    trace: TraceSettings = TraceSettings()
    """What `voicebot sip trace` can show."""
    hep: HepSettings | None = None
    """Homer gets a copy of every SIP message."""


class SipSettings(SipSection):
    """One embedded SIP endpoint: what the operator sets, and what follows from other settings."""

    max_calls: int = 60
    """Calls at once; the endpoint refuses what is above."""
    max_call_s: float = 3600.0
    """The last resort against calls that never end: the driver ends them before, politely."""
    queue_address: QueueUri = QUEUE_ADDRESS
    """Where queues are; {queue} is the queue's name in the telephone network."""
    queue_addresses: Mapping[str, SipUri] = {}
    """Queues that are elsewhere, by their name in the bundle."""
    verstat: bool = False
    """Whether the trunks of the short form are believed when they verify numbers."""
    legs_per_call: int = 1
    """2 where a caller's call and one to a queue may be joined here: each has two RTP ports."""
    own_calls: bool = False
    """Whether this machine's own INVITEs reach the stack, for an endpoint that shares it; no trunk account takes them."""

    @model_validator(mode="after")
    def _fits(self) -> SipSettings:
        for problem in _problems(self):
            raise ValueError(problem)
        return self

    def queue_uri(self, target: TransferTarget) -> str:
        """The SIP URI of a queue."""
        return self.queue_addresses.get(target.queue) or self.queue_address.replace("{queue}", target.address)

    @property
    def all_trunks(self) -> Mapping[str, Trunk]:
        """Those with a name, and those of the short form."""
        return {**short_form(self.peers, self.trusted, verstat=self.verstat), **self.trunks}

    @property
    def peer_networks(self) -> tuple[Network, ...]:
        """The networks that may talk to us."""
        return tuple(dict.fromkeys(network for trunk in self.all_trunks.values() for network in trunk.networks))

    @property
    def own_network(self) -> Network:
        """Where this machine's own INVITEs come from."""
        return parse_networks(["127.0.0.1" if ip_address(self.host).is_unspecified else self.host])[0]

    @property
    def let_in_networks(self) -> tuple[Network, ...]:
        """Whose packets pass the gate."""
        return (*self.peer_networks, *([self.own_network] if self.own_calls else []))

    def headers(self) -> tuple[str, ...]:
        """The header names read from every INVITE."""
        return tuple(dict.fromkeys((*IDENTITY_HEADERS, *([APP_SESSION] if self.own_calls else []), *self.extra_headers)))

    def config(self, port: int) -> Config:
        """The stack's configuration, listening on `port`."""
        interface = self.net_interface
        if interface is None and not ip_address(self.host).is_unspecified:
            interface = self.host  # discovery skips loopback, so an address we are told to bind is pinned
        return Config(
            net_interface=interface,
            max_concurrent_calls=None,  # the endpoint counts the calls that live and refuses what is above
            rtp_timeout=self.rtp_stop_timeout_s,
            expose_headers=self.headers(),
            native_log_level="warning",
            sip_trace=True,
            extra_config_text=self._directives(port),
        )

    def _directives(self, port: int) -> str:
        lines = [
            f"sip_listen {uri_host(self.host)}:{port}",
            f"sip_transports {','.join(self.transports)}",
            f"rtp_ports {self.rtp_ports[0]}-{self.rtp_ports[1]}",
            *MEDIA_DIRECTIVES,
        ]
        for server in self.dns_servers:
            host, asked = host_and_port(server)
            lines.append(f"dns_server {uri_host(host)}:{asked or 53}")
        if self.tls_certificate is not None:
            lines.append(f"sip_certificate {self.tls_certificate}")
        if self.tls_client_ca is not None:
            lines += [f"sip_cafile {self.tls_client_ca}", "sip_verify_client yes"]
        return "\n".join(lines) + "\n"

    def accounts(self) -> list[Account]:
        """The accounts that answer for every dialled number of the trunk: one a transport, since the stack matches it too."""
        # any user part of the request URI is ours: the dialled number tells the line
        return [self._account(self.user, transport, self.codecs, "catchall=yes") for transport in self.transports]

    def dialling_accounts(self) -> dict[str, Account]:
        """The accounts that call queues: "narrow" offers 8 kHz first, "wide" 16; with "+tls" for sips: URIs."""
        transports = {"": min(self.transports, key=lambda transport: transport == "tls")}
        if "tls" in self.transports:
            transports["+tls"] = "tls"
        narrow = sorted(self.codecs, key=lambda codec: codec in WIDEBAND)
        wide = sorted(self.codecs, key=lambda codec: codec not in WIDEBAND)
        return {
            kind + suffix: self._account(self.user, transport, codecs)
            for suffix, transport in transports.items()
            for kind, codecs in (("narrow", narrow), ("wide", wide))
        }

    def _account(self, user: str, transport: Transport, codecs: Sequence[Codec], *params: str) -> Account:
        reliable = ("100rel=yes",) if self.prack else ()
        encryption = () if self.media_encryption == "none" else (f"mediaenc={self.media_encryption}",)
        return Account(
            user=user,
            domain=uri_host(self.host),
            password="",
            reg_interval=0,
            transport=transport,
            audio_codecs=tuple(CODEC_SPECS[codec] for codec in codecs),
            # with video the stack would re-INVITE every audio call right after its ACK
            extra_params=(*params, "video_codecs=none", *reliable, *encryption),
        )


def _problems(settings: SipSettings) -> list[str]:
    """What is wrong with the settings, and what to write instead."""
    found = []
    try:
        ip_address(settings.host)
    except ValueError:
        found.append(f"host must be an IP address to bind (0.0.0.0 for all), got {settings.host!r}")
    if not 0 <= settings.port <= 65534:
        found.append(f"port must be 0 (pick one) to 65534, got {settings.port}")
    if not settings.transports:
        found.append("transports must name at least one of udp, tcp, tls")
    if "tls" in settings.transports and settings.tls_certificate is None:
        found.append("transport tls needs tls_certificate: a PEM file with the certificate and its key")
    if not settings.codecs or any(codec not in CODEC_SPECS for codec in settings.codecs):
        found.append(f"codecs must name some of {', '.join(CODEC_SPECS)}, got {', '.join(settings.codecs) or 'none'}")
    low, high = settings.rtp_ports
    ports = 2 * settings.legs_per_call
    if not 1024 <= low <= high - ports * settings.max_calls <= 65535:
        each = f"{'four' if ports == 4 else 'two'} ports for each of max_calls={settings.max_calls}"
        why = (
            "; a call that is joined with a queue here has four (handoff.way: refer without calls of the app needs two)"
            if ports == 4
            else ""
        )
        found.append(f"rtp_ports {low}-{high} must lie above 1023 and hold {each}{why}")
    if settings.max_calls > _MOST_CALLS:
        found.append(f"max_calls must be at most {_MOST_CALLS}, got {settings.max_calls}: start more processes for more calls")
    if settings.max_calls < 1:
        found.append(f"max_calls must be at least 1, got {settings.max_calls}")
    for server in settings.dns_servers:
        try:
            ip_address(host_and_port(server)[0])
        except ValueError:
            found.append(f"dns_servers: {server} is no address; write it like 192.0.2.53 or 192.0.2.53:5353")
    if settings.own_calls and "udp" not in settings.transports:
        found.append("transports must name udp as well: calls of the app come by it, from this machine")
    if settings.rtp_timeout_s < 1:
        found.append(f"rtp_timeout_s must be at least 1 second, got {settings.rtp_timeout_s}")
    if len(settings.headers()) > _MAX_HEADERS:
        found.append(
            f"extra_headers: at most {_MAX_HEADERS - len(settings.headers()) + len(settings.extra_headers)} more can be read"
        )
    found += [f"extra_headers: {name!r} is no header name" for name in settings.extra_headers if not _HEADER_NAME.fullmatch(name)]
    for networks in (settings.peers, settings.trusted or ()):
        try:
            parse_networks(networks)
        except ValueError as error:
            return [*found, str(error)]
    found += [
        f"trunks: {name} {problem}" for name, trunk in settings.trunks.items() for problem in _trunk_problems(trunk, settings)
    ]
    if reserved := RESERVED.intersection(settings.trunks):
        found.append(f"trunks: {min(reserved)} is the name of the short form's; choose another name")
    found += [
        f"trunks: {network} is in both {one} and {other}; name it once"
        for network, one, other in shared_networks(settings.all_trunks)
    ]
    return found


def _trunk_problems(trunk: Trunk, settings: SipSettings) -> Iterator[str]:
    """What is wrong with one trunk, or does not fit the endpoint."""
    if not trunk.peers:
        yield "has no peers; name its networks"
    if trunk.caller_id.trusted and not trunk.digest and any(network.prefixlen == 0 for network in trunk.networks):
        yield "has a /0, which is everybody, so nobody vouches for a number; write caller_id: {trusted: false}"
    for name, given, have in (
        ("transports", trunk.transports, settings.transports),
        ("codecs", trunk.codecs, settings.codecs),
    ):
        if other := [each for each in given if each not in have]:
            yield f"has {name}: {other[0]}, which is not in sip.{name}; add it there, or leave it out here"
    if trunk.registration is not None and trunk.registration.transport not in settings.transports:
        yield f"registers by {trunk.registration.transport}, which is not in sip.transports; add it there: its calls come by it"
    if trunk.srtp is Srtp.REQUIRED and settings.media_encryption == "none":
        yield "requires SRTP, and sip.media_encryption is none; write media_encryption: srtp"
    if trunk.srtp is Srtp.OFF and settings.media_encryption in ("srtp-mand", "dtls_srtp"):
        yield f"has srtp: off, and sip.media_encryption is {settings.media_encryption}; write media_encryption: srtp"
    if trunk.qualify_s and trunk.asked_at is None:
        yield "has qualify_s and several addresses; write address: the one to ask"
    if trunk.registration is not None:
        yield from _registrar_problems(trunk, trunk.outbound_proxy or trunk.registration.registrar)


def _registrar_problems(trunk: Trunk, named: str) -> Iterator[str]:
    """A registrar whose answers the gate would drop."""
    try:
        address = ip_address(host_and_port(named)[0])
    except ValueError:
        return  # a name: only the network knows its addresses
    if not any(address in network for network in trunk.networks):
        yield f"registers at {address}, which is not in its peers; add {address} to them: answers and calls come from there"
