"""What a trunk's requests get that the stack alone answers otherwise: full and draining, bodies, keys by INFO, other methods."""

from __future__ import annotations

import asyncio

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import Bot, OpenProbe, StartBot, end_of, next_event, settings
from tests.voicebot.endpoints.sip.sip_probe import PCMA, Message, Probe, sdp
from voicebot.endpoints.leg import LegHold, LegKey
from voicebot.endpoints.sip.leg import SipLeg

BOUNDARY = "unique-boundary-1"
ISUP = (
    "Content-Type: application/ISUP;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n\x01\x11\x00\x0a\r\n"
)


def parts(*bodies: str) -> str:
    return "preamble\r\n" + "".join(f"--{BOUNDARY}\r\n{body}" for body in bodies) + f"--{BOUNDARY}--\r\n"


def sdp_part(sdp: str) -> str:
    return f"Content-Type: application/sdp\r\n\r\n{sdp}\r\n"


def mixed(quote: str = '"') -> tuple[str]:
    return (f"Content-Type: multipart/mixed;charset=x;boundary={quote}{BOUNDARY}{quote}",)


async def options(probe: Probe) -> Message:
    probe.send(probe.request("OPTIONS"))
    return await probe.final("OPTIONS")


async def test_full_is_503_with_retry_after_and_says_so_to_options(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(max_calls=1))
    probe, another, asker = await open_probe(bot), await open_probe(bot), await open_probe(bot)
    assert (await options(asker)).status == 200
    leg = await bot.connect(probe)
    another.invite()
    refused = await another.final("INVITE")
    another.ack(refused)
    assert (refused.status, refused.headers["retry-after"]) == (503, "10")
    asked = await options(asker)
    assert (asked.status, asked.headers["retry-after"]) == (503, "10")
    probe.invite(probe.offer())  # the call that is there is renegotiated all the same
    assert (await probe.final("INVITE")).status == 200
    await probe.bye()
    await end_of(leg)
    await until(lambda: not bot.endpoint.counts.live)
    assert (await options(asker)).status == 200


async def test_options_inside_a_call_tell_whether_it_is_still_there(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """A bot that died and is back knows nothing of its calls: what asks for them must hear so, and can end them."""
    bot = await start_bot(settings(max_calls=1))
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    assert (await options(probe)).status == 200, "the endpoint is full, but this call is there"
    await probe.bye()
    await end_of(leg)
    assert (await options(probe)).status == 481


async def test_a_burst_is_refused_above_the_limit_by_503_alone(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(max_calls=3))
    probes = [await open_probe(bot) for _ in range(12)]
    for probe in probes:
        probe.invite()
    legs = [await bot.leg() for _ in range(3)]
    answering = [asyncio.create_task(leg.answer()) for leg in legs]
    answers = [await probe.final("INVITE") for probe in probes]
    for probe, answer in zip(probes, answers, strict=True):
        probe.ack(answer)
    await asyncio.gather(*answering)
    assert sorted(answer.status for answer in answers) == [200] * 3 + [503] * 9
    assert bot.endpoint.counts.refused == 9
    assert bot.ringing.empty()


async def test_options_tell_of_a_drain(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe, asker = await open_probe(bot), await open_probe(bot)
    leg = await bot.connect(probe)
    assert await bot.endpoint.drain(0.01) is False
    assert (await options(asker)).status == 503
    await probe.bye()
    await end_of(leg)


@pytest.mark.parametrize(
    "formats",
    [
        pytest.param(("18 G729/8000",), id="another codec"),
        pytest.param(("101 telephone-event/8000",), id="keys alone"),
    ],
)
async def test_a_re_invite_without_our_codecs_is_488_and_the_call_goes_on(
    start_bot: StartBot, open_probe: OpenProbe, formats: tuple[str, ...]
) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer((*PCMA, "101 telephone-event/8000")))
    probe.invite(probe.offer(formats))
    refused = await probe.final("INVITE")
    assert refused.status == 488
    probe.ack(refused)
    await _hears_and_speaks(bot, probe, leg)


@pytest.mark.parametrize(
    "media",
    [
        pytest.param("m=image 5000 udptl t38\r\n", id="T.38"),
        pytest.param("m=audio 5000 RTP/SAVP 8\r\na=rtpmap:8 PCMA/8000\r\n", id="SRTP where we have none"),
        pytest.param("m=audio 0 RTP/AVP 8\r\n", id="no stream"),
    ],
)
async def test_a_re_invite_without_sound_is_488(start_bot: StartBot, open_probe: OpenProbe, media: str) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer((*PCMA, "101 telephone-event/8000")))
    probe.invite(f"v=0\r\no=- 1 2 IN IP4 {probe.host}\r\ns=-\r\nc=IN IP4 {probe.host}\r\nt=0 0\r\n{media}")
    refused = await probe.final("INVITE")
    assert refused.status == 488
    probe.ack(refused)
    await _hears_and_speaks(bot, probe, leg)


