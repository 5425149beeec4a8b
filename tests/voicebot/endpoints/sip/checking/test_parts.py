"""The small parts of the check that need no far end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from voicebot.endpoints.sip.checking.description import described
from voicebot.endpoints.sip.checking.options import parse_reply
from voicebot.endpoints.sip.checking.own_side import registration
from voicebot.endpoints.sip.checking.places import Place, place_of, places_of
from voicebot.endpoints.sip.checking.running_service import RunningService
from voicebot.endpoints.sip.settings import SipSettings
from voicebot.endpoints.sip.trunks import Trunk
from voicebot.http.server import listen, serve
from voicebot.http.settings import HttpLimits


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("sip:802@192.0.2.7", Place("192.0.2.7", 0)),
        ("sip:192.0.2.7:5080", Place("192.0.2.7", 5080)),
        ("pbx.bank.example", Place("pbx.bank.example", 0)),
        ("sips:pbx.bank.example", Place("pbx.bank.example", 0, "tls")),
        ("sip:pbx;transport=tcp", Place("pbx", 0, "tcp")),
        ("sip:[2001:db8::1]:5062", Place("2001:db8::1", 5062)),
        ("192.0.2.7:99999", None),
        ("sip:a b", None),
        ("", None),
    ],
)
def test_an_address_is_read_as_engineers_write_it(text: str, place: Place | None) -> None:
    assert place_of(text) == place


def test_a_trunk_is_asked_where_its_queues_are_and_at_peers_of_one_address() -> None:
    settings = SipSettings.model_validate(
        {
            "trunks": {
                "pbx": {"peers": ["192.0.2.0/28"]},
                "carrier": {"peers": ["198.51.100.1", "203.0.113.0/24"]},
                "named": {"peers": ["10.0.0.0/8"], "address": "sip.carrier.example", "transport": "tcp"},
            },
            "queue_address": "sip:{queue}@192.0.2.7:5070",
        }
    )
    assert places_of(settings.trunks["pbx"], settings) == [Place("192.0.2.7", 5070)]
    assert places_of(settings.trunks["carrier"], settings) == [Place("198.51.100.1", 0)]
    assert places_of(settings.trunks["named"], settings) == [Place("sip.carrier.example", 0, "tcp")]


def test_the_session_s_address_counts_where_the_stream_has_none() -> None:
    found = described(
        "v=0\r\nc=IN IP4 192.0.2.5\r\nm=audio 4000 RTP/AVP 9 0 101\r\na=rtpmap:101 telephone-event/8000\r\nm=video 0 RTP/AVP 8"
    )
    assert found is not None
    assert (found.address, found.port, found.codecs, found.key_types, found.secure) == (
        "192.0.2.5",
        4000,
        ("G722", "PCMU"),
        ("101",),
        "",
    )


@given(st.binary(max_size=300))
def test_no_answer_breaks_the_check(data: bytes) -> None:
    parse_reply(data, 0.0, ("192.0.2.1", 5060))
    reply = parse_reply(b"SIP/2.0 200 OK\r\n" + data, 0.0, ("192.0.2.1", 5060))
    assert reply is not None
    assert reply.seen_as is None or isinstance(reply.seen_as[0], str)
    described(data.decode("latin-1"))
    described("m=audio " + data.decode("latin-1"))


@pytest.mark.parametrize(("value", "outcome"), [("1.0", "ok"), ("0.0", "failed")])
async def test_a_registration_is_as_the_running_service_tells(value: str, outcome: str) -> None:
    async def figures(_: Request) -> Response:
        return PlainTextResponse(
            f'# TYPE voicebot_trunk_registered gauge\nvoicebot_trunk_registered{{trunk="carrier"}} {value}\n'
        )

    async def health(_: Request) -> Response:
        return JSONResponse({"parts": {"trunks": {"ok": value == "1.0", "why": "carrier refuses the password"}}})

    sock = listen("127.0.0.1", 0, setting="health")
    app = Starlette(routes=[Route("/metrics", figures), Route("/health", health)])
    running = await serve(app, sock, limits=HttpLimits())
    try:
        service = RunningService(f"http://127.0.0.1:{running.port}")
        trunk = Trunk.model_validate(
            {"peers": ["192.0.2.1"], "registration": {"registrar": "sip.carrier.example", "user": "u", "password": "p"}}
        )
        found = await registration("carrier", trunk, service)
        assert found is not None
        assert found.outcome == outcome
        assert (await registration("another", trunk, service)).outcome == "skipped"  # type: ignore[union-attr]
        assert await registration("carrier", Trunk(peers=("192.0.2.1",)), service) is None
    finally:
        await running.close()
    assert found.what == ("the service is registered there" if outcome == "ok" else "carrier refuses the password")
