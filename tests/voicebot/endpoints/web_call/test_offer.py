"""The guard: what it lets through, what it refuses and why, and that nothing of the app's own wording reaches the stack."""

from __future__ import annotations

import re
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.endpoints.web_call.offer import MOST_CANDIDATES, MOST_OCTETS, Offer, OfferRefused

LONGEST = ":".join(["2a02"] * 8)
PRINT = ":".join(["AB"] * 32)
CANDIDATES = (
    "1 1 udp 2113937151 192.0.2.7 50000 typ host generation 0 network-cost 999",
    "2 1 udp 2113937151 0b8f4c2e-9a9f-4f6a-8d5e-6f6bb1e7c0aa.local 50001 typ host",
    "3 1 udp 1677729535 198.51.100.4 50002 typ srflx raddr 192.0.2.7 rport 50000",
    "4 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active",
    "5 2 udp 2113937150 192.0.2.7 50003 typ host",
    "6 1 udp 2113939711 2001:db8::7 50004 typ host",
)
SESSION = ("v=0", "o=- 46117 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0", "a=msid-semantic: WMS x")
AUDIO = (
    "m=audio 50000 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
    "c=IN IP4 192.0.2.7",
    "a=rtcp:9 IN IP4 0.0.0.0",
    *(f"a=candidate:{candidate}" for candidate in CANDIDATES),
    "a=ice-ufrag:EsAw",
    "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
    "a=ice-options:trickle",
    f"a=fingerprint:sha-256 {PRINT}",
    "a=setup:actpass",
    "a=mid:0",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "a=sendrecv",
    "a=msid:x y",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:110 telephone-event/48000",
    "a=rtpmap:126 telephone-event/8000",
    "a=ssrc:3735928559 cname:o/i14u9pJrxRKAsu",
)
LINES = (*SESSION, *AUDIO)
VIDEO = ("m=video 50002 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:1", "a=rtpmap:96 VP8/90000")
DATA = ("m=application 50002 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:2", "a=sctp-port:5000")
OURS = f"""v=0
o=- 1 2 IN IP4 10.9.9.1
s=-
t=0 0
a=setup:active
a=fingerprint:SHA-256 {PRINT}
m=audio 37428 UDP/TLS/RTP/SAVPF 111 126
a=rtpmap:111 opus/48000/2
a=candidate:c1 1 UDP 2130706175 10.9.9.1 37428 typ host
a=rtcp-mux
a=mid:0
""".replace("\n", "\r\n")


def text(*lines: str) -> str:
    return "\r\n".join(lines) + "\r\n"


def without(name: str) -> str:
    return text(*(line for line in LINES if not line.startswith(name)))


def instead(name: str, *other: str) -> str:
    at = next(place for place, line in enumerate(LINES) if line.startswith(name))
    return text(*LINES[:at], *other, *(line for line in LINES[at:] if not line.startswith(name)))


def refusal(offer: str) -> str:
    with pytest.raises(OfferRefused) as refused:
        Offer.parse(offer)
    return refused.value.code


def test_a_browsers_offer_is_understood_and_written_anew() -> None:
    offer = Offer.parse(text(*LINES))
    assert (offer.opus, offer.keys, offer.fingerprint, offer.setup) == (111, 126, PRINT, "actpass")
    assert [candidate.address for candidate in offer.candidates] == [
        "192.0.2.7", "0b8f4c2e-9a9f-4f6a-8d5e-6f6bb1e7c0aa.local", "198.51.100.4", "2001:db8::7",
    ]  # fmt: skip
    written = offer.sdp()
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 111 126\r\nc=IN IP4 0.0.0.0\r\n" in written
    assert not re.search("extmap|trickle|msid|PCMA|48000\r|network-cost|127.0.0.1", written)
    again = Offer.parse(written)
    assert (again.candidates, again.ufrag, again.source) == (offer.candidates, offer.ufrag, offer.source)


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        ("", "no_sdp"),
        ("garbage\r\n", "no_sdp"),
        (text(*LINES[1:]), "no_sdp"),
        (text(*LINES) + "a=x\0y\r\n", "no_sdp"),
        (text(*LINES, "a=zażółć"), "no_sdp"),
        (text(*SESSION), "no_audio"),
        (text(*SESSION, *VIDEO), "no_audio"),
        (text(*SESSION, *DATA), "no_audio"),
        (text(*LINES, *AUDIO), "no_audio"),
        (instead("m=audio", "m=audio 0 UDP/TLS/RTP/SAVPF 111"), "no_audio"),
        (text(*LINES, *VIDEO, *VIDEO, *VIDEO, *VIDEO), "no_audio"),
        (instead("m=audio", "m=audio 50000 RTP/AVP 111"), "profile"),
        (instead("m=audio", "m=audio 99999 UDP/TLS/RTP/SAVPF 111"), "no_sdp"),
        (instead("m=audio", "m=audio x"), "no_sdp"),
        (without("a=fingerprint"), "fingerprint"),
        (instead("a=fingerprint", f"a=fingerprint:sha-1 {PRINT[:59]}"), "fingerprint"),
        (instead("a=fingerprint", f"a=fingerprint:sha-256 {PRINT[:-3]}"), "fingerprint"),
        (text(*LINES, f"a=fingerprint:sha-256 {PRINT.replace('AB', 'CD')}"), "fingerprint"),
        (without("a=setup"), "fingerprint"),
        (instead("a=setup", "a=setup:holdconn"), "fingerprint"),
        (without("a=ice-ufrag"), "ice"),
        (instead("a=ice-pwd", "a=ice-pwd:short"), "ice"),
        (instead("a=ice-pwd", "a=ice-pwd:" + "x" * 300), "ice"),
        (without("a=rtcp-mux"), "mux"),
        (without("a=rtpmap:111"), "codec"),
        (instead("a=rtpmap:111", "a=rtpmap:77 opus/48000/2"), "codec"),
        (instead("a=rtpmap:111", "a=rtpmap:111 opus/48000/1"), "codec"),
        (without("a=candidate"), "candidates"),
        (instead("a=candidate", f"a=candidate:{CANDIDATES[3]}"), "candidates"),
        (instead("a=candidate", "a=candidate:1 1 udp 1 bank.example 9 typ host"), "candidates"),
        (instead("a=candidate", "a=candidate:1 1 udp 1 192.0.2.7 99999 typ host"), "candidates"),
        (instead("a=candidate", *[f"a=candidate:{CANDIDATES[0]}"] * (MOST_CANDIDATES + 1)), "candidates"),
        (instead("a=candidate", *[f"a=candidate:{CANDIDATES[0]}"] * 500), "too_long"),
        (text(*LINES, *["a=x"] * 700), "too_long"),
        (text(*LINES, "a=" + "x" * 1_000_000), "too_long"),
        (instead("a=sendrecv", "a=sendonly"), "direction"),
        (instead("a=sendrecv", "a=inactive"), "direction"),
    ],
)  # fmt: skip
def test_what_cannot_become_a_call_is_refused_with_its_reason(offer: str, code: str) -> None:
    assert refusal(offer) == code


