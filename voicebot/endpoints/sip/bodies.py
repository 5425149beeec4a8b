"""What stands in the bodies of SIP requests, as far as the stack does not read it itself: SDP among other parts (RFC 5621), which
codecs an offer has (RFC 3264), and the key of an INFO. Pure; every function bears whatever a far end sends.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from voicebot.endpoints.sip.codecs import Codec

# boundary characters: RFC 2046, 5.1.1
_BOUNDARY = re.compile(
    r'multipart/\S+?\s*;(?:[^"]|"[^"]*")*?boundary\s*=\s*(?:"(?P<quoted>[^"\r\n]{1,70})"|(?P<plain>[^\s;",]{1,70}))', re.I
)
_SDP_TYPE = re.compile(rb"^(?:content-type|c)[ \t]*:[ \t]*application/sdp[ \t]*(?:;|\r?$)", re.I | re.M)
_STATIC: dict[str, Codec] = {"0": "pcmu", "8": "pcma", "9": "g722"}
"""Payload types that need no rtpmap (RFC 3551, 6)."""
_NAMES: dict[str, Codec] = {"opus/48000": "opus", "g722/8000": "g722", "pcma/8000": "pcma", "pcmu/8000": "pcmu"}
_RTPMAP = re.compile(r"a=rtpmap:(\d+) +([^\s/]+/\d+)", re.I)
_SIGNAL = re.compile(rb"^[ \t]*Signal[ \t]*=[ \t]*([^\r\n]*?)[ \t]*\r?$", re.I | re.M)
_DURATION = re.compile(rb"Duration= *[0-9]", re.I)
_NUMBERED = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
"""Events by their number, as some gateways write them (RFC 4733, 3.2)."""
_NO_VOICE = ("telephone-event/", "cn/")
_MOST_MEDIA = 64
_LONGEST_TYPE = 500  # the expression looks at it again and again


def sdp_part(content_type: str, body: bytes) -> tuple[int, int] | None:
    """Where the first SDP of a multipart body begins and ends; None when it has none."""
    named = _BOUNDARY.match(content_type.strip()[:_LONGEST_TYPE])
    if named is None:
        return None
    mark = b"--" + (named["quoted"] or named["plain"]).encode("latin-1")
    at = 0 if body.startswith(mark) else body.find(b"\n" + mark) + 1
    if at == 0 and not body.startswith(mark):
        return None
    while (lines := body.find(b"\n", at) + 1) and not body.startswith(mark + b"--", at):
        end = body.find(b"\n" + mark, lines - 1)
        part = body[lines : end + 1 if end >= 0 else len(body)]
        head, empty, _ = part.partition(b"\r\n\r\n") if b"\r\n\r\n" in part else part.partition(b"\n\n")
        if empty and _SDP_TYPE.search(head):
            begin = lines + len(head) + len(empty)
            return begin, lines + len(part)
        if end < 0:
            return None
        at = end + 1
    return None


@dataclass(frozen=True, slots=True)
class AudioOffer:
    """The audio that an SDP offers."""

    codecs: frozenset[Codec]
    """Those we know, whether we take them or not."""
    encrypted: bool
    """By its profile: RTP/SAVP and its kin."""


def audio_offers(sdp: bytes) -> list[AudioOffer]:
    """One for every audio stream that is not switched off (port 0; RFC 3264, 5.1)."""
    found = []
    for media in re.split(r"^m=", sdp.decode("latin-1"), flags=re.M)[1 : _MOST_MEDIA + 1]:
        first, *lines = media.splitlines()
        words = first.split()
        if len(words) < 4:
            continue
        (kind, port, profile), formats = words[:3], words[3:]
        if kind.lower() != "audio" or not _is_open(port) or "RTP/" not in profile.upper():
            continue
        names = {match[1]: match[2].lower() for line in lines if (match := _RTPMAP.match(line))}
        codecs = {_NAMES.get(names[each]) if each in names else _STATIC.get(each) for each in formats}
        found.append(AudioOffer(frozenset(codec for codec in codecs if codec), "SAVP" in profile.upper()))
    return found


def _is_open(port: str) -> bool:
    """Whether sound can go there: "40000", "40000/2"; 0 is switched off."""
    number = port.partition("/")[0]
    return number.isascii() and number.isdecimal() and len(number) <= 5 and 0 < int(number) < 65536


def has_our_sound(sdp: bytes, codecs: Collection[Codec]) -> bool:
    """Whether it offers sound in one of these codecs, encrypted or not."""
    return any(offer.codecs.intersection(codecs) for offer in audio_offers(sdp))


def is_acceptable(sdp: bytes, codecs: Collection[Codec], *, encryption: str) -> bool:
    """Whether an answer with sound can be given; `encryption` is ours, "none" where we have no SRTP."""
    return any(
        offer.codecs.intersection(codecs) and not (encryption == "none" and offer.encrypted) for offer in audio_offers(sdp)
    )


def info_key(content_type: str, body: bytes) -> str:
    """The key of an INFO with application/dtmf-relay or application/dtmf: one of 0-9 * # A-D; "" for anything else."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/dtmf-relay":
        signal = found[1] if (found := _SIGNAL.search(body)) else b""
    elif kind == "application/dtmf":
        signal = found[1] if (found := _SIGNAL.search(body)) else body.strip()
    else:
        return ""
    text = signal.decode("latin-1").upper()
    text = _NUMBERED.get(text, text)
    return text if re.fullmatch(r"[0-9*#A-D]", text) else ""


def is_read_by_stack(content_type: str, body: bytes) -> bool:
    """Whether the stack itself reports the key of this INFO, and rightly."""
    relay = content_type.partition(";")[0].strip().lower() == "application/dtmf-relay"
    signal = re.search(rb"Signal= *([0-9*#a-d]+)", body, re.I)
    return relay and signal is not None and len(signal[1]) == 1 and _DURATION.search(body) is not None


def reordered(sdp: bytes, codecs: Sequence[Codec], *, keys: bool = True) -> tuple[int, bytes] | None:
    """Where the first audio stream's payload types stand, and what to put there: those of these codecs alone, in this order (none
    given: all, as they are), and keys and comfort noise behind them; without `keys` no telephone-event. As long as before. None
    when nothing changes, or no codec is left.
    """
    found = re.search(rb"^m=audio [0-9]+(?:/[0-9]+)? [^\s]*RTP/[^\s]+ ([0-9 ]+?) *\r?$", sdp, re.I | re.M)
    if found is None:
        return None
    following = sdp[found.end() :].decode("latin-1").partition("\nm=")[0].splitlines()
    names = {match[1]: match[2].lower() for line in following if (match := _RTPMAP.match(line))}
    formats = found[1].decode("latin-1").split()
    known = {each: codec for each in formats if (codec := _NAMES.get(names[each]) if each in names else _STATIC.get(each))}
    others = [each for each in formats if names.get(each, "").startswith(_NO_VOICE)]
    voices = [each for each in formats if each not in others]
    if codecs:
        voices = sorted((each for each in voices if known.get(each) in codecs), key=lambda each: codecs.index(known[each]))
    if not keys:
        others = [each for each in others if not names[each].startswith("telephone-event/")]
    wanted = voices + others
    if not voices or wanted == formats:
        return None
    return found.start(1), " ".join(wanted).encode().ljust(len(found[1]))
