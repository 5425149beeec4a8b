"""What providers answer is read whatever it holds, and what names a host is read or refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.endpoints.sip.bodies import reordered
from voicebot.endpoints.sip.codecs import CODEC_SPECS
from voicebot.endpoints.sip.provider.messages import Place, Request, parse_reply
from voicebot.endpoints.sip.provider.settings import host_and_port

HEAD = "SIP/2.0 401 No\r\ni: a@b\r\nCSeq: 7 REGISTER\r\n"
ODD = st.text(alphabet=st.sampled_from('SIP/2.0 :;,=<>"\r\n\t\x00\x1bżaA1401'), max_size=200)


def test_a_reply_is_read_with_short_names_and_folded_lines() -> None:
    reply = parse_reply((HEAD + 'WWW-Authenticate: Digest realm="r",\r\n nonce="n"\r\nm: <sip:x>\r\n\r\n').encode(), "a@b", 7)
    assert reply is not None
    assert (reply.status, reply.challenges) == (401, ['Digest realm="r", nonce="n"'])
    assert reply.headers["contact"] == ["<sip:x>"]


@pytest.mark.parametrize(("call_id", "cseq"), [("other", 7), ("a@b", 8)])
def test_a_reply_to_something_else_is_none(call_id: str, cseq: int) -> None:
    assert parse_reply((HEAD + "\r\n").encode(), call_id, cseq) is None


@given(st.binary(max_size=300) | ODD.map(str.encode) | ODD.map(lambda text: (HEAD + text).encode()))
def test_whatever_comes_is_a_reply_or_none_and_its_words_steer_no_terminal(data: bytes) -> None:
    reply = parse_reply(data, "a@b", 7)
    if reply is not None:
        assert 100 <= reply.status <= 999
        assert reply.told.isprintable()
        assert reply.number("expires") >= 0


def test_every_sending_has_its_own_number_and_branch() -> None:
    request, here = Request("OPTIONS", "sip:x", "sip:a", "sip:x"), Place("udp", "2001:db8::1", 5060)
    first, second = request.text(here).decode(), request.text(here).decode()
    assert "CSeq: 1 OPTIONS" in first
    assert "CSeq: 2 OPTIONS" in second
    assert "Via: SIP/2.0/UDP [2001:db8::1]:5060;rport;branch=z9hG4bK" in first
    assert first.split("branch=")[1].split("\r\n")[0] != second.split("branch=")[1].split("\r\n")[0]


@given(st.text(max_size=40))
def test_a_host_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        host, port = host_and_port(text)
        assert host
        assert port >= 0


def test_what_is_no_host_is_refused_with_how_to_write_it() -> None:
    with pytest.raises(ValueError, match="write it like"):
        host_and_port("sip:a@b")


CODECS = st.lists(st.sampled_from(list(CODEC_SPECS)), unique=True, max_size=4)
LINES = st.lists(
    st.sampled_from(
        [
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:96 telephone-event/8000",
            "a=rtpmap:111 opus/48000/2",
            "a=rtpmap:13 CN/8000",
            "",
            "m=video 9 RTP/AVP 0",
        ]
    ),
    max_size=6,
)


@given(st.lists(st.sampled_from(["0", "8", "9", "13", "96", "111", "18"]), max_size=7), LINES, CODECS, st.booleans())
def test_an_order_of_codecs_takes_the_room_of_the_offer_and_adds_nothing(
    formats: list[str], lines: list[str], codecs: list[str], keys: bool
) -> None:
    offer = "\r\n".join(["v=0", f"m=audio 4000 RTP/AVP {' '.join(formats)}", *lines, ""]).encode()
    found = reordered(offer, codecs, keys=keys)  # type: ignore[arg-type]
    if found is not None:
        at, data = found
        changed = offer[:at] + data + offer[at + len(data) :]
        assert len(changed) == len(offer)
        left = changed.split(b"m=audio 4000 RTP/AVP ")[1].split(b"\r\n")[0].decode().split()
        assert left
        assert set(left) <= set(formats)


@given(st.binary(max_size=300) | ODD.map(lambda text: f"m=audio 1 RTP/AVP 8\r\n{text}".encode()), CODECS)
def test_an_order_of_codecs_bears_every_body(body: bytes, codecs: list[str]) -> None:
    found = reordered(body, codecs)  # type: ignore[arg-type]
    assert found is None or found[0] + len(found[1]) <= len(body)
