# ruff: noqa: E501
"""Torture messages (RFC 4475) and their kin, as datagrams: what a correct element may get, and what it must bear."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from tests.voicebot.endpoints.sip.sip_probe import Probe


@dataclass(frozen=True)
class Torture:
    """One message."""

    section: str
    """Of RFC 4475; "" for one of our own."""
    name: str
    make: Callable[[Probe], bytes]
    statuses: frozenset[int] = frozenset()
    """Final answers that are right; none given: silence is as good, and so is any final answer."""
    rings: bool = False
    """Whether it is a good INVITE, which becomes a call."""


def _head(probe: Probe, method: str = "INVITE", **changed: str) -> dict[str, str]:
    headers = {
        "start": f"{method} sip:802@{probe.target[0]}:{probe.target[1]} SIP/2.0",
        "Via": f"SIP/2.0/UDP {probe.host}:{probe.sip.port};branch=z9hG4bK{secrets.token_hex(6)}",
        "From": f"<sip:+48600100200@{probe.host}>;tag={secrets.token_hex(4)}",
        "To": f"<sip:802@{probe.target[0]}>",
        "Call-ID": f"{secrets.token_hex(6)}@torture",
        "CSeq": f"1 {method}",
        "Contact": f"<sip:probe@{probe.host}:{probe.sip.port}>",
        "Max-Forwards": "70",
    }
    return headers | changed


def _message(headers: dict[str, str], body: str = "", *, length: str | None = None) -> bytes:
    headers = dict(headers)
    lines = [headers.pop("start"), *(f"{name}: {value}" for name, value in headers.items() if value != "-")]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


def _invite(probe: Probe, body: str | None = None, *, length: str | None = None, **changed: str) -> bytes:
    sdp = probe.offer() if body is None else body
    return _message({**_head(probe, **changed), "Content-Type": "application/sdp"}, sdp, length=length)


def _tortuous(probe: Probe) -> bytes:
    """3.1.1.1: legal, and written as no sane element would."""
    lines = [
        f"INVITE sip:802@{probe.target[0]}:{probe.target[1]} SIP/2.0",
        f"TO :\r\n sip:802@{probe.target[0]} ;  tag    = ".split(" ;")[0],
        f'from   : "J Rosenberg \\\\\\""       <sip:+48600100200@{probe.host}>\r\n  ;\r\n  tag = 98asjd8{secrets.token_hex(2)}',
        "MaX-fOrWaRdS: 0068",
        f"Call-ID: wsinv.{secrets.token_hex(4)}@torture",
        "CSeq: 0009\r\n  INVITE",
        f"Via  : SIP  /   2.0\r\n /UDP\r\n    {probe.host}:{probe.sip.port};branch=z9hG4bK{secrets.token_hex(4)}",
        "s :",
        "NewFangledHeader:   newfangled value\r\n continued newfangled value",
        "UnknownHeaderWithUnusualValue: ;;,,;;,;",
        "Content-Type: application/sdp",
        "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111",
        f'm:"Quoted string \\"\\"" <sip:probe@{probe.host}:{probe.sip.port}> ; newparam =\r\n  newvalue ;\r\n  secondparam ; q = 0.33',
    ]
    body = probe.offer()
    lines.append(f"l: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


OK = frozenset({200})
BAD = frozenset({400, 404, 413, 416, 420, 481, 482, 483, 484, 488, 493, 500, 501, 505, 513, 606})

TORTURES: tuple[Torture, ...] = (
    Torture("3.1.1.1", "a short tortuous INVITE", _tortuous),
    Torture(
        "3.1.1.2", "wide range of characters", lambda p: _message(_head(p, "!interesting-Method0123456789_*+`.%indeed'~")), BAD
    ),
    Torture(
        "3.1.1.3",
        "escaped percent signs in the URI",
        lambda p: _invite(p, start=f"INVITE sip:sips%3Auser%40example.com@{p.target[0]}:{p.target[1]} SIP/2.0"),
        rings=True,
    ),
    Torture("3.1.1.4", "escaped nulls", lambda p: _invite(p, To=f"<sip:null-%00-null@{p.target[0]}>"), rings=True),
    Torture("3.1.1.5", "a method with percent", lambda p: _message(_head(p, "RE%47IST%45R")), BAD),
    Torture(
        "3.1.1.6", "no space before the angle", lambda p: _message(_head(p, "OPTIONS", From=f"Bell<sip:a@{p.host}>;tag=43")), OK
    ),
    Torture(
        "3.1.1.7",
        "long values",
        lambda p: _invite(p, **{"Unknown-" + "x" * 300: "y" * 2000, "From": f"<sip:{'a' * 500}@{p.host}>;tag={'t' * 900}"}),
        rings=True,
    ),
    Torture("3.1.1.8", "an extra trailing octet", lambda p: _invite(p) + b"\x00\xffgarbage behind the length", rings=True),
    Torture(
        "3.1.1.9",
        "semicolons in the user part",
        lambda p: _message(_head(p, "OPTIONS", To="<sip:user;par=u%40example.net@x>")),
        OK,
    ),
    Torture(
        "3.1.1.10",
        "several transports in Via",
        lambda p: _message(_head(p, "OPTIONS")).replace(b"From:", b"Via: SIP/2.0/SCTP t2.example.com\r\nFrom:"),
        OK,
    ),
    Torture(
        "3.1.1.12",
        "unusual reason phrase",
        lambda p: (
            b"SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe\r\nVia: SIP/2.0/UDP 192.0.2.198\r\nCall-ID: x\r\nCSeq: 35 INVITE\r\nFrom: <sip:u@x>;tag=1\r\nTo: <sip:u@x>;tag=2\r\nContent-Length: 0\r\n\r\n"
        ),
    ),
    Torture(
        "3.1.1.13",
        "empty reason phrase",
        lambda p: (
            b"SIP/2.0 100 \r\nVia: SIP/2.0/UDP 192.0.2.105\r\nCall-ID: x\r\nCSeq: 35 INVITE\r\nFrom: <sip:u@x>;tag=1\r\nTo: <sip:u@x>;tag=2\r\nContent-Length: 0\r\n\r\n"
        ),
    ),
    Torture(
        "3.1.2.1",
        "extraneous separators",
        lambda p: _message(_head(p, "OPTIONS", Via=f"SIP/2.0/UDP {p.host}:{p.sip.port};;,;,;branch=z9hG4bKx")),
    ),
    Torture("3.1.2.2", "content longer than the message", lambda p: _invite(p, length="9999")),
    Torture("3.1.2.3", "a negative length", lambda p: _invite(p, length="-999")),
    Torture(
        "3.1.2.4",
        "overlarge scalars",
        lambda p: _message(
            _head(p, "OPTIONS", CSeq="36893488147419103232 OPTIONS", **{"Max-Forwards": "300", "Expires": "9" * 60})
        ),
    ),
    Torture(
        "3.1.2.5",
        "a response with overlarge scalars",
        lambda p: (
            b"SIP/2.0 503 Service Unavailable\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nCall-ID: x\r\nCSeq: 9292394834772304023312 OPTIONS\r\nRetry-After: 949302838503028349304023988\r\nContent-Length: 0\r\n\r\n"
        ),
    ),
    Torture("3.1.2.6", "an unterminated quote", lambda p: _invite(p, To=f'"Mr. J. User <sip:j.user@{p.target[0]}>')),
    Torture("3.1.2.7", "angles around the request URI", lambda p: _invite(p, start="INVITE <sip:802@example.com> SIP/2.0")),
    Torture("3.1.2.8", "spaces in the request URI", lambda p: _invite(p, start="INVITE sip:802@example.com; lr SIP/2.0")),
    Torture("3.1.2.9", "several spaces in the request line", lambda p: _invite(p, start="INVITE  sip:802@example.com  SIP/2.0")),
    Torture(
        "3.1.2.10",
        "spaces at the end of the request line",
        lambda p: _message(_head(p, "OPTIONS", start="OPTIONS sip:802@example.com SIP/2.0  ")),
    ),
    Torture(
        "3.1.2.11",
        "escaped headers in the request URI",
        lambda p: _invite(p, start=f"INVITE sip:802@{p.target[0]}?Route=%3Csip:example.com%3E SIP/2.0"),
    ),
    Torture("3.1.2.12", "a time zone in Date", lambda p: _invite(p, Date="Fri, 01 Jan 2010 16:00:00 EST"), rings=True),
    Torture(
        "3.1.2.13",
        "no angles around an address",
        lambda p: _invite(p, Contact=f"sip:user@{p.host}:{p.sip.port}?Route=%3Csip:x%3E"),
    ),
    Torture(
        "3.1.2.14",
        "spaces in an address",
        lambda p: _message(_head(p, "OPTIONS", To='"Watson, Thomas" < sip:t.watson@example.org >')),
    ),
    Torture(
        "3.1.2.15",
        "unquoted display name",
        lambda p: _message(_head(p, "OPTIONS", From="Bell, Alexander <sip:a.g.bell@x>;tag=43")),
    ),
    Torture(
        "3.1.2.16",
        "an unknown protocol version",
        lambda p: _message(_head(p, "OPTIONS", start="OPTIONS sip:802@example.com SIP/7.0")),
    ),
    Torture("3.1.2.17", "the methods do not match", lambda p: _message(_head(p, "OPTIONS", CSeq="8 INVITE")), BAD),
    Torture("3.1.2.18", "an unknown method that does not match", lambda p: _message(_head(p, "NEWMETHOD", CSeq="8 INVITE")), BAD),
    Torture(
        "3.1.2.19",
        "an overlarge response code",
        lambda p: (
            b"SIP/2.0 4294967301 better not break\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nCall-ID: x\r\nCSeq: 353494 INVITE\r\nContent-Length: 0\r\n\r\n"
        ),
    ),
    Torture(
        "3.2.1",
        "no transaction in the branch",
        lambda p: _message(_head(p, "OPTIONS", Via=f"SIP/2.0/UDP {p.host}:{p.sip.port};branch=z9hG4bK")),
        OK,
    ),
    Torture(
        "3.3.1",
        "required headers are missing",
        lambda p: (
            b"INVITE sip:user@example.com SIP/2.0\r\nCSeq: 193942 INVITE\r\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\r\nContent-Length: 0\r\n\r\n"
        ),
    ),
    Torture(
        "3.3.2",
        "an unknown scheme",
        lambda p: _message(_head(p, "OPTIONS", start="OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0")),
    ),
    Torture(
        "3.3.3",
        "another scheme that is known",
        lambda p: _message(_head(p, "OPTIONS", start="OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0")),
    ),
    Torture(
        "3.3.4",
        "unknown schemes in headers",
        lambda p: _message(_head(p, "OPTIONS", To="isbn:2983792873", From="<http://www.example.com>;tag=3")),
    ),
    Torture(
        "3.3.5",
        "Proxy-Require and Require",
        lambda p: _invite(p, Require="nothingSupportsThis, nothingSupportsThisEither"),
        frozenset({420}),
    ),
    Torture(
        "3.3.6",
        "an unknown content type",
        lambda p: _message({**_head(p), "Content-Type": "application/unknownformat"}, "<audio/>"),
        frozenset({415}),
    ),
    Torture(
        "3.3.7",
        "an unknown authorization scheme",
        lambda p: _message(_head(p, "OPTIONS", Authorization="NoOneKnowsThisScheme opaque-data=here")),
    ),
    Torture(
        "3.3.8",
        "several values in single fields",
        lambda p: _message(_head(p, "OPTIONS")).replace(
            b"CSeq:", b"CSeq: 5 INVITE\r\nCall-ID: second\r\nFrom: <sip:two@x>;tag=7\r\nMax-Forwards: 5\r\nCSeq:", 1
        ),
    ),
    Torture(
        "3.3.9",
        "several lengths",
        lambda p: _message(_head(p, "OPTIONS")).replace(b"Content-Length: 0", b"Content-Length: 0\r\nContent-Length: 5"),
    ),
    Torture(
        "3.3.10",
        "a response of a broadcast Via",
        lambda p: (
            b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK2\r\nCall-ID: x\r\nCSeq: 8 OPTIONS\r\nFrom: <sip:u@x>;tag=1\r\nTo: <sip:u@x>;tag=2\r\nContent-Length: 0\r\n\r\n"
        ),
    ),
    Torture(
        "3.3.11", "Max-Forwards of zero", lambda p: _message(_head(p, "OPTIONS", **{"Max-Forwards": "0"})), frozenset({200, 483})
    ),
    Torture(
        "3.3.12",
        "a REGISTER with a contact parameter",
        lambda p: _message(_head(p, "REGISTER", Contact="sip:+19725552222@gw1.example.net;unknownparam")),
        frozenset({405}),
    ),
    Torture("3.3.15", "an unacceptable Accept", lambda p: _invite(p, Accept="text/nobodyKnowsThis"), rings=True),
    Torture(
        "3.4.1",
        "an INVITE of RFC 2543",
        lambda p: _invite(p, Via=f"SIP/2.0/UDP {p.host}:{p.sip.port}", From=f"<sip:a@{p.host}>"),
    ),
    # ours: bodies and headers without measure
    Torture("", "60 kB in one header", lambda p: _invite(p, **{"X-Long": "x" * 58_000}), rings=True),
    Torture(
        "",
        "3000 headers",
        lambda p: _invite(p).replace(b"Max-Forwards", b"".join(b"X-%d: y\r\n" % n for n in range(3000)) + b"Max-Forwards"),
        rings=True,
    ),
    Torture(
        "",
        "1000 Vias",
        lambda p: _message(_head(p, "OPTIONS")).replace(
            b"From:", b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n" * 1000 + b"From:"
        ),
    ),
    Torture("", "an SDP of 500 media lines", lambda p: _invite(p, p.offer() + f"m=audio {p.rtp.port} RTP/AVP 8\r\n" * 500)),
    Torture(
        "", "an SDP of 5000 payload types", lambda p: _invite(p, p.offer().replace("RTP/AVP 8", "RTP/AVP 8 " + "96 " * 5000))
    ),
    Torture(
        "",
        "an SDP of 3000 attributes",
        lambda p: _invite(p, p.offer() + "".join(f"a=x{n}:{'y' * 8}\r\n" for n in range(3000))),
        rings=True,
    ),
    Torture("", "an SDP line of 50 kB", lambda p: _invite(p, p.offer() + "a=fmtp:8 " + "z" * 50_000 + "\r\n"), rings=True),
    Torture(
        "",
        "numbers beyond all measure in SDP",
        lambda p: _invite(
            p,
            f"v=0\r\no=- {'9' * 300} 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 999.1.1.1\r\nt=0 0\r\nm=audio 99999999999 RTP/AVP 8 {'9' * 40}\r\n",
        ),
    ),
    Torture(
        "",
        "a multipart of 2000 parts",
        lambda p: _message(
            {**_head(p), "Content-Type": "multipart/mixed;boundary=b"},
            "--b\r\nContent-Type: x/y\r\n\r\nz\r\n" * 1400 + "--b--\r\n",
        ),
        frozenset({415}),
    ),
    Torture(
        "",
        "a boundary of expressions",
        lambda p: _message({**_head(p), "Content-Type": 'multipart/mixed;boundary="(a+)+$(a+)+$"'}, "--" + "a" * 30_000),
        frozenset({415}),
    ),
    Torture(
        "",
        "parameters without end before a boundary",
        lambda p: _message({**_head(p), "Content-Type": "multipart/mixed" + ';a="b"' * 4000 + '"'}, "--b"),
        frozenset({415}),
    ),
    Torture("", "a CANCEL of nothing", lambda p: _message(_head(p, "CANCEL")), frozenset({481})),
    Torture("", "a BYE of nothing", lambda p: _message(_head(p, "BYE", To="<sip:x@y>;tag=none")), frozenset({481})),
    Torture("", "an ACK of nothing", lambda p: _message(_head(p, "ACK", To="<sip:x@y>;tag=none"))),
    Torture("", "a re-INVITE of nothing", lambda p: _invite(p, To="<sip:x@y>;tag=none"), frozenset({481})),
    Torture(
        "",
        "an INFO of nothing",
        lambda p: _message({**_head(p, "INFO", To="<sip:x@y>;tag=none"), "Content-Type": "application/dtmf"}, "5"),
        frozenset({481}),
    ),
    Torture("", "a REFER of nothing", lambda p: _message(_head(p, "REFER", **{"Refer-To": "<sip:+48600100300@x>"}))),
    Torture(
        "",
        "a NOTIFY of nothing",
        lambda p: _message(_head(p, "NOTIFY", Event="refer;id=" + "9" * 400, **{"Subscription-State": "active"})),
    ),
    Torture(
        "",
        "nulls and escapes in headers",
        lambda p: _message(_head(p, "OPTIONS", **{"X-Evil": "a\x00b\x1b[2J\x07", "User-Agent": "\x1b]0;owned\x07"})),
    ),
    Torture("", "no blank line", lambda p: _message(_head(p, "OPTIONS")).rstrip()),
    Torture("", "bare line feeds", lambda p: _message(_head(p, "OPTIONS")).replace(b"\r\n", b"\n")),
)
