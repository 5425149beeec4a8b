"""The app's offer (SDP, RFC 8866) before anything else reads it: what is not understood is left out, what is missing is refused.

The stack never sees what the app wrote. It gets an offer that is written anew from the few lines that were understood: one audio
line with Opus, keys (RFC 4733), ICE (RFC 8839) and DTLS-SRTP (RFC 5763). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Self

MOST_OCTETS = 21_000
"""Of an offer; a browser's has 2,000 to 4,000."""
MOST_CANDIDATES = 40
"""A telephone with Wi-Fi, mobile data, a VPN and two TURN servers has about twenty."""
_MOST_LINES = 600
_MOST_MEDIA = 4

_MEDIA = re.compile(
    r"(?P<kind>[a-z]{1,20}) (?P<port>\d{1,5})(?:/\d+)? (?P<proto>[A-Z/]{1,40})(?P<formats>(?: [\w-]{1,20}){1,60})"
)
_FORMAT = re.compile(r"(?P<number>\d{1,3}) (?P<name>[A-Za-z0-9.-]{1,32})/(?P<rate>\d{3,6})(?:/(?P<channels>\d))?")
_FINGERPRINT = re.compile(r"sha-256 (?P<hash>(?:[0-9A-F]{2}:){31}[0-9A-F]{2})", re.IGNORECASE)
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_MID = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,32}")
_SETUP = ("actpass", "active", "passive")
_SSRC = re.compile(r"(?P<ssrc>\d{1,10}) cname:(?P<cname>[\w+/.@{}=-]{1,80})")
# RFC 8839, 5.1; extensions but the related address are left out
_CANDIDATE = re.compile(
    r"(?P<foundation>[A-Za-z0-9+/]{1,32}) (?P<component>[12]) (?P<transport>udp|tcp) (?P<priority>\d{1,10}) "
    r"(?P<address>[A-Za-z0-9.:-]{1,255}) (?P<port>\d{1,5}) typ (?P<kind>host|srflx|prflx|relay)(?: .*)?",
    re.IGNORECASE,
)
# a UUID, as browsers draw it: other names of .local may be machines of the bank's network
_MDNS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local", re.IGNORECASE)
_NOBODY = "00000000-0000-4000-8000-000000000000.local"
"""In place of an address that we send nothing to: where the app really is is learnt from what comes in."""
_OPUS = ("opus", "48000", "2")


Network = IPv4Network | IPv6Network


class OfferRefused(ValueError):
    """An offer that cannot become a call. `code` is stable: too_long, no_sdp, no_audio, profile, codec, fingerprint, ice, mux,
    candidates, direction.
    """

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Candidate:
    """One address at which the app may be reached. The address is IPv4, IPv6, or a name of mDNS that only its own network can
    resolve: then it is learnt from what comes in.
    """

    foundation: str
    priority: int
    address: str
    port: int
    kind: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """A UDP candidate for RTP; None for what is no use to us: TCP, RTCP's own, port 0, a name, an address that is no other
        machine's (loopback, link-local, multicast). Raises ValueError.
        """
        found = _CANDIDATE.fullmatch(text)
        if found is None:
            raise ValueError(f"no candidate of RFC 8839: {text[:80]!r}")
        address, port, priority = found["address"], int(found["port"]), int(found["priority"])
        if port > 65535 or priority > 0xFFFFFFFF:
            raise ValueError("a port or a priority is too large")
        if found["transport"].lower() != "udp" or found["component"] != "1" or not port:
            return None
        if not _MDNS.fullmatch(address):
            known = _reachable(address)
            if known is None:
                return None
            address = known
        return cls(found["foundation"], priority, address, port, found["kind"].lower())

    def without(self, networks: Sequence[Network]) -> Self:
        """The same, with nobody's name for an address in one of these networks."""
        if _MDNS.fullmatch(self.address) or not any(ip_address(self.address) in network for network in networks):
            return self
        return replace(self, address=_NOBODY)

    def __str__(self) -> str:
        related = "" if self.kind == "host" else " raddr 0.0.0.0 rport 9"
        return f"{self.foundation} 1 udp {self.priority} {self.address} {self.port} typ {self.kind}{related}"


