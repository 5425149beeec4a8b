"""Settings that cannot work are refused with the fix in the message."""

from __future__ import annotations

import pytest

from tests.voicebot.endpoints.sip.conftest import settings
from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.leg import Leg
from voicebot.endpoints.sip.endpoint import SipEndpoint
from voicebot.endpoints.sip.trace import SipMessage, parse_trace


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"host": "sip.example.org"}, "host must be an IP address"),
        ({"port": 70000}, "less than or equal to 65534"),
        ({"transports": ()}, "at least one of udp, tcp, tls"),
        ({"transports": ("tls",)}, "tls needs tls_certificate"),
        ({"codecs": ("g729",)}, "'opus', 'g722', 'pcma' or 'pcmu'"),
        ({"codecs": ()}, "codecs must name some of"),
        ({"rtp_ports": (30000, 30050), "max_calls": 60}, "two ports for each"),
        ({"rtp_ports": (80, 20000)}, "above 1023"),
        ({"max_calls": 0}, "at least 1"),
        ({"rtp_timeout_s": 0}, "greater than or equal to 1"),
        ({"extra_headers": tuple(f"X-{n}" for n in range(6))}, "at most 4 more"),
        ({"extra_headers": ("X Ref",)}, "is no header name"),
        ({"peers": ("10.0.0.1/8",)}, "is no network"),
        ({"trusted": ("trunk",)}, "is no network"),
    ],
)
def test_mistakes_are_explained(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        settings(**changes)


async def _nobody(leg: Leg, identify: Identify) -> None:
    """Serves no call."""


async def test_a_port_that_is_taken_is_named() -> None:
    first = SipEndpoint(settings(), _nobody)
    await first.start()
    try:
        with pytest.raises(EndpointError, match=str(first.address[1])):
            await SipEndpoint(settings(port=first.address[1]), _nobody).start()
    finally:
        await first.close()


NOTIFY = (
    "RX UDP 192.0.2.1:5060 -> 127.0.0.1:5060\r\nNOTIFY sip:bot@127.0.0.1 SIP/2.0\r\nVia: x\r\nCall-ID: a@b\r\nCSeq: 7 NOTIFY\r\n"
    "Event: refer;id=93\r\n\r\nSIP/2.0 180 Ringing\r\n"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NOTIFY, SipMessage(True, "192.0.2.1", "a@b", "NOTIFY", cseq=7, progress=180, refer=93)),
        (
            "TX TCP [2001:db8::1]:5060 -> [2001:db8::2]:5060\nSIP/2.0 202 Accepted\ni: a@b\nCSeq: 93 REFER\n",
            SipMessage(False, "2001:db8::1", "a@b", "REFER", cseq=93, status=202),
        ),
        ("RX UDP 192.0.2.1:5060 -> 127.0.0.1:5060\n", SipMessage(True, "192.0.2.1", "", "")),
        (
            "RX UDP 192.0.2.1:5060 -> 127.0.0.1:5060\nINVITE sip:b@h SIP/2.0\nCall-ID: a@b\nCSeq: 1 INVITE\nPrivacy: none\n"
            "Diversion: <sip:1@x>,\n <sip:2@x>\nprivacy : id\n\nv=0\n",
            SipMessage(
                True, "192.0.2.1", "a@b", "INVITE", cseq=1, lists={"privacy": "none, id", "diversion": "<sip:1@x>, <sip:2@x>"}
            ),
        ),
        (
            "RX UDP 192.0.2.1:5060 -> 127.0.0.1:5060\nINVITE sip:b@h SIP/2.0\nCall-ID: a@b\nCSeq: 1 INVITE\nDiversion: <sip:22",
            SipMessage(True, "192.0.2.1", "a@b", "INVITE", cseq=1),
        ),
        ("", None),
        ("something else", None),
    ],
)
def test_the_stacks_trace_is_read(text: str, message: SipMessage | None) -> None:
    assert parse_trace(text) == message
