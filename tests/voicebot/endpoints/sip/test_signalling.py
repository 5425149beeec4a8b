"""What a trunk may send, and what it gets: RFC 3261 and 3264 on the wire."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import cast

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import LOOPBACK, OpenProbe, StartBot, end_of, next_event, settings
from tests.voicebot.endpoints.sip.sip_probe import PCMA, Message, sdp
from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.errors import CallGone
from voicebot.endpoints.leg import Leg, LegEnded, LegHold
from voicebot.endpoints.sip.leg import SipLeg


async def test_a_call_is_offered_answered_and_ended_by_the_caller(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    assert leg.sample_rate == 8000
    assert leg.offer.call_ref == probe.call_id
    assert (await probe.bye()).status == 200
    assert (await next_event(leg)) == LegEnded("hangup", "Connection reset by peer [104]")
    assert (leg.read(), leg.write(b"\0\0"), leg.buffered()) == (b"", 0, 0)


async def test_we_hang_up(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    hanging_up = asyncio.create_task(leg.hang_up())
    probe.reply(await probe.asked("BYE"), "200 OK")
    await hanging_up
    assert (await end_of(leg)).cause == "hangup"
    await leg.hang_up()


async def test_identity_headers_are_read_with_lower_case_names(start_bot: StartBot, open_probe: OpenProbe) -> None:
    sent = {
        "P-Asserted-Identity": "<tel:+48600100200>",
        "Remote-Party-ID": "<sip:+48600100202@example.org>;privacy=off",
        "Privacy": "id",
        "Diversion": "<sip:+48221234567@example.org>;reason=unconditional",
        "History-Info": "<sip:802@example.org>;index=1",
        "Identity": "eyJhbGciOi.eyJhdHRlc3Qi.c2ln;info=<https://example.org/cert>;alg=ES256;ppt=shaken",
        "P-Attestation-Indicator": "A",
        "User-to-User": "56a390f3;encoding=hex",
        "X-Call-Ref": "ref-1",
        "X-Trunk": "north",
    }
    bot = await start_bot(settings(extra_headers=("X-Trunk",)))
    probe = await open_probe(bot)
    probe.invite(headers=tuple(f"{name}: {value}" for name, value in sent.items()))
    leg = await bot.leg()
    assert {name: leg.offer.headers[name.lower()] for name in sent} == sent
    assert leg.offer.from_uri == "sip:+48600100200@127.0.0.1"
    assert leg.offer.to_uri == leg.offer.headers["to"] == probe.to
    await leg.hang_up()


@pytest.mark.parametrize(
    ("peers", "trusted", "expected"),
    [
        (LOOPBACK, None, True),
        (("0.0.0.0/0",), None, False),
        (("0.0.0.0/0", "127.0.0.0/8"), None, True),
        (LOOPBACK, (), False),
        (("127.0.0.0/8",), ("127.0.0.2/32",), False),
    ],
)
async def test_only_configured_trunks_are_trusted(
    start_bot: StartBot, open_probe: OpenProbe, peers: tuple[str, ...], trusted: tuple[str, ...] | None, expected: bool
) -> None:
    bot = await start_bot(settings(peers=peers, trusted=trusted))
    probe = await open_probe(bot)
    probe.invite()
    leg = await bot.leg()
    assert leg.offer.caller_id.trusted is expected
    await leg.hang_up()


@pytest.mark.parametrize(
    ("offer", "headers", "status"),
    [
        pytest.param(PCMA, ("Require: foo",), 420, id="unknown extension required"),
        pytest.param(("18 G729/8000",), (), 488, id="no common codec"),
    ],
)
async def test_what_cannot_be_served_is_refused(
    start_bot: StartBot, open_probe: OpenProbe, offer: tuple[str, ...], headers: tuple[str, ...], status: int
) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.invite(probe.offer(offer), headers)
    answering = asyncio.create_task(_answer_whatever_rings(bot.ringing))
    assert (await probe.final("INVITE")).status == status
    answering.cancel()


async def _answer_whatever_rings(ringing: asyncio.Queue) -> None:  # type: ignore[type-arg]
    leg = await ringing.get()
    await leg.answer()


async def test_srtp_without_keys_is_refused(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.invite(sdp(probe.host, probe.rtp.port, profile="RTP/SAVP"))
    answering = asyncio.create_task(_answer_whatever_rings(bot.ringing))
    assert (await probe.final("INVITE")).status == 488
    answering.cancel()


async def test_options_are_answered_and_a_strange_dialogue_is_unknown(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.send(probe.request("OPTIONS"))
    assert (await probe.final("OPTIONS")).status == 200
    probe.to = "<sip:802@127.0.0.1>;tag=unknown"
    probe.send(probe.request("BYE"))
    assert (await probe.final("BYE")).status == 481


async def test_a_late_offer_is_answered_with_our_codecs_in_our_order(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.invite("")
    leg = await bot.leg()
    answering = asyncio.create_task(leg.answer())
    offered = await probe.final("INVITE")
    names = [line.split(" ")[1] for line in offered.body.splitlines() if line.startswith("a=rtpmap:")]
    assert names == ["opus/48000/2", "G722/8000", "PCMA/8000", "PCMU/8000", "telephone-event/8000"]
    probe.ack(offered, probe.offer())
    await answering
    assert leg.sample_rate == 8000
    await probe.bye()


async def test_a_repeated_invite_is_one_call(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    invite = probe.invite()
    probe.send(invite)
    leg = await bot.leg()
    answering = asyncio.create_task(leg.answer())
    first = await probe.final("INVITE")
    probe.send(invite)
    again = await probe.final("INVITE")
    assert (again.status, again.headers["to"]) == (200, first.headers["to"])
    probe.ack(first)
    await answering
    assert bot.ringing.empty()
    await probe.bye()


async def test_no_reinvite_follows_the_ack(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    hanging_up = asyncio.create_task(leg.hang_up())
    request = await probe.expect(lambda message: not message.status)
    assert request.method == "BYE"
    probe.reply(request, "200 OK")
    await hanging_up


async def test_hold_and_resume_are_facts_and_audio_goes_on(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    for direction, fact in (("sendonly", LegHold(True)), ("sendrecv", LegHold(False))):
        probe.invite(probe.offer(extra=(f"a={direction}",)))
        answer = await probe.final("INVITE")
        assert answer.status == 200
        probe.ack(answer)
        assert await next_event(leg) == fact
    await until(lambda: any(leg.read()))
    assert leg.write(bytes(320)) == 320
    await probe.bye()
    assert (await end_of(leg)).cause == "hangup"


class TestHangUpAtEachStage:
    async def test_while_it_rings(self, start_bot: StartBot, open_probe: OpenProbe) -> None:
        bot = await start_bot()
        probe = await open_probe(bot)
        probe.invite()
        leg = await bot.leg()
        probe.send(probe.request("CANCEL", cseq=probe.cseq, branch=probe.branch))
        assert (await probe.final("INVITE")).status == 487
        assert (await end_of(leg)).cause == "hangup"
        with pytest.raises(CallGone):
            await leg.answer()

    async def test_at_the_very_moment_it_is_offered(self, start_bot: StartBot, open_probe: OpenProbe) -> None:
        """The leg is there before its end is told, even when both come in one turn of the loop."""
        bot = await start_bot()
        endings: list[str] = []
        told = bot.endpoint.serve

        async def serve(leg: Leg, identify: Identify) -> None:
            endings.append((await end_of(cast(SipLeg, leg))).cause)
            await told(leg, identify)

        bot.endpoint.serve = serve
        probe = await open_probe(bot)
        probe.invite()
        probe.send(probe.request("CANCEL", cseq=probe.cseq, branch=probe.branch))
        time.sleep(0.2)  # the stack, on its own thread, takes both before our loop turns
        await bot.leg()
        assert endings == ["hangup"]

    async def test_between_answer_and_ack(self, start_bot: StartBot, open_probe: OpenProbe) -> None:
        bot = await start_bot()
        probe = await open_probe(bot)
        probe.invite()
        leg = await bot.leg()
        answering = asyncio.create_task(leg.answer())
        await probe.final("INVITE")
        await probe.bye()
        with pytest.raises(CallGone):
            await answering
        assert (await end_of(leg)).cause == "hangup"

    async def test_before_we_answer_we_decline(self, start_bot: StartBot, open_probe: OpenProbe) -> None:
        bot = await start_bot()
        probe = await open_probe(bot)
        probe.invite()
        leg = await bot.leg()
        await leg.hang_up()
        refused = await probe.final("INVITE")
        assert (refused.status, refused.headers["retry-after"]) == (503, "10")
        assert (await end_of(leg)).cause == "hangup"

    async def test_and_the_next_call_is_served(self, start_bot: StartBot, open_probe: OpenProbe) -> None:
        bot = await start_bot(settings(max_calls=1))
        for _ in range(3):
            probe = await open_probe(bot)
            leg = await bot.connect(probe)
            await probe.bye()
            assert (await end_of(leg)).cause == "hangup"


async def test_a_call_over_the_limit_is_refused_at_once(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(max_calls=1))
    probe, another = await open_probe(bot), await open_probe(bot)
    await bot.connect(probe)
    another.invite()
    assert (await another.final("INVITE")).status == 503
    assert bot.ringing.empty()
    assert (bot.endpoint.counts.live, bot.endpoint.counts.refused) == (1, 1)


async def test_no_number_is_logged_above_debug(
    start_bot: StartBot, open_probe: OpenProbe, caplog: pytest.LogCaptureFixture
) -> None:
    bot = await start_bot(settings(max_calls=1))
    with caplog.at_level(logging.DEBUG):
        probe, another = await open_probe(bot), await open_probe(bot)
        leg = await bot.connect(probe)
        another.invite()
        await another.final("INVITE")
        probe.send(probe.request("REFER", headers=("Refer-To: <sip:+48600100300@127.0.0.1:1>",)))
        await probe.final("REFER")
        await probe.bye()
        await end_of(leg)
    told = [record for record in caplog.records if record.levelno > logging.DEBUG]
    assert told
    for record in told:
        assert "600100" not in record.getMessage() + repr(record.__dict__)


async def test_while_draining_calls_are_kept_and_new_ones_refused(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe, another = await open_probe(bot), await open_probe(bot)
    leg = await bot.connect(probe)
    assert await bot.endpoint.drain(0.1) is False
    another.invite()
    assert (await another.final("INVITE")).status == 503
    draining = asyncio.create_task(bot.endpoint.drain(5))
    await probe.bye()
    assert await draining is True
    assert (await end_of(leg)).cause == "hangup"


async def test_closing_ends_live_calls(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    closing = asyncio.create_task(bot.endpoint.close())
    probe.reply(await probe.asked("BYE"), "200 OK")
    await closing
    assert (await end_of(leg)).cause == "shutdown"


async def test_a_call_that_its_server_leaves_is_ended(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()

    async def broken(leg: object, identify: object) -> None:
        raise RuntimeError("the driver broke")

    bot.endpoint.serve = broken
    probe = await open_probe(bot)
    probe.invite()
    assert (await probe.final("INVITE")).status == 503


_NOISE = random.Random(7)
_MALFORMED = [
    pytest.param(b"", id="empty"),
    pytest.param(b"\r\n\r\n", id="keep-alive"),
    pytest.param(_NOISE.randbytes(1200), id="noise"),
    pytest.param(_NOISE.randbytes(60_000), id="60 KB of noise"),
    pytest.param(b"INVITE sip:802@127.0.0.1 SIP/2.0\r\n\r\n", id="invite without headers"),
    pytest.param(b"INVITE sip:802@127.0.0.1 SIP/2.0\r\nX: " + b"a" * 60_000 + b"\r\n\r\n", id="60 KB header"),
    pytest.param(
        b"INVITE " + b"\xff" * 300 + b" SIP/2.0\r\nVia: \r\nCSeq: x\r\nContent-Length: -5\r\n\r\n", id="invite of garbage"
    ),
    pytest.param(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 1.2.3.4\r\n\r\n", id="answer to nothing"),
]


@pytest.mark.parametrize("datagram", _MALFORMED)
async def test_junk_harms_neither_the_call_going_on_nor_the_next(
    start_bot: StartBot, open_probe: OpenProbe, datagram: bytes
) -> None:
    bot = await start_bot()
    probe, another = await open_probe(bot), await open_probe(bot)
    leg = await bot.connect(probe)
    for _ in range(20):
        another.send(datagram)
    following = await bot.connect(await open_probe(bot))
    assert (await probe.bye()).status == 200
    assert (await end_of(leg)).cause == "hangup"
    await following.hang_up()


async def test_an_invite_with_a_broken_body_is_refused(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.invite("v=0\r\nm=audio nonsense\r\n")
    answering = asyncio.create_task(_answer_whatever_rings(bot.ringing))
    assert (await probe.final("INVITE")).status >= 400
    answering.cancel()


@pytest.mark.parametrize("header", ["Require: 100rel", "Supported: 100rel"])
async def test_a_trunk_that_needs_it_gets_a_reliable_180(start_bot: StartBot, open_probe: OpenProbe, header: str) -> None:
    """RFC 3262: with RSeq, and the 200 only after its PRACK."""
    bot = await start_bot(settings(prack=True))
    probe = await open_probe(bot)
    probe.invite(headers=(header,))
    leg = await bot.leg()
    ready = asyncio.create_task(leg.answer())
    ringing = await probe.expect(lambda found: found.status == 180)
    assert "100rel" in ringing.headers["require"]
    probe.to = ringing.headers["to"]
    invite = probe.cseq
    probe.send(probe.request("PRACK", headers=(f"RAck: {ringing.headers['rseq']} {invite} INVITE",)))
    statuses: dict[str, Message] = {}
    while set(statuses) != {"PRACK", "INVITE"}:
        found = await probe.expect(lambda found: found.status >= 200)
        statuses[found.method] = found
    assert {each.status for each in statuses.values()} == {200}
    probe.take_up(statuses["INVITE"])
    await ready
    await leg.hang_up()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Supported: timer, 100rel", "Session-Expires: 1800;refresher=uac", "Min-SE: 90"), 200),
        (("Session-Expires: 30",), 200),
        (("Require: timer", "Session-Expires: 1800"), 420),
        (("Require: 100rel",), 420),
    ],
)
async def test_session_timers_and_prack_are_not_ours_and_said_so(
    start_bot: StartBot, open_probe: OpenProbe, headers: tuple[str, ...], status: int
) -> None:
    """A call that merely knows them is taken without (RFC 4028, 9; RFC 3262, 3), never refused with 421 or 422."""
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.invite(headers=headers)
    if status == 200:
        leg = await bot.leg()
        ready = asyncio.create_task(leg.answer())
        found = await probe.final("INVITE")
        assert "session-expires" not in found.headers
        probe.take_up(found)
        await ready
        await leg.hang_up()
    else:
        found = await probe.final("INVITE")
        probe.ack(found)
        assert found.status == status
        assert found.headers["unsupported"] in headers[0]
