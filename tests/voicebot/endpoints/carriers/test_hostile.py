"""What carriers, or whoever has their key, do wrong on the wire: no caller is left with silence, and no other call is touched."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.voicebot.endpoints.carriers.fake_carriers import (
    GENESYS_KEY,
    Bot,
    FakeGenesys,
    FakeTelnyx,
    FakeTwilio,
    JsonStream,
    Stream,
)
from tests.voicebot.endpoints.carriers.test_carriers import CARDS, DEADLINE_S, KINDS, calling, listening
from tests.voicebot.endpoints.looking import until
from voicebot.endpoints.leg import LegEnded

DEFAULT = "sip:general@pbx"


def told_default(bot: Bot, call: str) -> bool:
    """Whether the carrier was asked to put this call through to the default queue."""
    return any(call in path and DEFAULT in "".join(body.values()) for path, body in bot.asked)


class Altered:
    """Changes the first message that opens a call."""

    altered: dict[str, Any]

    async def send(self, message: dict[str, Any] | str | bytes) -> None:
        if isinstance(message, dict) and message.get("event") == "start":
            message["start"] |= self.altered
        elif isinstance(message, dict) and message.get("type") == "open":
            message["parameters"] |= self.altered
        await super().send(message)  # type: ignore[misc]


@pytest.mark.parametrize("kind", [FakeTwilio, FakeTelnyx])
async def test_a_carrier_that_vanishes_is_asked_for_the_default_queue(kind: type[JsonStream]) -> None:
    """Nothing said that the call ended: the caller may still be there, and hear nobody."""
    async with calling(kind) as (bot, stream, leg):
        assert stream.connection is not None
        stream.connection.transport.abort()
        assert await asyncio.wait_for(leg.next_event(), DEADLINE_S) == LegEnded(
            "failed", "the carrier's connection broke: without a word"
        )
        assert told_default(bot, stream.named.get("call", "CA1" if kind is FakeTwilio else "v3:1"))


@pytest.mark.parametrize("kind", [FakeTwilio, FakeTelnyx])
async def test_a_huge_message_ends_the_stream_and_not_the_caller(kind: type[JsonStream]) -> None:
    async with calling(kind) as (bot, stream, leg):
        await stream.send(json.dumps({"event": "media", "media": {"payload": "A" * 200_000}}))
        assert isinstance(ended := await asyncio.wait_for(leg.next_event(), DEADLINE_S), LegEnded)
        assert ended.cause == "failed"
        assert told_default(bot, "CA1" if kind is FakeTwilio else "v3:1")


@pytest.mark.parametrize("kind", [FakeTwilio, FakeTelnyx])
async def test_a_carrier_that_says_stop_is_believed(kind: type[JsonStream]) -> None:
    async with calling(kind) as (bot, stream, leg):
        await stream.send({**stream.named, "event": "stop"})
        assert isinstance(ended := await asyncio.wait_for(leg.next_event(), DEADLINE_S), LegEnded)
        assert (ended.cause, bot.asked) == ("hangup", [])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_second_start_changes_nothing(kind: type[Stream]) -> None:
    """Or a stream could steer another's call."""
    async with calling(kind) as (bot, stream, leg):
        again = {"streamSid": "MZ2", "callSid": "CA2", "call_control_id": "v3:2", "media_format": {"encoding": "PCMU"}}
        await stream.send({"event": "start", "streamSid": "MZ2", "stream_id": "32df", "start": again})
        if isinstance(stream, FakeGenesys):
            await stream.tell("open", conversationId="other", participant={}, media=[])
        await until(leg.read)
        assert (await leg.transfer(CARDS, 5)).ok
        assert not [path for path, _ in bot.asked if "CA2" in path or "v3:2" in path]
        assert bot.endpoint.counts.live == 1 or leg.ended.is_set()
        assert bot.ringing.empty()


