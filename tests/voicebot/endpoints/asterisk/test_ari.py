"""Calls by ARI: who calls, where they are sent, and that nobody is lost, whatever breaks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caller_id.types import NumberTrust
from tests.voicebot.endpoints.asterisk.bot import AriBot, running
from tests.voicebot.endpoints.asterisk.fake_asterisk import Channel, WebSocketChannel
from tests.voicebot.endpoints.looking import until
from voicebot.endpoints.asterisk import ari_endpoint
from voicebot.endpoints.asterisk.ari import parse_event
from voicebot.endpoints.asterisk.settings import MediaWay
from voicebot.endpoints.errors import MediaError
from voicebot.endpoints.leg import LegEnded, LegKey, TransferTarget
from voicebot.endpoints.streams.variables import variables_of

CARDS = TransferTarget("cards", ref="r-1", priority=6, segment="private", intent="card_issue", language="pl", call_ref="17000.1")
DEFAULT = ("", "")
"""The next priority behind Stasis."""


def media(bot: AriBot) -> WebSocketChannel:
    assert bot.channel is not None
    (found,) = bot.asterisk.media_of(bot.channel)
    assert isinstance(found, WebSocketChannel)
    return found


def place(bot: AriBot) -> tuple[str, str] | None:
    assert bot.channel is not None
    return bot.channel.place


async def test_who_calls_is_read_from_what_the_trunk_sent() -> None:
    async with running() as bot:
        leg = await bot.leg(
            "+486001001", p_asserted_identity="<sip:+48221234567@trunk>", diversion="<sip:+48800111222@trunk>", x_call_ref="crm-7"
        )
        caller = await bot.endpoint.identify(leg.offer)
        assert (caller.number, caller.trust, caller.dialled) == ("+48221234567", NumberTrust.TRUNK, "802")
        assert caller.diverted_from == "+48800111222"
        assert leg.offer.headers["x-call-ref"] == "crm-7"
        assert leg.offer.steered, "a call that Asterisk keeps is never bridged here"
        assert bot.channel is not None
        assert leg.offer.call_ref == bot.channel.id


@pytest.mark.parametrize("how", ["privacy", "presentation"])
async def test_a_caller_who_hides_is_withheld(how: str) -> None:
    async with running() as bot:
        call = Channel("17.1", "+48600100200", "802", {"p_asserted_identity": "<sip:+48600100200@trunk>"})
        if how == "privacy":
            call.headers["privacy"] = "id"
        else:
            call.variables["pres"] = "prohib_passed_screen"
        bot.asterisk.channels[call.id] = call
        await bot.asterisk.happens("StasisStart", call, args=[])
        leg = await asyncio.wait_for(bot.ringing.get(), 20)
        caller = await bot.endpoint.identify(leg.offer)
        assert caller.withheld
        assert caller.number is None


async def test_a_caller_is_sent_to_the_queue_with_all_that_routes_by() -> None:
    async with running() as bot:
        leg = await bot.answered()
        assert (await leg.transfer(CARDS, 5)).ok
        assert bot.channel is not None
        assert bot.channel.place == ("steer-queues", "cards")
        assert bot.channel.variables == {
            "QUEUE": "cards",
            "QUEUE_PRIO": "6",
            "SEGMENT": "private",
            "INTENT": "card_issue",
            "LANGUAGE": "pl",
            "HANDOFF_REF": "r-1",
            "WHISPER": "pl/card_issue",
        }
        await until(lambda: not bot.asterisk.media and not bot.asterisk.bridges)
        assert not bot.channel.hung_up


async def test_what_is_said_is_heard_to_its_end_before_the_caller_moves() -> None:
    async with running() as bot:
        leg = await bot.answered()
        sound = media(bot)
        leg.write(b"\x00\x10" * 8000)
        assert (await leg.transfer(CARDS, 5)).ok
        assert sound.played.count(b"\x00\x10" * 320) >= 25, "the last sentence was cut"
        assert sound.commands == ["MARK_MEDIA"]


async def test_a_queue_without_an_extension_is_refused_and_the_caller_stays() -> None:
    async with running() as bot:
        leg = await bot.answered()
        outcome = await leg.transfer(TransferTarget("loans"), 5)
        assert (outcome.ok, outcome.reason) == (False, "refused")
        assert place(bot) is None
        assert bot.channel is not None
        await bot.asterisk.press(bot.channel, "5")
        assert await leg.next_event() == LegKey("5"), "and a key that comes twice counts once"
        assert leg._events.empty()


async def test_frames_are_of_twenty_milliseconds_and_a_barge_in_takes_back_what_waits() -> None:
    async with running() as bot:
        leg = await bot.answered()
        sound = media(bot)
        leg.write(b"\x00\x10" * 16000 * 3)
        await until(lambda: len(sound.played) > 6400)
        assert sound.sizes == {640}
        assert len(sound.queue) < 25, "queued far ahead of its time"
        leg.flush()
        await until(lambda: "FLUSH_MEDIA" in sound.commands)
        heard = len(sound.played)
        assert leg.buffered() == 0
        leg.write(b"\x00\x20" * 3200)
        await until(lambda: b"\x00\x20" * 320 in sound.played)
        assert sound.played[heard:].count(b"\x00\x10" * 320) <= 1
        assert not sound.paused


async def test_nothing_is_sent_while_asterisk_takes_no_more() -> None:
    async with running() as bot:
        leg = await bot.answered()
        sound = media(bot)
        await sound.tell("MEDIA_XOFF")
        await bot.asterisk.press(bot.channel, "1")  # type: ignore[arg-type]
        await leg.next_event()
        await until(lambda: leg._playout is not None and not leg._playout._flowing.is_set())
        sound.sizes.clear()
        leg.write(b"\x00\x10" * 8000)
        await asyncio.sleep(0.3)  # that nothing comes cannot be waited for
        assert not sound.sizes
        await sound.tell("MEDIA_XON")
        await until(lambda: len(sound.played) >= 16000)


async def test_sound_before_the_start_is_taken() -> None:
    """Under load MEDIA_START comes late (asterisk#1712)."""
    async with running() as bot:
        bot.asterisk.late_start = True
        leg = await bot.answered()
        await until(leg.read)


class TestNobodyIsLost:
    async def test_when_the_sound_breaks(self) -> None:
        async with running() as bot:
            leg = await bot.answered()
            await media(bot).hang_up()
            await until(lambda: place(bot) == DEFAULT)
            assert await leg.next_event() == LegEnded("failed", "the media connection was closed")

    async def test_when_the_sound_never_comes(self) -> None:
        async with running(connect_s=0.5) as bot:
            bot.asterisk.media_password = "wrong-password-12"
            leg = await bot.leg()
            with pytest.raises(MediaError):
                await leg.answer()
            await until(lambda: place(bot) == DEFAULT)
            assert bot.server.turned_away == 1

    async def test_when_asterisk_refuses_the_sound(self) -> None:
        async with running() as bot:
            bot.asterisk.refuses = {"externalMedia": 500}
            leg = await bot.leg()
            with pytest.raises(Exception, match="refused POST channels with 500"):
                await leg.answer()
            await until(lambda: place(bot) == DEFAULT)

    async def test_when_a_call_is_refused_before_its_answer(self) -> None:
        """Full: the place of a busy tone is the default queue."""
        async with running() as bot:
            leg = await bot.leg()
            await leg.hang_up()
            assert place(bot) == DEFAULT

    async def test_when_the_events_break_and_calls_come_again(self) -> None:
        async with running() as bot:
            await bot.answered()
            first = bot.channel
            assert first is not None
            await bot.asterisk.drop_events()
            await until(lambda: first.place == DEFAULT)
            await until(lambda: bot.asterisk.connections == 2 and bot.endpoint.healthy)
            await bot.answered()
            assert place(bot) is None

    async def test_when_asterisk_is_away_and_comes_back(self) -> None:
        async with running() as bot:
            await bot.asterisk.stop()
            await until(lambda: not bot.endpoint.healthy)
            await bot.asterisk.start()
            await until(lambda: bot.endpoint.healthy)
            await bot.answered()

    async def test_whom_a_process_before_us_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """They wait in the application, and nobody would ever speak to them."""
        monkeypatch.setattr(ari_endpoint, "_ORPHAN_S", 0.1)
        async with running() as bot:
            served = await bot.answered()
            left = Channel("9.9", "+48600100201", "802", {})
            bot.asterisk.channels[left.id] = left
            await bot.asterisk.drop_events()
            await until(lambda: left.place == DEFAULT)
            assert served.ended.is_set()

    async def test_when_the_service_stops(self) -> None:
        async with running() as bot:
            await bot.answered()
            await bot.endpoint.close()
            assert place(bot) == DEFAULT

    async def test_while_it_drains(self) -> None:
        async with running() as bot:
            await bot.answered()
            live = bot.channel
            assert live is not None
            assert not await bot.endpoint.drain(0.05)
            new = await bot.asterisk.call()
            await until(lambda: new.place == DEFAULT)
            assert live.place is None
            assert bot.endpoint.counts.refused == 1

    async def test_when_serving_breaks(self) -> None:
        async with running() as bot:

            async def broken(*_: Any) -> None:
                raise RuntimeError("broken")

            bot.endpoint.serve = broken
            call = await bot.asterisk.call()
            await until(lambda: call.place == DEFAULT)
            await until(lambda: bot.endpoint.counts.live == 0)

    async def test_when_a_call_lasts_too_long(self) -> None:
        async with running(max_call_s=0.2) as bot:
            leg = await bot.answered()
            assert await leg.next_event() == LegEnded("max_length")
            assert place(bot) == DEFAULT


async def test_a_goodbye_hangs_up() -> None:
    async with running() as bot:
        leg = await bot.answered()
        await leg.hang_up()
        await until(lambda: bot.channel is not None and bot.channel.hung_up)
        assert place(bot) is None
        await until(lambda: not bot.asterisk.bridges and not bot.asterisk.media)


async def test_calls_beside_one_another_keep_their_sound_apart() -> None:
    async with running() as bot:
        legs = [await bot.answered() for _ in range(5)]
        sounds = [next(iter(bot.asterisk.media_of(bot.asterisk.channels[leg.offer.call_ref]))) for leg in legs]
        for number, leg in enumerate(legs, 1):
            leg.write(bytes([number, 0]) * 3200)
        for number, sound in enumerate(sounds, 1):
            await until(lambda sound=sound: len(sound.played) >= 6400)  # type: ignore[misc]
            assert set(sound.played) == {0, number}


ODD = [
    "",
    "no json",
    "[]",
    "{}",
    '{"type": 7}',
    '{"type": "StasisStart"}',
    '{"type": "StasisStart", "channel": "x"}',
    '{"type": "StasisEnd", "channel": {"id": "nobody"}}',
    '{"type": "ChannelDtmfReceived", "channel": {"id": "nobody"}, "digit": "5"}',
    '{"type": "ChannelHold", "channel": {"id": ["x"]}}',
    "[" * 100_000,
]


async def test_events_that_are_none_and_those_of_unknown_channels_change_nothing() -> None:
    async with running() as bot:
        leg = await bot.answered()
        for text in ODD:
            await bot.asterisk.tell(text)
        assert bot.channel is not None
        for digit in ("A", "55", "", "\x07"):
            await bot.asterisk.happens("ChannelDtmfReceived", bot.channel, digit=digit)
        await bot.asterisk.press(bot.channel, "3")
        assert await leg.next_event() == LegKey("3")
        assert bot.endpoint.counts.live == 1
        assert bot.asterisk.connections == 1


async def test_an_event_beyond_all_size_costs_the_connection_alone() -> None:
    async with running() as bot:
        await bot.asterisk.tell(json.dumps({"type": "x" * 2_000_000}))
        await until(lambda: bot.asterisk.connections == 2 and bot.endpoint.healthy)
        await bot.answered()


async def test_audiosocket_carries_sound_at_sixteen_kilohertz() -> None:
    async with running(MediaWay.AUDIOSOCKET) as bot:
        leg = await bot.answered()
        assert leg.sample_rate == 16000
        assert bot.channel is not None
        (sound,) = bot.asterisk.media_of(bot.channel)
        leg.write(b"\x00\x10" * 3200)
        await until(lambda: len(sound.played) >= 6400)
        assert sound.sizes == {640}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "channel", "id", "caller", "x"]), inner),
    max_leaves=12,
)


@given(JSON)
def test_whatever_json_comes_is_an_event_or_none(said: Any) -> None:
    event = parse_event(json.dumps(said))
    assert event is None or isinstance(event.type, str)


@given(st.binary(max_size=200))
def test_whatever_octets_come_are_an_event_or_none(octets: bytes) -> None:
    parse_event(octets)


@given(st.text(), st.text(), st.text(max_size=3))
def test_no_variable_holds_more_than_a_word(segment: str, intent: str, language: str) -> None:
    """Neither a comma nor anything else that a dialplan reads as more."""
    target = TransferTarget("cards", segment=segment, intent=intent, language=language, ref="r")
    for value in variables_of(target).values():
        assert not set(value) & set(",;|&${}[]()\"'\\\n\r\x00\x1b ")
