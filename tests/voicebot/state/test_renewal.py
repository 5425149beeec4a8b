"""Leases are renewed whatever happens to one of them."""

from __future__ import annotations

import asyncio

from tests.voicebot.state.stepping import Stepping
from voicebot.state.renewal import Renewal


async def test_a_renewal_that_raises_does_not_end_those_that_follow() -> None:
    """Else the calls of a process that lives would disappear from every screen."""
    stepping = Stepping()
    renewal = Renewal("test", pause=stepping.pause)
    calls = 0

    def renew() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ZeroDivisionError

    renewal.start(renew)
    await stepping.step()
    await stepping.step()
    assert calls == 2
    await renewal.close()


async def test_closing_ends_the_task_and_can_be_done_twice() -> None:
    """Nothing outlives whoever started it."""
    before = asyncio.all_tasks()
    renewal = Renewal("test")
    renewal.start(lambda: None)
    renewal.start(lambda: None)
    assert len(asyncio.all_tasks() - before) == 1
    await renewal.close()
    await renewal.close()
    assert asyncio.all_tasks() == before