@pytest.mark.parametrize(
    ("kind", "altered"),
    [
        (FakeTwilio, {"mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 16000}}),
        (FakeTwilio, {"mediaFormat": {"encoding": "audio/opus", "sampleRate": 8000}}),
        (FakeTelnyx, {"media_format": {"encoding": "PCMU", "sample_rate": 16000}}),
        (FakeTelnyx, {"media_format": {"encoding": "OPUS", "sample_rate": 8000}}),
    ],
)
async def test_sound_that_is_not_ours_goes_to_the_default_queue_at_once(kind: type[JsonStream], altered: dict[str, Any]) -> None:
    async with listening() as bot:
        stream = type("Other", (Altered, kind), {"altered": altered})(bot)
        await stream.open()
        await asyncio.wait_for(stream.closed.wait(), DEADLINE_S)
        assert told_default(bot, "CA1" if kind is FakeTwilio else "v3:1")
        assert bot.ringing.empty()
        await stream.close()


async def test_genesys_without_sound_of_ours_is_disconnected_without_a_queue() -> None:
    async with listening() as bot:
        offered = [{"type": "audio", "format": "L16", "channels": ["external"], "rate": 16000}]
        stream = type("Other", (Altered, FakeGenesys), {"altered": {"media": offered}})(bot)
        with pytest.raises(AssertionError):  # it is not opened
            await stream.open()
        await until(lambda: stream.variables is not None)
        assert stream.variables == {"action": "transfer", "QUEUE": ""}
        assert bot.ringing.empty()
        await stream.close()


@pytest.mark.parametrize("kind", [FakeTwilio, FakeTelnyx])
async def test_sound_before_the_start_is_nobody_s(kind: type[JsonStream]) -> None:
    class Hasty(kind):  # type: ignore[misc, valid-type]
        async def send(self, message: dict[str, Any] | str | bytes) -> None:
            if isinstance(message, dict) and message.get("event") == "start":
                await self.speak()
                await super().send(b"\xff" * 160)
            await super().send(message)

    async with calling(Hasty) as (_, _, leg):
        await until(leg.read)


async def test_a_name_that_is_no_call_s_begins_none() -> None:
    class Long(FakeTwilio):
        call = "C" * 5000

    async with listening() as bot:
        stream = Long(bot)
        await stream.open()
        await asyncio.wait_for(stream.closed.wait(), DEADLINE_S)
        assert bot.ringing.empty()
        await stream.close()


async def test_a_header_that_is_no_text_is_a_stranger_s() -> None:
    async with listening() as bot:
        reader, writer = await asyncio.open_connection("127.0.0.1", bot.endpoint.port)
        ours = "GET /genesys HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        writer.write(f"{ours}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-API-KEY: ".encode() + b"\xff\xfe\r\n\r\n")
        assert b"401" in await asyncio.wait_for(reader.readline(), DEADLINE_S)
        assert bot.endpoint.counts.turned_away == 1
        writer.close()


async def test_more_calls_at_once_than_may_be_go_to_the_default_queue() -> None:
    """All of them are let in before the first of them is a call."""
    async with listening() as bot:
        bot.endpoint._max_calls = 5
        streams = [type("Numbered", (FakeTwilio,), {"call": f"CA{number}x"})(bot) for number in range(16)]
        opened = await asyncio.gather(*(stream.open() for stream in streams), return_exceptions=True)
        refused = sum(isinstance(each, InvalidStatus) for each in opened)
        assert {type(each) for each in opened} <= {type(None), InvalidStatus}
        await until(lambda: bot.ringing.qsize() + refused + sum(told_default(bot, f"/CA{n}x.") for n in range(16)) == 16)
        assert (bot.ringing.qsize(), bot.endpoint.counts.live) == (5, 5)
        for stream in streams:
            await stream.close()


async def test_genesys_key_given_twice_is_no_key() -> None:
    async with listening() as bot:
        twice = [("X-API-KEY", GENESYS_KEY), ("X-API-KEY", "other")]
        with pytest.raises(InvalidStatus, match="401"):
            await connect(f"ws://127.0.0.1:{bot.endpoint.port}/genesys", additional_headers=twice, proxy=None)