async def _hears_and_speaks(bot: Bot, probe: Probe, leg: SipLeg) -> None:
    leg.read()
    await until(lambda: any(leg.read()))
    before = probe.rtp.received.qsize()
    leg.write(b"\x10\x20" * 1600)
    await until(lambda: probe.rtp.received.qsize() > before + 5)
    probe.press("5", 101)
    assert await next_event(leg) == LegKey("5")
    assert (await probe.bye()).status == 200
    await end_of(leg)


@pytest.mark.parametrize(
    ("order", "quote"), [("sdp first", '"'), ("sdp last", '"'), ("sdp last", "")], ids=["sdp first", "sdp last", "no quotes"]
)
async def test_sdp_beside_isup_is_taken(start_bot: StartBot, open_probe: OpenProbe, order: str, quote: str) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    bodies = [sdp_part(probe.offer()), ISUP]
    probe.invite(parts(*(bodies if order == "sdp first" else bodies[::-1])), mixed(quote))
    leg = await bot.leg()
    answering = asyncio.create_task(leg.answer())
    probe.take_up(await probe.final("INVITE"))
    await answering
    await until(lambda: any(leg.read()))
    probe.invite(parts(*bodies), mixed(quote))
    again = await probe.final("INVITE")
    assert (again.status, again.rtp_port > 0) == (200, True)
    probe.ack(again)
    assert (await probe.bye()).status == 200
    await end_of(leg)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(parts(ISUP), mixed(), id="ISUP alone"),
        pytest.param("<x/>", ("Content-Type: application/pidf+xml",), id="another type"),
        pytest.param("--a--", ("Content-Type: multipart/mixed;boundary=a",), id="no parts"),
        pytest.param("--a", ("Content-Type: multipart/mixed;boundary=a",), id="cut off"),
        pytest.param("x", ("Content-Type: multipart/mixed",), id="no boundary"),
    ],
)
async def test_a_body_without_sdp_is_415(start_bot: StartBot, open_probe: OpenProbe, body: str, headers: tuple[str, ...]) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.invite(body, headers)
    refused = await probe.final("INVITE")
    assert (refused.status, refused.headers["accept"]) == (415, "application/sdp")
    assert not bot.endpoint.counts.live


@pytest.mark.parametrize(
    "body",
    [
        sdp("127.0.0.1", 4000).replace("m=audio", "m=video"),
        sdp("127.0.0.1", 0),
        sdp("127.0.0.1", 99999),
        sdp("127.0.0.1", 4000, ("18 G729/8000",)),
        "m=audio",
        "v=0\r\n",
        "\0" * 200,
    ],
    ids=["video", "switched off", "no port", "another codec", "cut off", "no media", "zeros"],
)
async def test_an_offer_without_sound_never_rings(start_bot: StartBot, open_probe: OpenProbe, body: str) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.invite(body)
    assert (await probe.final("INVITE")).status == 488
    assert (bot.ringing.qsize(), bot.endpoint.counts.live) == (0, 0)
    other = await open_probe(bot)
    leg = await bot.connect(other)
    await other.bye()
    await end_of(leg)


async def test_sdp_without_its_last_line_end_is_taken(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer().rstrip())
    assert leg.sample_rate == 8000
    await probe.bye()
    await end_of(leg)