@dataclass(frozen=True, slots=True)
class Media:
    """A media line of the offer."""

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]
    lines: tuple[str, ...]
    """Its attributes, without "a="."""

    def values(self, name: str) -> list[str]:
        """Of every attribute with this name; "" for a flag."""
        return [value for line in self.lines for found, _, value in [line.partition(":")] if found == name]

    @property
    def mid(self) -> str:
        """Its identification (RFC 5888); "" when it has none that can be written."""
        found = next(iter(self.values("mid")), "")
        return found if _MID.fullmatch(found) else ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What was understood of an offer."""

    opus: int
    """The payload type of Opus."""
    keys: int | None
    """That of telephone-event at 8000 Hz; None: no keys by RFC 4733."""
    fingerprint: str
    """The DTLS certificate's SHA-256, upper case with colons."""
    setup: str
    ufrag: str
    password: str
    candidates: tuple[Candidate, ...]
    sends: bool
    """False: the app only listens."""
    source: str
    """The a=ssrc line with the cname, "" for none."""
    media: tuple[Media, ...]
    """All media lines in their order: every one needs an answer (RFC 3264, 6)."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises OfferRefused."""
        session, media = _read(text)
        audio = [each for each in media if each.kind == "audio" and each.port]
        if len(audio) != 1:
            raise OfferRefused("no_audio", f"exactly one m=audio line with a port is needed, {len(audio)} are there")
        (line,) = audio
        if line.proto not in ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP"):
            raise OfferRefused("profile", f"{line.proto!r} is not taken: offer UDP/TLS/RTP/SAVPF")
        if not line.values("rtcp-mux"):
            raise OfferRefused("mux", "a=rtcp-mux is needed (RFC 5761)")
        whole = Media("", 0, "", (), (*line.lines, *session))
        opus, keys = _formats(line)
        return cls(
            opus=opus,
            keys=keys,
            fingerprint=_fingerprint(whole),
            setup=_one_of(whole, "setup", _SETUP, "fingerprint"),
            ufrag=_matching(whole, "ice-ufrag", _UFRAG),
            password=_matching(whole, "ice-pwd", _PASSWORD),
            candidates=_candidates(line),
            sends=_sends(whole),
            source=_source(line),
            media=media,
        )

    def sdp(self, *, never_to: Sequence[Network] = ()) -> str:
        """For our own stack. The address and the port count for nothing: only the candidates do, and those in the networks
        `never_to` without their address.
        """
        numbers = [self.opus, *([self.keys] if self.keys is not None else [])]
        lines = [
            "v=0",
            "o=- 1 1 IN IP4 0.0.0.0",
            "s=-",
            "t=0 0",
            f"m=audio 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, numbers))}",
            "c=IN IP4 0.0.0.0",
            "a=rtcp:9 IN IP4 0.0.0.0",
            f"a=rtpmap:{self.opus} opus/48000/2",
            f"a=fmtp:{self.opus} minptime=10;useinbandfec=1",
            *([f"a=rtpmap:{self.keys} telephone-event/8000"] if self.keys is not None else []),
            "a=rtcp-mux",
            "a=sendrecv" if self.sends else "a=recvonly",
            f"a=setup:{self.setup}",
            f"a=fingerprint:sha-256 {self.fingerprint}",
            f"a=ice-ufrag:{self.ufrag}",
            f"a=ice-pwd:{self.password}",
            *([f"a=mid:{mid}"] if (mid := self._audio.mid) else []),
            *([f"a=ssrc:{self.source}"] if self.source else []),
            *(f"a=candidate:{candidate.without(never_to)}" for candidate in self.candidates),
        ]
        return "".join(f"{line}\r\n" for line in lines)

    def answer(self, ours: str, *, public_address: str | None = None) -> str:
        """The stack's answer as the app needs it: a refusal for each media line but the audio, and with `public_address` that
        address in our candidates, for a machine behind a 1:1 address translation.
        """
        text = ours.replace("\r\n", "\n").strip("\n")
        head, _, audio = text.partition("\nm=")
        lines = f"m={audio}".split("\n")
        if public_address is not None:
            lines = [_announced(line, public_address) for line in lines]
        # what is refused is in no bundle
        top = [line for line in head.split("\n") if not line.startswith("a=group:")]
        if self._audio.mid and "\na=group:BUNDLE" in f"\n{head}":
            top.append(f"a=group:BUNDLE {self._audio.mid}")
        parts = [top, *(lines if each is self._audio else _refusal(each) for each in self.media)]
        return "".join(f"{line}\r\n" for part in parts for line in part)

    @property
    def _audio(self) -> Media:
        return next(each for each in self.media if each.kind == "audio" and each.port)


def _reachable(text: str) -> str | None:
    """The address, if it may be another machine's that is more than a link away."""
    try:
        told = ip_address(text)
    except ValueError:
        return None
    plain = told.ipv4_mapped or told if isinstance(told, IPv6Address) else told
    near = plain.is_loopback or plain.is_link_local or plain.is_multicast or plain.is_unspecified or plain.is_reserved
    return None if near else str(plain)


