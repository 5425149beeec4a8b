"""Legs that live: served, waited for and ended, whatever becomes of one of them."""

from __future__ import annotations

import asyncio
import logging

import pytest

from voicebot.endpoints.leg import CallOffer
from voicebot.endpoints.live_legs import LiveLegs

DEADLINE_S = 10.0


class Leg:
    """A leg that only ends."""

    def __init__(self, name: str = "c1") -> None:
        self.offer = CallOffer(name, "sip:a@b", "sip:c@d")
        self.ended = asyncio.Event()
        self.causes: list[str] = []
        self.released = 0

    async def end(self, cause: str) -> None:
        self.causes.append(cause)
        self.ended.set()

    async def release(self) -> None:
        self.released += 1

    async def served(self) -> None:
        await self.ended.wait()


async def test_a_leg_lives_until_it_is_released() -> None:
    live, leg, after = LiveLegs[Leg]("test"), Leg(), asyncio.Event()
    assert await live.none_left(0)
    live.serve(leg, leg.served(), after.set)
    assert (len(live), list(live)) == (1, [leg])
    assert not await live.none_left(0.01)
    leg.ended.set()
    assert await live.none_left(DEADLINE_S)
    assert (len(live), leg.released, after.is_set()) == (0, 1, True)


async def test_what_breaks_in_serving_is_logged_and_ends_the_call(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks() -> None:
        raise RuntimeError("broken")

    live, leg = LiveLegs[Leg]("test"), Leg()
    with caplog.at_level(logging.ERROR):
        live.serve(leg, breaks())
        assert await live.none_left(DEADLINE_S)
    assert leg.causes == ["failed"]
    assert "serving a call failed" in caplog.text


async def test_a_release_that_breaks_leaves_no_leg_behind(caplog: pytest.LogCaptureFixture) -> None:
    class Unreleased(Leg):
        async def release(self) -> None:
            raise OSError("gone")

    live, leg = LiveLegs[Leg]("test"), Unreleased()
    leg.ended.set()
    live.serve(leg, leg.served())
    assert await live.none_left(DEADLINE_S)
    assert "not released in order" in caplog.text


async def test_all_end_at_once_when_the_endpoint_closes() -> None:
    live, legs = LiveLegs[Leg]("test"), [Leg(f"c{number}") for number in range(20)]
    for leg in legs:
        live.serve(leg, leg.served())
    await live.close()
    assert all(leg.causes[0] == "shutdown" and leg.released for leg in legs)
    assert len(live) == 0
    await live.close()