async def test_an_invite_of_60_kb_is_answered_and_its_caller_believed(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    history = ", ".join(f"<sip:802@192.0.2.{n % 250};tag={'x' * 200}>;index=1.{n}" for n in range(240))
    probe.invite(headers=(f"History-Info: {history}", "P-Asserted-Identity: <tel:+48600100300>"))
    leg = await bot.leg()
    await until(lambda: leg.offer.trunk)
    assert leg.offer.trunk == "peers"
    assert leg.offer.headers["p-asserted-identity"] == "<tel:+48600100300>"
    assert leg.offer.headers["history-info"] == history
    answering = asyncio.create_task(leg.answer())
    probe.take_up(await probe.final("INVITE"))
    await answering
    await probe.bye()
    await end_of(leg)


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        ("dtmf", "5", "5"),
        ("dtmf", "#\r\n", "#"),
        ("dtmf", "11", "#"),
        ("dtmf", "Signal=7\r\nDuration=100\r\n", "7"),
        ("dtmf-relay", "Signal=11\r\nDuration=160\r\n", "#"),
        ("dtmf-relay", "Signal=10\r\nDuration=160\r\n", "*"),
        ("dtmf-relay", "Signal = 4\r\n", "4"),
        ("dtmf-relay", "Signal=#\r\nDuration=160", "#"),
    ],
)
async def test_an_info_is_the_key_that_gateways_mean(
    start_bot: StartBot, open_probe: OpenProbe, kind: str, body: str, key: str
) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    for _ in range(2):
        probe.send(probe.request("INFO", body=body, headers=(f"Content-Type: application/{kind}",)))
        assert (await probe.final("INFO")).status == 200
        assert await next_event(leg) == LegKey(key)
    await probe.bye()
    assert (await next_event(leg)) != LegKey(key), "one INFO was two keys"


@pytest.mark.parametrize("kind", ["dtmf", "dtmf-relay"])
@pytest.mark.parametrize("signal", ["16", "99", "12345", "", "flash", "1\x1b[2J"])
async def test_an_info_of_no_key_is_none(start_bot: StartBot, open_probe: OpenProbe, kind: str, signal: str) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    body = f"Signal={signal}\r\nDuration=160\r\n"
    probe.send(probe.request("INFO", body=body, headers=(f"Content-Type: application/{kind}",)))
    assert (await probe.final("INFO")).status == 400
    await probe.bye()
    assert not isinstance(await next_event(leg), LegKey)


@pytest.mark.parametrize(("method", "status"), [("MESSAGE", 405), ("SUBSCRIBE", 405), ("REGISTER", 405), ("DANCE", 501)])
async def test_what_we_do_not_do_is_refused(start_bot: StartBot, open_probe: OpenProbe, method: str, status: int) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.send(probe.request(method))
    refused = await probe.final(method)
    assert (refused.status, "INVITE" in refused.headers["allow"]) == (status, True)


async def test_no_answer_says_what_program_gives_it(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.invite()
    leg = await bot.leg()
    answering = asyncio.create_task(leg.answer())
    answer = await probe.final("INVITE")
    probe.take_up(answer)
    await answering
    hanging_up = asyncio.create_task(leg.hang_up())
    bye = await probe.asked("BYE")
    probe.reply(bye, "200 OK")
    await hanging_up
    for message in (await options(probe), answer, bye):
        assert not {"server", "user-agent"} & set(message.headers)
        assert "baresip" not in f"{message}".lower()


async def test_a_hold_directly_behind_the_ack_is_told(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    probe.invite()
    leg = await bot.leg()
    answering = asyncio.create_task(leg.answer())
    probe.take_up(await probe.final("INVITE"))
    probe.invite(probe.offer(extra=("a=sendonly",)))
    answer = await probe.final("INVITE")
    probe.ack(answer)
    await answering
    assert "a=recvonly" in answer.body
    assert await next_event(leg) == LegHold(True)
    probe.invite(probe.offer(extra=("a=sendrecv",)))
    probe.ack(await probe.final("INVITE"))
    assert await next_event(leg) == LegHold(False)
    await probe.bye()


async def test_options_say_what_we_can(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    asked = await options(await open_probe(bot))
    assert {"INVITE", "ACK", "BYE", "CANCEL", "INFO"} <= set(asked.headers["allow"].replace(",", "").split())
    assert asked.headers["accept"] == "application/sdp"
    assert ";tag=" in asked.headers["to"]