def test_other_media_are_refused_in_the_answer_at_their_place() -> None:
    offer = Offer.parse(text(*SESSION, *VIDEO, *AUDIO, *DATA))
    answer = offer.answer(OURS)
    assert re.findall(r"(?m)^m=(\w+) (\d+)", answer) == [("video", "0"), ("audio", "37428"), ("application", "0")]
    assert re.findall(r"(?m)^a=mid:(\d)", answer) == ["1", "0", "2"]
    assert "video" not in offer.sdp()


def test_an_address_behind_a_translation_is_announced() -> None:
    answer = Offer.parse(text(*LINES)).answer(OURS, public_address="203.0.113.5")
    assert "a=candidate:c1 1 UDP 2130706175 203.0.113.5 37428 typ host\r\n" in answer
    assert "10.9.9.1 37428" not in answer


def test_an_app_without_a_microphone_is_a_caller_with_keys() -> None:
    assert "a=recvonly" in Offer.parse(instead("a=sendrecv", "a=recvonly")).sdp()


@given(st.integers(0, len(LINES) - 1), st.text(max_size=60), st.booleans())
def test_whatever_is_written_it_is_an_offer_of_ours_or_a_refusal(place: int, written: str, over: bool) -> None:
    lines = [*LINES[:place], *([LINES[place].partition(":")[0] + ":" + written] if over else [written]), *LINES[place + 1 :]]
    try:
        offer = Offer.parse(text(*lines))
    except OfferRefused:
        return
    safe = offer.sdp()
    assert len(safe) < 8000, "one datagram of the stack holds it"
    assert Offer.parse(safe).fingerprint == offer.fingerprint
    known = "rtcp|rtpmap|fmtp|setup|fingerprint|ice-ufrag|ice-pwd|mid|ssrc|candidate"
    allowed = rf"[vost]=.*|m=audio 9 .*|c=IN IP4 0\.0\.0\.0|a=({known}):.*|a=(rtcp-mux|sendrecv|recvonly)"
    assert all(re.fullmatch(allowed, line) for line in safe.split("\r\n") if line)


@given(st.binary(max_size=2000))
def test_octets_are_refused_without_an_error_of_another_kind(body: bytes) -> None:
    assert refusal(body.decode(errors="replace"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "169.254.169.254", "224.0.0.251", "255.255.255.255", "240.0.0.1",
        "::1", "::", "fe80::1", "ff02::fb", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "db.local", "dead-beef.local", "intranet.bank.example", "localhost",
    ],
)  # fmt: skip
def test_an_address_that_is_no_apps_is_left_out(address: str) -> None:
    """Nobody makes us send to our own machine, to what is beside it, or look a name up."""
    also = [f"a=candidate:1 1 udp 9 {address} 5060 typ host", f"a=candidate:{CANDIDATES[2]}"]
    assert [each.address for each in Offer.parse(instead("a=candidate", *also)).candidates] == ["198.51.100.4"]
    assert refusal(instead("a=candidate", also[0])) == "candidates"


def test_addresses_in_networks_of_ours_are_written_as_nobodys() -> None:
    networks = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    written = Offer.parse(text(*LINES)).sdp(never_to=networks)
    assert "192.0.2.7" not in written
    assert "2001:db8" not in written
    assert "198.51.100.4" in written
    assert written.count("a=candidate:") == 4, "an app in there is learnt from what it sends"


def test_the_longest_offer_that_is_taken_fits_the_stacks_datagram() -> None:
    long = [f"a=candidate:{'f' * 32} 1 udp 4294967295 {LONGEST} 65535 typ relay" for _ in range(MOST_CANDIDATES)]
    offer = instead("a=candidate", *long)
    assert len(offer) < MOST_OCTETS
    assert len(Offer.parse(offer).sdp()) < 8000
