"""What a trunk may send: on the wire, call by call."""

from __future__ import annotations

import asyncio

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import Bot, OpenProbe, StartBot, end_of, settings
from tests.voicebot.endpoints.sip.sip_probe import Message, Probe
from voicebot.endpoints.leg import LegKey
from voicebot.endpoints.sip.provider.digest import Credentials, answer
from voicebot.endpoints.sip.settings import SipSettings

NORTH, SOUTH = "127.0.0.2", "127.0.0.3"
LIMIT_S = 30.0


def trunks(**north: object) -> SipSettings:
    """One trunk with rules, beside one without."""
    given = {"north": {"peers": [NORTH], **north}, "south": {"peers": [SOUTH]}}
    return settings(peers=(), trunks=given)


async def refused(probe: Probe, body: str | None = None, headers: tuple[str, ...] = ()) -> Message:
    probe.invite(body, headers)
    found = await probe.final("INVITE")
    assert found.status >= 300, found.start
    probe.ack(found)
    return found


async def asked(probe: Probe) -> Message:
    """What is said to an OPTIONS."""
    probe.send(probe.request("OPTIONS"))
    return await probe.final("OPTIONS")


async def test_a_trunk_with_as_many_calls_as_it_may_have_is_told_503(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """Others are not touched, and a place that gets free is there for the next call."""
    bot = await start_bot(trunks(max_calls=1))
    first = await open_probe(bot, NORTH)
    leg = await bot.connect(first)
    found = await refused(await open_probe(bot, NORTH))
    assert (found.status, found.headers.get("retry-after")) == (503, "5")
    assert (await asked(await open_probe(bot, NORTH))).status == 503
    assert (await asked(await open_probe(bot, SOUTH))).status == 200
    other = await bot.connect(await open_probe(bot, SOUTH))
    assert bot.endpoint.trunk_rules.live() == {"north": 1, "south": 1}
    assert bot.endpoint.trunk_rules.refused["north", "max_calls"] == 1
    await first.bye()
    await until(lambda: bot.endpoint.trunk_rules.live()["north"] == 0)
    again = await bot.connect(await open_probe(bot, NORTH))
    for each in (leg, other, again):
        await each.hang_up()


async def test_a_call_that_never_came_to_anything_gives_its_place_back(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """Refused by the stack, or cancelled at once."""
    bot = await start_bot(trunks(max_calls=1))
    for _ in range(3):
        probe = await open_probe(bot, NORTH)
        probe.invite()
        leg = await bot.leg()
        probe.send(probe.request("CANCEL", cseq=probe.cseq, branch=probe.branch))
        await asyncio.wait_for(leg.ended.wait(), LIMIT_S)
        await until(lambda: bot.endpoint.trunk_rules.live()["north"] == 0)
    leg = await bot.connect(await open_probe(bot, NORTH))
    await leg.hang_up()


async def test_more_calls_in_a_second_than_a_trunk_may_begin_are_told_503(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(trunks(calls_per_second=2))
    probes = [await open_probe(bot, NORTH) for _ in range(12)]
    for probe in probes:
        probe.invite()
    async with asyncio.timeout(LIMIT_S):
        while not (counted := bot.endpoint.trunk_rules.refused["north", "calls_per_second"]):
            await asyncio.sleep(0.01)
    assert counted <= 10
    (await open_probe(bot, SOUTH)).invite()
    while (leg := await bot.leg()).offer.from_uri.partition("@")[2] != SOUTH:
        await leg.hang_up()
    await leg.hang_up()


@pytest.mark.parametrize(
    ("lines", "status"), [(["+802"], 200), (["80*"], 200), (["900", "802"], 200), (["8020"], 404), (["9*"], 404), ([], 200)]
)
async def test_only_the_lines_of_a_trunk_can_be_dialled_by_it(
    start_bot: StartBot, open_probe: OpenProbe, lines: list[str], status: int
) -> None:
    bot = await start_bot(trunks(lines=lines))
    probe = await open_probe(bot, NORTH)
    if status == 200:
        await (await bot.connect(probe)).hang_up()
    else:
        assert (await refused(probe)).status == status


async def test_a_transport_that_a_trunk_does_not_use_is_refused(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(trunks(transports=["tcp"]))
    assert (await refused(await open_probe(bot, NORTH))).status == 403


ALL = ("8 PCMA/8000", "0 PCMU/8000", "9 G722/8000", "96 telephone-event/8000")


@pytest.mark.parametrize(
    ("codecs", "answered"),
    [(["pcmu", "pcma"], ["0", "8"]), (["g722"], ["9"]), (["pcma"], ["8"]), ([], ["8", "0", "9"])],
)
async def test_the_codecs_of_a_trunk_are_answered_in_its_order(
    start_bot: StartBot, open_probe: OpenProbe, codecs: list[str], answered: list[str]
) -> None:
    bot = await start_bot(trunks(codecs=codecs))
    probe = await open_probe(bot, NORTH)
    probe.invite(probe.offer(ALL))
    leg = await bot.leg()
    ready = asyncio.create_task(leg.answer())
    found = await probe.final("INVITE")
    probe.take_up(found)
    await ready
    formats = found.body.split("m=audio ")[1].split("\r\n")[0].split(" ")[2:]
    assert [each for each in formats if each != "96"] == answered
    assert "96" in formats
    await leg.hang_up()


async def test_an_offer_without_a_codec_of_the_trunk_is_not_acceptable(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(trunks(codecs=["pcmu"]))
    assert (await refused(await open_probe(bot, NORTH))).status == 488


SAVP = {"profile": "RTP/SAVP", "extra": ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "d" * 40,)}


@pytest.mark.parametrize(("srtp", "encrypted", "status"), [
    ("required", False, 488), ("required", True, 200), ("off", True, 488), ("off", False, 200), ("optional", True, 200),
    ("optional", False, 200),
])  # fmt: skip
async def test_media_is_encrypted_as_the_trunk_says(
    start_bot: StartBot, open_probe: OpenProbe, srtp: str, encrypted: bool, status: int
) -> None:
    chosen = settings(peers=(), trunks={"north": {"peers": [NORTH], "srtp": srtp}}, media_encryption="srtp")
    bot = await start_bot(chosen)
    probe = await open_probe(bot, NORTH)
    body = probe.offer(("8 PCMA/8000",), **(SAVP if encrypted else {}))
    if status != 200:
        assert (await refused(probe, body)).status == status
        return
    probe.invite(body)
    leg = await bot.leg()
    ready = asyncio.create_task(leg.answer())
    found = await probe.final("INVITE")
    assert found.status == 200
    assert ("a=crypto" in found.body) or not encrypted
    probe.take_up(found, talk=False)
    await ready
    await leg.hang_up()


INFO = ("Content-Type: application/dtmf-relay",)


async def _pressed(bot: Bot, probe: Probe) -> tuple[int, list[str]]:
    """5 by INFO, then 7 in RTP: the answer to the INFO, and the keys that were heard up to the end."""
    offered = probe.offer(("8 PCMA/8000", "96 telephone-event/8000"))
    leg = await bot.connect(probe, offered)
    probe.send(probe.request("INFO", body="Signal=5\r\nDuration=160\r\n", headers=INFO))
    status = (await probe.final("INFO")).status
    probe.press("7", 96)
    keys: list[str] = []
    heard = asyncio.create_task(asyncio.sleep(1.5))  # whatever is to be heard is there long before
    while not heard.done():
        fact = asyncio.create_task(leg.next_event())
        await asyncio.wait((fact, heard), return_when=asyncio.FIRST_COMPLETED)
        if fact.done():
            keys += [fact.result().key] if isinstance(fact.result(), LegKey) else []  # type: ignore[union-attr]
        else:
            fact.cancel()
    await leg.hang_up()
    return status, keys


@pytest.mark.parametrize(("dtmf", "status", "keys"), [("both", 200, ["5", "7"]), ("rfc4733", 415, ["7"]), ("info", 200, ["5"])])
async def test_keys_come_the_way_the_trunk_says(
    start_bot: StartBot, open_probe: OpenProbe, dtmf: str, status: int, keys: list[str]
) -> None:
    bot = await start_bot(trunks(dtmf=dtmf))
    assert await _pressed(bot, await open_probe(bot, NORTH)) == (status, keys)


@pytest.mark.parametrize(
    ("handoff", "takes_refer", "only_refer"), [(None, True, False), ("bridge", False, False), ("refer", True, True)]
)
async def test_a_trunk_says_how_its_callers_get_to_a_queue(
    start_bot: StartBot, open_probe: OpenProbe, handoff: str | None, takes_refer: bool, only_refer: bool
) -> None:
    bot = await start_bot(trunks(handoff=handoff))
    leg = await bot.connect(await open_probe(bot, NORTH))
    assert (leg.offer.takes_refer, leg.offer.only_refer) == (takes_refer, only_refer)
    await leg.hang_up()


async def test_a_trunk_has_an_rtp_time_out_of_its_own(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """The other trunk's call, which is silent as well, goes on."""
    bot = await start_bot(trunks(rtp_timeout_s=1))
    other = await bot.connect(await open_probe(bot, SOUTH), talk=False)
    leg = await bot.connect(await open_probe(bot, NORTH), talk=False)
    await asyncio.wait_for(leg.ended.wait(), LIMIT_S)
    assert not other.ended.is_set()
    await other.hang_up()


DIGEST = {"user": "branch", "password": "a long secret", "realm": "bank"}


async def proved(probe: Probe, password: str, which: int = 0) -> str:
    """The header that answers the bot's challenge: the first (SHA-256) or the second (MD5)."""
    probe.invite()
    data = await asyncio.wait_for(probe.sip.received.get(), LIMIT_S)
    assert data.startswith(b"SIP/2.0 401"), data
    probe.ack(Message.parse(data))
    probe.to = probe.to.partition(";tag=")[0]
    offered = [line.partition(": ")[2] for line in data.decode().split("\r\n") if line.startswith("WWW-Authenticate")]
    assert ["SHA-256" in offered[0], "MD5" in offered[1]] == [True, True]
    return f"Authorization: {answer([offered[which]], Credentials('branch', password), 'INVITE', 'sip:802@bot')}"


@pytest.mark.parametrize("which", [0, 1])
async def test_a_trunk_with_a_digest_is_asked_and_let_in(start_bot: StartBot, open_probe: OpenProbe, which: int) -> None:
    """From wherever it calls."""
    bot = await start_bot(settings(peers=(), trunks={"branch": {"peers": ["0.0.0.0/0"], "digest": DIGEST}}))
    probe = await open_probe(bot, NORTH)
    header = await proved(probe, "a long secret", which)
    probe.invite(headers=(header,))
    leg = await bot.leg()
    ready = asyncio.create_task(leg.answer())
    probe.take_up(await probe.final("INVITE"))
    await ready
    assert leg.offer.trunk == "branch"
    await probe.bye()
    replayed = await open_probe(bot, SOUTH)
    found = await refused(replayed, headers=(header,))
    assert found.status == 401
    assert "stale=true" in found.headers["www-authenticate"]
    assert bot.ringing.empty()


async def test_a_wrong_password_gets_another_challenge_and_no_call(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(peers=(), trunks={"branch": {"peers": ["0.0.0.0/0"], "digest": DIGEST}}))
    probe = await open_probe(bot, NORTH)
    found = await refused(probe, headers=(await proved(probe, "wrong"),))
    assert found.status == 401
    assert "stale" not in found.headers["www-authenticate"]
    assert bot.ringing.empty()
    assert bot.endpoint.trunk_rules.refused["branch", "digest"] == 1


async def test_the_apps_own_calls_are_no_trunks(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """They come from this machine, which may be a trunk's address as well; from elsewhere the header is worth nothing."""
    chosen = settings(peers=(), trunks={"here": {"peers": ["127.0.0.0/8"], "lines": ["900"]}}, own_calls=True)
    bot = await start_bot(chosen)
    assert (await refused(await open_probe(bot))).status == 404
    assert (await refused(await open_probe(bot, NORTH), headers=("X-App-Session: 1",))).status == 404
    probe = await open_probe(bot)
    probe.invite(headers=("X-App-Session: 1",))
    await (await bot.leg()).hang_up()


async def test_rules_hold_from_the_next_call_on_after_a_reload(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """And the call under way goes on."""
    bot = await start_bot(trunks())
    probe = await open_probe(bot, NORTH)
    leg = await bot.connect(probe)
    bot.endpoint.let_in(trunks(max_calls=1))
    assert (await refused(await open_probe(bot, NORTH))).status == 503
    assert not leg.ended.is_set()
    await probe.bye()


@pytest.mark.parametrize(
    ("north", "complaint"),
    [
        ({"transports": ["tls"]}, "transports: tls, which is not in sip.transports"),
        ({"srtp": "required"}, "media_encryption: srtp"),
        ({"qualify_s": 30, "peers": ["192.0.2.0/24"]}, "write address"),
        ({"registration": {"registrar": "192.0.2.9", "user": "a", "password": "b"}}, "add 192.0.2.9 to them"),
        ({"registration": {"registrar": "sip.example", "user": "a"}}, "password_file"),
        ({"registration": {"registrar": "sip:x@y", "user": "a", "password": "b"}}, "pattern"),
        ({"lines": ["12 3"]}, "pattern"),
    ],
)
def test_mistakes_are_explained(north: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        trunks(**north)


async def test_behind_nat_contact_and_sdp_name_the_address_that_the_trunk_sees(
    start_bot: StartBot, open_probe: OpenProbe
) -> None:
    """Also after a hold; sound and keys flow, and the other trunk sees the machine's own address."""
    bot = await start_bot(trunks(external_address="203.0.113.40"))
    probe = await open_probe(bot, NORTH)
    probe.invite(probe.offer(("8 PCMA/8000", "96 telephone-event/8000")))
    leg = await bot.leg()
    ready = asyncio.create_task(leg.answer())
    found = await probe.final("INVITE")
    port = bot.address[1]
    assert f"@203.0.113.40:{port}" in found.headers["contact"]
    assert "c=IN IP4 203.0.113.40" in found.body
    assert found.rtp_port > 1024
    probe.take_up(found)
    await ready
    probe.press("4", 96)
    fact = await asyncio.wait_for(leg.next_event(), LIMIT_S)
    assert fact == LegKey("4")
    probe.invite(probe.offer(extra=("a=sendonly",)))
    held = await probe.final("INVITE")
    probe.ack(held)
    assert (held.status, "c=IN IP4 203.0.113.40" in held.body) == (200, True)
    assert f"@203.0.113.40:{port}" in held.headers["contact"]
    assert (await probe.bye()).status == 200
    other = await open_probe(bot, SOUTH)
    other.invite()
    leg = await bot.leg()
    ready = asyncio.create_task(leg.answer())
    found = await other.final("INVITE")
    other.take_up(found)
    await ready
    assert "203.0.113.40" not in found.body + found.headers["contact"]
    await leg.hang_up()


async def test_a_trunk_says_how_long_a_call_may_be_silent(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """Its call ends when the sound stops; that of the other trunk goes on."""
    bot = await start_bot(trunks(rtp_stop_timeout_s=1))
    other_probe, probe = await open_probe(bot, SOUTH), await open_probe(bot, NORTH)
    other, leg = await bot.connect(other_probe), await bot.connect(probe)
    await until(lambda: leg.read() and other.read())
    other_probe.fall_silent()
    probe.fall_silent()
    assert (await end_of(leg)).cause == "media_timeout"
    assert not other.ended.is_set()
    await other.hang_up()
