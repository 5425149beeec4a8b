"""What an operator sets about the embedded SIP endpoint, and how the stack is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from baresip import Account, Config

from voicebot.endpoints.sip.codecs import CODEC_SPECS, MEDIA_DIRECTIVES, Codec
from voicebot.endpoints.sip.peers import Network, parse_networks
from voicebot.endpoints.sip.ports import uri_host

Transport = Literal["udp", "tcp", "tls"]
MediaEncryption = Literal["none", "srtp", "srtp-mand", "dtls_srtp"]

# What caller id, diversion and hand-off read; the stack exposes sixteen names at most.
IDENTITY_HEADERS = (
    "From",
    "To",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Remote-Party-ID",
    "Privacy",
    "Diversion",
    "History-Info",
    "Identity",
    "User-to-User",
    "X-Call-Ref",
)
_MAX_HEADERS = 16
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,63}")


@dataclass(frozen=True, slots=True)
class SipSettings:
    """One embedded SIP endpoint.

    `host` is the address to bind, 0.0.0.0 for every interface but loopback. `port` 0 picks a free one; with TLS the stack listens
    for it on the port above. `peers` are the networks (CIDR) whose packets reach the stack at all, empty: nobody; `trusted` are
    those among them whose identity headers count, None: all of `peers` but a catch-all /0. `codecs` are those we take: an answer
    keeps the order of the far end's offer (RFC 3264, 6.1), so the trunk must name G.722 or Opus first to be heard wideband; our
    order counts when the far end leaves the offer to us. `rtp_timeout_s`: a call that receives no RTP for so long, or none at all
    from the start, is dead. `max_call_s` is the last resort against calls that never end: the driver ends them before, politely.
    `media_encryption` "srtp" offers SRTP and takes RTP, "srtp-mand" refuses RTP. `transfer_settle_s`: how long a failure may
    follow the first progress report of a transfer.
    """

    host: str = "127.0.0.1"
    port: int = 5060
    transports: tuple[Transport, ...] = ("udp", "tcp")
    tls_certificate: Path | None = None
    tls_client_ca: Path | None = None
    peers: tuple[str, ...] = ()
    trusted: tuple[str, ...] | None = None
    rtp_ports: tuple[int, int] = (10000, 20000)
    codecs: tuple[Codec, ...] = ("opus", "g722", "pcma", "pcmu")
    media_encryption: MediaEncryption = "none"
    max_calls: int = 60
    rtp_timeout_s: int = 30
    max_call_s: float = 3600.0
    net_interface: str | None = None
    extra_headers: tuple[str, ...] = ()
    transfer_settle_s: float = 1.0
    user: str = "voicebot"

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise ValueError(problem)

    @property
    def peer_networks(self) -> tuple[Network, ...]:
        """The networks that may talk to us."""
        return parse_networks(self.peers)

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        """The networks whose identity headers count (RFC 3325: only inside a trust domain)."""
        if self.trusted is None:
            return tuple(network for network in self.peer_networks if network.prefixlen > 0)
        return parse_networks(self.trusted)

    def headers(self) -> tuple[str, ...]:
        """The header names read from every INVITE."""
        return tuple(dict.fromkeys((*IDENTITY_HEADERS, *self.extra_headers)))

    def config(self, port: int) -> Config:
        """The stack's configuration, listening on `port`."""
        interface = self.net_interface
        if interface is None and not ip_address(self.host).is_unspecified:
            interface = self.host  # discovery skips loopback, so an address we are told to bind is pinned
        return Config(
            net_interface=interface,
            max_concurrent_calls=self.max_calls,
            rtp_timeout=self.rtp_timeout_s,
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
        if self.tls_certificate is not None:
            lines.append(f"sip_certificate {self.tls_certificate}")
        if self.tls_client_ca is not None:
            lines += [f"sip_cafile {self.tls_client_ca}", "sip_verify_client yes"]
        return "\n".join(lines) + "\n"

    def accounts(self) -> list[Account]:
        """The accounts that answer for every dialled number of the trunk: one a transport, since the stack matches it too."""
        params = [
            "catchall=yes",  # any user part of the request URI is ours: the dialled number tells the line
            "video_codecs=none",  # else the stack re-INVITEs every audio call right after its ACK
        ]
        if self.media_encryption != "none":
            params.append(f"mediaenc={self.media_encryption}")
        return [
            Account(
                user=self.user,
                domain=uri_host(self.host),
                password="",
                reg_interval=0,
                transport=transport,
                audio_codecs=tuple(CODEC_SPECS[codec] for codec in self.codecs),
                extra_params=tuple(params),
            )
            for transport in self.transports
        ]


def _problems(settings: SipSettings) -> list[str]:
    """What is wrong with the settings, each with its mend."""
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
    if not 1024 <= low <= high - 2 * settings.max_calls <= 65535:
        found.append(f"rtp_ports {low}-{high} must lie above 1023 and hold two ports for each of max_calls={settings.max_calls}")
    if settings.max_calls < 1:
        found.append(f"max_calls must be at least 1, got {settings.max_calls}")
    if settings.rtp_timeout_s < 1:
        found.append(f"rtp_timeout_s must be at least 1 second, got {settings.rtp_timeout_s}")
    if len(settings.headers()) > _MAX_HEADERS:
        found.append(f"extra_headers: at most {_MAX_HEADERS - len(IDENTITY_HEADERS)} more can be read")
    found += [f"extra_headers: {name!r} is no header name" for name in settings.extra_headers if not _HEADER_NAME.fullmatch(name)]
    for networks in (settings.peers, settings.trusted or ()):
        try:
            parse_networks(networks)
        except ValueError as error:
            found.append(str(error))
    return found
