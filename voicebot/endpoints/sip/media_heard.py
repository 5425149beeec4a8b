"""The audio of one guarded call: who may send it, who is heard, and the kernel's filters that follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address

from voicebot.endpoints.sip.media_filter import either, from_sender
from voicebot.endpoints.sip.media_sources import MediaSources
from voicebot.endpoints.sip.peers import Instruction, Network, source_filter
from voicebot.endpoints.sip.stack import SocketWatch, read_address, stack

Sender = tuple[str, int]
"""IP address and port; "" and 0 for nobody."""


@dataclass(slots=True, eq=False)
class Media:
    """The audio of one call."""

    call: int
    rtp: int
    """Its sockets (struct udp_sock)."""
    rtcp: int
    sources: MediaSources
    signalled: Sender = ("", 0)
    """Where its SDP wants our packets, and so where its own should come from (symmetric RTP, RFC 4961)."""
    allowed: tuple[Network, ...] = ()
    """Where a sender may be."""
    sender: Sender = ("", 0)
    """Who is heard; "" until it is known."""
    ssrc: int | None = None
    """What is heard of the sender; None: whatever SSRC comes next."""
    watched_looks: int = 0
    """For so many looks more the signalled sender may take the place of who is heard."""
    looks_to_watch: int = 0
    """It is not watched for again before so many looks."""
    watch: SocketWatch | None = None
    """While packets are looked at here."""
    packets: int = 0
    """Received so far, when they last were more than before."""
    silent_looks: int = 0
    packets_before: int = 0
    """Received when the sender was taken."""
    keyless: dict[Sender, float] = field(default_factory=dict)
    """Senders whose packets could not be read, and until when nothing of them is taken (monotonic)."""
    turned_away: int = 0

    def may_send(self, sender: Sender) -> bool:
        """Whether a packet of theirs counts now: all of the media networks, later only who is heard, or the signalled sender."""
        if not self.is_allowed(sender[0]):
            return False
        return not self.sender[0] or sender == self.sender or (sender == self.signalled and self.takes_signalled)

    def is_allowed(self, address: str) -> bool:
        """Whether it is in the media networks."""
        parsed = ip_address(address)
        return any(parsed in network for network in self.allowed)

    @property
    def is_in_anothers_place(self) -> bool:
        """Whether who is heard is not whom the SDP names, though that one may send.

        With SRTP, one whose packets were read has proved to be the caller.
        """
        named = self.signalled[0] and self.sender not in (("", 0), self.signalled) and self.is_allowed(self.signalled[0])
        return bool(named) and not (has_srtp(self.call) and self.packets != self.packets_before)

    @property
    def takes_signalled(self) -> bool:
        """Whether that one may take over now: while it is watched for, and when who is heard has fallen silent."""
        return self.is_in_anothers_place and (self.ssrc is None or self.watched_looks > 0)

    def filters(self) -> tuple[list[Instruction], list[Instruction]]:
        """For RTP and for RTCP."""
        if not self.sender[0]:
            return source_filter(self.allowed), source_filter(self.allowed)
        rtp, rtcp = from_sender(*self.sender, self.ssrc), from_sender(self.sender[0])
        if self.takes_signalled:
            rtp, rtcp = either(rtp, from_sender(*self.signalled)), either(rtcp, from_sender(self.signalled[0]))
        return rtp, rtcp


def signalled(call: int) -> Sender:
    """Where the call's SDP wants our audio; nobody while there is none, or it is on hold (0.0.0.0)."""
    library = stack()
    stream = library.audio_strm(library.call_audio(call))
    host, port = read_address(library.sdp_media_raddr(library.stream_sdpmedia(stream))) if stream else ("", 0)
    return ("", 0) if not host or ip_address(host).is_unspecified else (host, port)


def has_srtp(call: int) -> bool:
    """Whether its SDP names SRTP (RFC 3711, 5124): RTP/SAVP, RTP/SAVPF, UDP/TLS/RTP/SAVP."""
    library = stack()
    stream = library.audio_strm(library.call_audio(call))
    protocol = library.sdp_media_proto(library.stream_sdpmedia(stream)) if stream else None
    return b"SAVP" in (protocol or b"")


def is_rtp(packet: bytes) -> bool:
    """By its version and its type (RFC 5761, 4): RTCP, STUN and DTLS are none."""
    return len(packet) >= 12 and packet[0] >> 6 == 2 and not 192 <= packet[1] <= 223
