"""Bodies of SIP requests: what is read in them, and that nothing a far end writes breaks the reading."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.endpoints.sip.bodies import audio_offers, info_key, is_acceptable, is_read_by_stack, sdp_part
from voicebot.endpoints.sip.trace import header_values, parse_message

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n"
ISUP = b"Content-Type: application/ISUP\r\n\r\n\x01\r\n"
MIXED = 'multipart/mixed; charset=x; boundary="b 1"'


def _parts(*parts: bytes) -> bytes:
    return b"".join(b"--b 1\r\n" + part + b"\r\n" for part in parts) + b"--b 1--\r\n"


@pytest.mark.parametrize(
    "body",
    [
        _parts(ISUP, b"Content-Type: application/sdp\r\n\r\n" + SDP),
        _parts(b"c : application/sdp;x=y\r\nContent-Disposition: session\r\n\r\n" + SDP, ISUP),
        b"preamble\r\n" + _parts(b"content-type:APPLICATION/SDP\r\n\r\n" + SDP),
        b"--b 1\r\nContent-Type: application/sdp\r\n\r\n" + SDP,  # never ended
    ],
)
def test_the_sdp_among_the_parts(body: bytes) -> None:
    found = sdp_part(MIXED, body)
    assert found is not None
    assert body[found[0] : found[1]].rstrip() == SDP.rstrip()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (MIXED, _parts(ISUP)),
        (MIXED, b""),
        (MIXED, b"--b 1--\r\nContent-Type: application/sdp\r\n\r\n" + SDP),
        (MIXED, _parts(b"Content-Type: text/plain\r\n\r\nContent-Type: application/sdp\r\n")),
        ("multipart/mixed", _parts(b"Content-Type: application/sdp\r\n\r\n" + SDP)),
        ("application/sdp", SDP),
    ],
)
def test_no_sdp_among_the_parts(content_type: str, body: bytes) -> None:
    assert sdp_part(content_type, body) is None


@pytest.mark.parametrize(
    ("media", "encryption", "acceptable"),
    [
        ("m=audio 5000 RTP/AVP 8", "none", True),
        ("m=audio 5000 RTP/AVP 0 8 101\r\na=rtpmap:0 G729/8000", "none", True),
        ("m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2", "none", True),
        ("m=audio 5000 RTP/AVP 8\r\na=rtpmap:8 G729/8000", "none", False),
        ("m=audio 5000 RTP/AVP 18", "none", False),
        ("m=audio 0 RTP/AVP 8", "none", False),
        ("m=audio 5000 RTP/SAVP 8", "none", False),
        ("m=audio 5000 RTP/SAVP 8", "srtp", True),
        ("m=audio 5000 UDP/TLS/RTP/SAVPF 8", "dtls_srtp", True),
        ("m=audio", "none", False),
        ("m=image 5000 udptl t38\r\nm=audio 5000/2 RTP/AVP 8", "none", True),
        ("m=video 5000 RTP/AVP 8", "none", False),
    ],
)
def test_what_can_be_answered_with_sound(media: str, encryption: str, acceptable: bool) -> None:
    sdp = f"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n{media}\r\n".encode()
    assert is_acceptable(sdp, ("opus", "g722", "pcma", "pcmu"), encryption=encryption) is acceptable


@given(st.binary(max_size=400), st.text(max_size=80))
def test_whatever_is_sent_it_is_read_or_not(body: bytes, content_type: str) -> None:
    audio_offers(body)
    assert info_key(content_type, body) in "0123456789*#ABCD"
    is_read_by_stack(content_type, body)
    if (found := sdp_part(content_type, body)) is not None:
        assert 0 <= found[0] <= found[1] <= len(body)


@given(
    st.lists(st.sampled_from([b"--b 1\r\n", b"--b 1--", b"\r\n", b"Content-Type: application/sdp\r\n", SDP, ISUP, b"--b", b"\n"]))
)
def test_parts_in_any_order_leave_bounds_within_the_body(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    if (found := sdp_part(MIXED, body)) is not None:
        assert 0 <= found[0] <= found[1] <= len(body)


@given(st.sampled_from(["application/dtmf-relay", "application/dtmf"]), st.text(max_size=12))
def test_a_key_is_one_that_a_telephone_has(kind: str, signal: str) -> None:
    key = info_key(kind, f"Signal={signal}\r\nDuration=100\r\n".encode())
    assert key == "" or key == signal.strip(" \t").upper() or signal.strip(" \t") in {"10", "11", "12", "13", "14", "15"}


@given(st.text(max_size=400))
def test_any_head_is_read(head: str) -> None:
    header_values(head)
    parse_message(head, head, received=True, source="192.0.2.1")


@pytest.mark.parametrize(
    "content_type",
    ["multipart/mixed" + ';a="b"' * 10_000, "multipart/" + ";" * 60_000, 'multipart/mixed;boundary="' + "a" * 60_000],
)
def test_reading_takes_no_longer_than_it_should(content_type: str) -> None:
    began = time.process_time()
    for body in (b"--" * 30_000, b"\n--b" * 15_000, b"Signal=" * 9000, b"m=" * 30_000):
        sdp_part(content_type, body)
        sdp_part(MIXED, body)
        audio_offers(body)
        info_key("application/dtmf-relay", body)
        is_read_by_stack("application/dtmf-relay", body)
    assert time.process_time() - began < 5  # quadratic expressions would need minutes
