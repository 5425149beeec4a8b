"""A process that has too much to do: what calls that come get, and that it goes over."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from caller_id.types import Caller
from tests.voicebot.calls.test_whole_calls import CALLER, speaks, world
from tests.voicebot.endpoints.memory_leg import MemoryLeg
from voicebot.calls.load import LoadLevel, LoadMeter, LoadSampler
from voicebot.conversation.limits import LoadLimits
from voicebot.endpoints.leg import CallOffer
from voicebot.state.shared import SharedState

LIMITS = LoadLimits(over_s=10, calm_s=20)


class Loaded:
    """A meter and its clock."""

    def __init__(self, limits: LoadLimits = LIMITS) -> None:
        self.now = 0.0
        self.meter = LoadMeter(limits, clock=lambda: self.now)

    def lag(self, ms: float, seconds: float) -> LoadLevel:
        """So late for so long, measured every 0.1 s; the level then."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.meter.lagged(ms / 1000)
        return self.meter.level

    def at(self, level: LoadLevel) -> LoadMeter:
        while self.meter.level < level:
            self.lag(5000, 1)
        return self.meter


@pytest.mark.parametrize(
    ("ms", "level"), [(200, LoadLevel.NORMAL), (300, LoadLevel.KEYS_ONLY), (600, LoadLevel.QUEUE), (1500, LoadLevel.REFUSE)]
)
def test_the_level_goes_by_how_late_the_loop_is(ms: float, level: LoadLevel) -> None:
    assert Loaded().lag(ms, 100) is level


def test_it_rises_step_by_step_and_never_for_a_moment() -> None:
    """A pause of the machine is no overload."""
    loaded = Loaded()
    assert loaded.lag(5, 30) is LoadLevel.NORMAL
    assert loaded.lag(5000, 0.4) is LoadLevel.NORMAL
    assert loaded.lag(5, 30) is LoadLevel.NORMAL
    seen = [loaded.lag(5000, 1) for _ in range(40)]
    assert list(dict.fromkeys(seen)) == list(LoadLevel)
    assert seen.count(LoadLevel.KEYS_ONLY) >= 9


def test_one_long_stop_of_the_machine_is_no_overload() -> None:
    """A virtual machine that was moved, at the start and later."""
    loaded = Loaded()
    for _ in range(3):
        loaded.now += 60
        loaded.meter.lagged(60)
        assert loaded.lag(5, 30) is LoadLevel.NORMAL


def test_a_loop_that_is_blocked_for_longer_than_the_window_each_time_is_judged() -> None:
    loaded = Loaded()
    for _ in range(20):
        loaded.now += 8
        loaded.meter.lagged(8)
    assert loaded.meter.level is LoadLevel.REFUSE


def test_it_falls_step_by_step_and_does_not_flutter() -> None:
    """Just under the threshold that was passed is not calm yet."""
    loaded = Loaded()
    loaded.at(LoadLevel.KEYS_ONLY)
    assert loaded.lag(200, 300) is LoadLevel.KEYS_ONLY
    assert loaded.lag(5, 40) is LoadLevel.NORMAL
    loaded.at(LoadLevel.REFUSE)
    seen = [loaded.lag(5, 1) for _ in range(100)]
    assert list(dict.fromkeys(seen)) == list(reversed(LoadLevel))


def test_turns_without_a_recogniser_leave_new_calls_the_keys() -> None:
    loaded = Loaded()
    for _ in range(300):
        loaded.meter.recognised("busy")
        loaded.meter.recognised("ok")
        loaded.lag(5, 0.1)
    assert loaded.meter.level is LoadLevel.KEYS_ONLY
    assert loaded.lag(5, 60) is LoadLevel.NORMAL


def test_it_can_be_turned_off_and_thresholds_are_in_order() -> None:
    assert Loaded(LoadLimits(enabled=False)).lag(5000, 100) is LoadLevel.NORMAL
    with pytest.raises(ValidationError, match="each must be at least the one before"):
        LoadLimits(keys_only_lag_ms=400, queue_lag_ms=300)


async def test_a_loop_that_is_blocked_is_measured() -> None:
    """Really blocked, not told so."""
    meter = LoadMeter(LoadLimits(keys_only_lag_ms=100, queue_lag_ms=60_000, refuse_lag_ms=60_000, over_s=5, calm_s=1))
    sampler = LoadSampler(meter)
    await sampler.start()
    async with asyncio.timeout(60):
        while meter.level is LoadLevel.NORMAL:
            time.sleep(0.3)
            await asyncio.sleep(0)
    await sampler.close()


async def test_a_call_under_load_is_served_with_keys(shared: SharedState, tmp_path: Path) -> None:
    """And told so; the recogniser is spared."""
    meter = Loaded().at(LoadLevel.KEYS_ONLY)
    async with world(shared, tmp_path, load=meter) as calls:
        lines = await calls.call(lambda leg: leg.press("1"))
    (started,) = [line for line in lines if line.get("type") == "CallStarted"]
    assert "recogniser" in started["without"]
    assert lines[-1]["outcome"] == "handed_over"


async def test_a_call_under_heavy_load_goes_to_the_default_queue_at_once(shared: SharedState, tmp_path: Path) -> None:
    meter = Loaded().at(LoadLevel.QUEUE)
    async with world(shared, tmp_path, load=meter) as calls:
        lines = await calls.call()
        assert calls.leg.transferred_to == ["general"]
    (handed,) = [line for line in lines if line.get("type") == "HandOff"]
    assert handed["reason"] == "overload"
    assert lines[-1]["outcome"] == "handed_over"


async def test_a_call_too_many_is_refused_and_counted_and_those_inside_go_on(shared: SharedState, tmp_path: Path) -> None:
    loaded = Loaded()
    async with world(shared, tmp_path, load=loaded.meter) as calls:

        async def another_comes(leg: MemoryLeg) -> None:
            loaded.at(LoadLevel.REFUSE)
            late = MemoryLeg()

            async def identify(offer: CallOffer) -> Caller:
                return CALLER

            await calls.server.serve(late, identify)
            assert late.hung_up.is_set()
            assert not late.answered.is_set()

        lines = await calls.call(another_comes, speaks)
        told = calls.services.session.metrics.render()
    assert lines[-1]["outcome"] == "handed_over", "whoever was there is served to the end"
    assert 'voicebot_calls_refused_total{reason="overloaded"} 1.0' in told
