"""One press is one key, whichever ways the far end sends it (RFC 4733, RFC 6086), and odd events are no keys."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of, next_event
from tests.voicebot.endpoints.sip.sip_probe import PCMA, Probe
from voicebot.endpoints.leg import LegEnded, LegKey
from voicebot.endpoints.sip.presses import SAME_PRESS_S, TRACE_LAG_S, KeyPresses

WITH_EVENTS = (*PCMA, "101 telephone-event/8000")


def info(probe: Probe, key: str) -> None:
    body = f"Signal={key}\r\nDuration=160\r\n"
    probe.send(probe.request("INFO", body=body, headers=("Content-Type: application/dtmf-relay",)))


def event(probe: Probe, number: int) -> None:
    """One RFC 4733 event by its number."""
    for at, (end, duration) in enumerate([(0, 160), (0, 320), (1, 480), (1, 480), (1, 480)]):
        probe._rtp(101, struct.pack("!BBH", number, end << 7 | 10, duration), marker=at == 0)
    probe._timestamp += 640


@pytest.mark.parametrize("number", [12, 13, 14, 15, 16, 40, 255])
async def test_an_event_that_is_no_key_is_passed_over_and_the_call_goes_on(
    start_bot: StartBot, open_probe: OpenProbe, number: int
) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer(WITH_EVENTS))
    event(probe, number)
    probe.press("5", 101)
    assert await next_event(leg) == LegKey("5")
    await probe.bye()
    assert (await end_of(leg)).cause == "hangup"


async def test_an_info_with_a_key_that_no_telephone_has_is_passed_over(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    for key in "AD5":
        info(probe, key)
        assert (await probe.final("INFO")).status == 200
    assert await next_event(leg) == LegKey("5")
    await probe.bye()


@pytest.mark.parametrize("first", ["info", "event"])
async def test_a_press_sent_both_ways_counts_once(start_bot: StartBot, open_probe: OpenProbe, first: str) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer(WITH_EVENTS))
    for key in "1172":
        if first == "info":
            info(probe, key)
            await probe.final("INFO")
            probe.press(key, 101)
        else:
            probe.press(key, 101)
            info(probe, key)
            await probe.final("INFO")
    assert [await next_event(leg) for _ in range(4)] == [LegKey(key) for key in "1172"]
    await probe.bye()
    assert isinstance(await next_event(leg), LegEnded), "a key was reported twice"


@pytest.mark.parametrize("key", ["", "A", "12", "x", " "])
def test_a_key_is_one_of_the_keypad(key: str) -> None:
    with pytest.raises(ValueError, match="no key of a telephone"):
        LegKey(key)


class Line:
    """Feeds a `KeyPresses` as the stack and its trace would."""

    def __init__(self) -> None:
        self.presses = KeyPresses()
        self.pressed: list[str] = []

    def at(self, now: float) -> None:
        self.pressed += self.presses.certain(now)

    def report(self, key: str, now: float) -> None:
        self.at(now)
        self.pressed += self.presses.reported(key, now)

    def info(self, key: str, now: float) -> None:
        self.at(now)
        self.pressed += self.presses.info_seen(key, now)


keys = st.lists(st.sampled_from("12#"), max_size=12)


@given(keys, st.floats(0.06, 1.0))
def test_presses_by_one_way_alone_all_count(pressed: list[str], gap: float) -> None:
    line = Line()
    for number, key in enumerate(pressed):
        line.report(key, number * gap)
    line.at(len(pressed) * gap + 10)
    assert line.pressed == pressed


@given(keys, st.floats(0.3, 1.0), st.floats(0.0, 0.25), st.floats(0.0, TRACE_LAG_S * 0.9), st.booleans())
def test_presses_by_both_ways_count_once(pressed: list[str], gap: float, apart: float, lag: float, info_first: bool) -> None:
    line = Line()
    moments: list[tuple[float, int, str]] = []  # time, 0 report / 1 trace, key
    for number, key in enumerate(pressed):
        first, second = number * gap, number * gap + apart
        moments += [(first, 0, key), (second, 0, key), ((first if info_first else second) + lag, 1, key)]
    for now, what, key in sorted(moments, key=lambda moment: moment[0]):
        if what:
            line.info(key, now)
        else:
            line.report(key, now)
    line.at(len(pressed) * gap + 10)
    assert sorted(line.pressed) == sorted(pressed)


@given(keys, st.floats(0.3, 1.0), st.floats(0.0, 0.9))
def test_presses_by_info_alone_all_count_however_late_the_trace(pressed: list[str], gap: float, lag: float) -> None:
    line = Line()
    moments = [(number * gap, 0, key) for number, key in enumerate(pressed)]
    moments += [(number * gap + lag, 1, key) for number, key in enumerate(pressed)]
    for now, what, key in sorted(moments):
        line.info(key, now) if what else line.report(key, now)
    line.at(len(pressed) * gap + 10)
    assert sorted(line.pressed) == sorted(pressed)


def test_an_info_alone_presses_nothing() -> None:
    """The stack may have refused it, or it was of no call."""
    line = Line()
    line.info("1", 0.0)
    line.at(5.0)
    assert line.pressed == []


def test_long_after_a_press_the_same_key_counts_anew() -> None:
    line = Line()
    line.report("1", 0.0)
    line.info("1", 0.05)
    line.report("1", SAME_PRESS_S + 1)
    assert line.pressed == ["1", "1"]
