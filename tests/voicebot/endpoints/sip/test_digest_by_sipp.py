"""A far end that others wrote proves itself by digest: sipp, which knows MD5."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.voicebot.endpoints.sip.conftest import StartBot, settings

LIMIT_S = 60.0
COMMON = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:branch@[local_ip]:[local_port]>;tag=[call_number]
TO
Call-ID: [call_id]
Contact: <sip:branch@[local_ip]:[local_port]>
Max-Forwards: 70"""
SDP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000"""


def _send(method: str, cseq: int, rest: str, options: str = "") -> str:
    known = COMMON.replace("TO", "To: <sip:802@[remote_ip]:[remote_port]>" if method == "INVITE" else "[last_To:]", 1)
    head = f"{method} sip:802@[remote_ip]:[remote_port] SIP/2.0\n{known}\nCSeq: {cseq} {method}\n{rest}"
    return f"<send {options}><![CDATA[\n{head}\n\n]]></send>"


NOTHING = "Content-Length: 0"
SCENARIO = "\n".join(
    [
        '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="digest">',
        _send("INVITE", 1, SDP),
        '<recv response="100" optional="true"/><recv response="401" auth="true"/>',
        _send("ACK", 1, NOTHING),
        _send("INVITE", 2, "[authentication username=branch password=PASSWORD]\n" + SDP),
        '<recv response="100" optional="true"/><recv response="180" optional="true"/><recv response="EXPECTED"/>',
        _send("ACK", 2, NOTHING),
        "BYE</scenario>",
    ]
)
BYE = '<pause milliseconds="3000"/>' + _send("BYE", 3, NOTHING) + '<recv response="200"/>'


@pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed here")
@pytest.mark.parametrize(("password", "expected"), [("secret", 200), ("wrong", 401)])
async def test_sipp_is_let_in_with_the_password_and_not_without(
    start_bot: StartBot, tmp_path: Path, password: str, expected: int
) -> None:
    digest = {"user": "branch", "password": "secret", "realm": "bank", "algorithms": ["MD5"]}
    bot = await start_bot(settings(peers=(), trunks={"branch": {"peers": ["0.0.0.0/0"], "digest": digest}}))
    text = SCENARIO.replace("PASSWORD", password).replace("EXPECTED", str(expected))
    (tmp_path / "digest.xml").write_text(text.replace("BYE</", f"{BYE if expected == 200 else ''}</", 1))
    host, port = bot.address
    sipp = await asyncio.create_subprocess_exec(
        "sipp", f"{host}:{port}", "-sf", "digest.xml", "-i", "127.0.0.1", "-m", "1", "-timeout", "40s", "-nostdin",
        cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    if expected == 200:
        leg = await asyncio.wait_for(bot.ringing.get(), LIMIT_S)
        await leg.answer()
        await asyncio.wait_for(leg.ended.wait(), LIMIT_S)
    _, errors = await asyncio.wait_for(sipp.communicate(), LIMIT_S)
    assert sipp.returncode == 0, errors
    assert bot.ringing.empty()