def _read(text: str) -> tuple[tuple[str, ...], tuple[Media, ...]]:
    """The session's attributes, and the media lines with theirs."""
    if len(text.encode(errors="replace")) > MOST_OCTETS:
        raise OfferRefused("too_long", f"the offer is longer than {MOST_OCTETS} octets")
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines or lines[0] != "v=0":
        raise OfferRefused("no_sdp", "an offer begins with v=0")
    if len(lines) > _MOST_LINES:
        raise OfferRefused("too_long", f"the offer has more than {_MOST_LINES} lines")
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise OfferRefused("no_sdp", "an offer has no characters but those of ASCII that can be printed")
    session, *sections = _sections(lines)
    if len(sections) > _MOST_MEDIA:
        raise OfferRefused("no_audio", f"at most {_MOST_MEDIA} m= lines are read: a call needs one")
    return _attributes(session), tuple(_media(section) for section in sections)


def _sections(lines: Sequence[str]) -> Iterator[list[str]]:
    section: list[str] = []
    for line in lines:
        if line.startswith("m="):
            yield section
            section = []
        section.append(line)
    yield section


def _media(section: Sequence[str]) -> Media:
    found = _MEDIA.fullmatch(section[0][2:])
    if found is None or int(found["port"]) > 65535:
        raise OfferRefused("no_sdp", f"the line {section[0][:80]!r} is none of SDP")
    return Media(found["kind"], int(found["port"]), found["proto"], tuple(found["formats"].split()), _attributes(section))


def _attributes(section: Sequence[str]) -> tuple[str, ...]:
    return tuple(line[2:] for line in section if line.startswith("a="))


def _formats(audio: Media) -> tuple[int, int | None]:
    """The payload types of Opus and of keys."""
    opus: int | None = None
    keys: int | None = None
    for value in audio.values("rtpmap"):
        found = _FORMAT.fullmatch(value)
        if found is None or found["number"] not in audio.formats or int(found["number"]) > 127:
            continue
        if (found["name"].lower(), found["rate"], found["channels"]) == _OPUS and opus is None:
            opus = int(found["number"])
        elif found["name"].lower() == "telephone-event" and found["rate"] == "8000" and keys is None:
            keys = int(found["number"])
    if opus is None:
        raise OfferRefused("codec", "opus/48000/2 is needed")
    if opus == keys:
        raise OfferRefused("codec", "Opus and keys have the same payload type")
    return opus, keys


def _fingerprint(media: Media) -> str:
    """The one SHA-256; a hash of another kind beside it is left out."""
    found = {match["hash"].upper() for value in media.values("fingerprint") if (match := _FINGERPRINT.fullmatch(value))}
    if len(found) != 1:
        raise OfferRefused("fingerprint", "exactly one a=fingerprint:sha-256 is needed (RFC 8122)")
    return found.pop()


def _one_of(media: Media, name: str, known: Sequence[str], code: str) -> str:
    value = next(iter(media.values(name)), "")
    if value not in known:
        raise OfferRefused(code, f"a={name} must be one of {', '.join(known)}")
    return value


def _matching(media: Media, name: str, pattern: re.Pattern[str]) -> str:
    value = next(iter(media.values(name)), "")
    if not pattern.fullmatch(value):
        raise OfferRefused("ice", f"a={name} is needed (RFC 8839)")
    return value


def _candidates(audio: Media) -> tuple[Candidate, ...]:
    """Those of use. None at all can never connect: the app waits until it has gathered them, there is no trickle."""
    values = audio.values("candidate")
    if len(values) > MOST_CANDIDATES:
        raise OfferRefused("candidates", f"there are {len(values)} candidates, {MOST_CANDIDATES} are enough for anybody")
    try:
        found = tuple(candidate for value in values if (candidate := Candidate.parse(value)) is not None)
    except ValueError as error:
        raise OfferRefused("candidates", str(error)) from None
    if not found:
        raise OfferRefused("candidates", "no UDP candidate: send the offer when iceGatheringState is complete")
    return found


def _sends(media: Media) -> bool:
    """Whether the app sends sound; one that does not want to hear is no caller."""
    named = {line for line in media.lines if line in ("sendrecv", "sendonly", "recvonly", "inactive")}
    if named & {"sendonly", "inactive"}:
        raise OfferRefused("direction", "the app must receive sound: offer a=sendrecv")
    return "recvonly" not in named


def _source(audio: Media) -> str:
    for value in audio.values("ssrc"):
        found = _SSRC.fullmatch(value)
        if found is not None and int(found["ssrc"]) <= 0xFFFFFFFF:
            return f"{found['ssrc']} cname:{found['cname']}"
    return ""


def _refusal(media: Media) -> list[str]:
    """A media line that is not taken: port 0 (RFC 3264, 6)."""
    mid = [f"a=mid:{media.mid}"] if media.mid else []
    return [f"m={media.kind} 0 {media.proto} {' '.join(media.formats)}", "c=IN IP4 0.0.0.0", "a=inactive", *mid]


def _announced(line: str, address: str) -> str:
    if not line.startswith("a=candidate:") or " typ host" not in line:
        return line
    fields = line.split(" ")
    fields[4] = address
    return " ".join(fields)
