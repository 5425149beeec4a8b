"""Carriers' WebSockets: who is let in, what is said on the wire, and where callers go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import loguru
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from tests.voicebot.endpoints.carriers.fake_carriers import Bot, FakeGenesys, FakeTelnyx, FakeTwilio, JsonStream, Stream
from tests.voicebot.endpoints.looking import until
from voicebot.endpoints.carriers.leg import CarrierLeg
from voicebot.endpoints.carriers.twilio import _dial
from voicebot.endpoints.leg import LegKey, TransferTarget

CARDS = TransferTarget("cards", ref="r-1", priority=3, segment="mass", intent="card_issue", language="pl")
KINDS = [FakeTwilio, FakeTelnyx, FakeGenesys]
DEADLINE_S = 20.0
S = TypeVar("S", bound=Stream)


@asynccontextmanager
async def calling(kind: type[S]) -> AsyncIterator[tuple[Bot, S, CarrierLeg]]:
    async with listening() as bot:
        stream = kind(bot)
        try:
            await stream.open()
            leg = await asyncio.wait_for(bot.ringing.get(), DEADLINE_S)
            await leg.answer()
            stream.speaking = True
            yield bot, stream, leg
        finally:
            await stream.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Bot]:
    bot = Bot()
    await bot.start()
    try:
        yield bot
    finally:
        await bot.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_who_calls_and_whom(kind: type[Stream]) -> None:
    async with calling(kind) as (bot, _, leg):
        caller = await bot.endpoint.identify(leg.offer)
        assert (caller.number, caller.dialled) == ("+48600100200", "+48221234567")
        assert leg.offer.steered


@pytest.mark.parametrize("kind", KINDS)
async def test_sound_both_ways_and_a_barge_in_that_clears(kind: type[Stream]) -> None:
    async with calling(kind) as (_, stream, leg):
        await until(leg.read)
        leg.write(b"\x00\x10" * 16000)
        await until(lambda: stream.played)
        assert leg.buffered() > 16000
        leg.flush()
        await until(lambda: any(each.get("event") == "clear" or each.get("type") == "event" for each in stream.said))
        await until(lambda: not stream.queue)
        assert len(stream.played) < 8000, "two seconds were said, and stopped at once"


@pytest.mark.parametrize("kind", [FakeTwilio, FakeTelnyx])
async def test_what_is_said_is_heard_before_the_caller_moves(kind: type[JsonStream]) -> None:
    async with calling(kind) as (bot, stream, leg):
        leg.write(b"\x00\x10" * 4000)
        assert (await leg.transfer(CARDS, 5)).ok
        assert len(stream.played) >= 4000
        assert any(each["event"] == "mark" for each in stream.said)
        assert len(bot.asked) == 1


async def test_twilio_is_told_by_new_twiml_with_the_default_queue_behind() -> None:
    async with calling(FakeTwilio) as (bot, _, leg):
        assert (await leg.transfer(CARDS, 5)).ok
        ((path, told),) = bot.asked
        assert path.endswith("/Calls/CA1.json")
        assert told["Twiml"] == (
            "<Response><Dial><Sip>sip:cards@pbx?X-Handoff-Ref=r-1</Sip></Dial>"
            "<Dial><Sip>sip:general@pbx?X-Handoff-Ref=r-1</Sip></Dial></Response>"
        )


async def test_telnyx_is_told_by_a_call_command() -> None:
    async with calling(FakeTelnyx) as (bot, _, leg):
        assert (await leg.transfer(CARDS, 5)).ok
        assert bot.asked == [("/v2/calls/v3:1/actions/transfer", {"to": "sip:cards@pbx"})]


async def test_telnyx_in_a_law() -> None:
    class ALaw(FakeTelnyx):
        encoding = "PCMA"

    async with calling(ALaw) as (_, _, leg):
        await until(leg.read)


async def test_genesys_goes_on_by_its_output_variables() -> None:
    async with calling(FakeGenesys) as (_, stream, leg):
        assert (await leg.transfer(CARDS, 5)).ok
        assert stream.variables is not None
        assert (stream.variables["action"], stream.variables["QUEUE"]) == ("transfer", "cards")
        assert (stream.variables["HANDOFF_REF"], stream.variables["INTENT"]) == ("r-1", "card_issue")
        assert any(each["type"] == "closed" for each in stream.said)


async def test_genesys_may_try_whether_we_are_there() -> None:
    """A session without a conversation is no call."""

    class Probe(FakeGenesys):
        conversation = "00000000-0000-0000-0000-000000000000"

    async with listening() as bot:
        probe = Probe(bot)
        await probe.open()
        await probe.leave()
        assert any(each["type"] == "closed" for each in probe.said)
        assert bot.endpoint.counts.live == 0
        await probe.close()


async def test_genesys_is_answered_when_it_pings() -> None:
    async with calling(FakeGenesys) as (_, stream, _):
        await stream.tell("ping")
        await until(lambda: any(each["type"] == "pong" for each in stream.said))


@pytest.mark.parametrize(
    ("kind", "path", "headers"),
    [
        (FakeTwilio, "/twilio", {"X-Twilio-Signature": "bm90IHRoZWlycw=="}),
        (FakeTwilio, "/twilio", {}),
        (FakeTelnyx, "/telnyx?token=wrong", {}),
        (FakeTelnyx, "/telnyx", {}),
        (FakeGenesys, "/genesys", {"X-API-KEY": "wrong"}),
        (FakeGenesys, "/elsewhere", {}),
    ],
)
async def test_whoever_does_not_prove_who_it_is_stays_out(kind: type[Stream], path: str, headers: dict[str, str]) -> None:
    async with listening() as bot:
        with pytest.raises(InvalidStatus, match="401"):
            await kind(bot).connect(path, **headers)
        assert bot.endpoint.counts.turned_away == 1


class TestNobodyIsLost:
    @pytest.mark.parametrize("kind", [FakeTwilio, FakeTelnyx])
    async def test_when_the_service_stops(self, kind: type[Stream]) -> None:
        async with calling(kind) as (bot, _, _):
            await bot.endpoint.close()
            ((_, told),) = bot.asked
            assert "sip:general@pbx" in "".join(told.values())

    async def test_by_genesys(self) -> None:
        async with calling(FakeGenesys) as (bot, stream, _):
            await bot.endpoint.close()
            await until(lambda: stream.variables is not None)
            assert stream.variables == {"action": "transfer", "QUEUE": ""}

    async def test_after_a_transfer_that_was_refused_a_goodbye_is_no_hang_up(self) -> None:
        """What the caller was promised stands: the default queue."""
        async with calling(FakeTwilio) as (bot, _, leg):
            bot.status = 400
            assert not (await leg.transfer(CARDS, 5)).ok
            bot.status = 200
            await leg.hang_up()
            assert "Twiml" in bot.asked[-1][1]

    async def test_while_it_drains_they_are_sent_elsewhere(self) -> None:
        async with listening() as bot:
            assert await bot.endpoint.drain(0.1)
            with pytest.raises(InvalidStatus, match="503"):
                await FakeTwilio(bot).open()


async def test_a_goodbye_hangs_up() -> None:
    async with calling(FakeTwilio) as (bot, _, leg):
        await leg.hang_up()
        assert bot.asked[-1][1] == {"Status": "completed"}


JUNK: list[str | bytes] = [
    "",
    "no json",
    "[]",
    "{}",
    '{"event": "media"}',
    '{"event": "media", "media": {"payload": "%%%"}}',
    '{"event": "media", "media": []}',
    '{"event": "mark"}',
    '{"event": "mark", "mark": {"name": ["x"]}}',
    '{"event": "dtmf", "dtmf": {"digit": {}}}',
    '{"event": "dtmf"}',
    '{"event": "start", "start": {}}',
    '{"type": "dtmf"}',
    '{"type": "open"}',
    '{"type": 7, "seq": "x"}',
    "[" * 50_000,
    b"\x00",
]


@pytest.mark.parametrize("kind", KINDS)
async def test_junk_on_the_wire_costs_no_call(kind: type[Stream]) -> None:
    async with calling(kind) as (_, stream, leg):
        for message in JUNK:
            await stream.send(message)
        for key in ("A", "12", "5"):
            await stream.press(key)
        assert await asyncio.wait_for(leg.next_event(), DEADLINE_S) == LegKey("5")


async def test_no_key_and_no_number_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The serializers log both as they come."""
    lines: list[str] = []
    sink = loguru.logger.add(lambda message: lines.append(str(message)), level="TRACE")
    caplog.set_level(logging.DEBUG)
    try:
        async with calling(FakeGenesys) as (_, stream, leg):
            await stream.press("7")
            await leg.next_event()
    finally:
        loguru.logger.remove(sink)
    assert not [line for line in lines if "DTMF" in line or "600100200" in line]
    assert "600100200" not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("voicebot"))


@given(st.text(alphabet='sip:@pbx+<>&"', min_size=1, max_size=30), st.text(max_size=20))
def test_twiml_holds_what_it_is_given_as_text(address: str, ref: str) -> None:
    from xml.dom.minidom import parseString

    text = _dial(address, TransferTarget("cards", ref=ref))
    dialled = parseString(text).documentElement
    assert dialled is not None
    assert [each.tagName for each in dialled.childNodes if hasattr(each, "tagName")] in (["Sip"], ["Number"])
