"""What is remembered of a number."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from redis.asyncio import Redis

from tests.voicebot.state.servers import StateServer
from voicebot.state.caller_memory import CallerMemory, Remembered
from voicebot.state.shared import SharedState

NUMBER = "+48600100200"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=ZoneInfo("Europe/Warsaw"))


class Clock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def memory(shared: SharedState, clock: Clock | None = None) -> CallerMemory:
    return CallerMemory(shared, b"key", clock=clock or Clock(NOON))


async def test_preferences_and_the_days_queue_are_remembered_in_every_process(shared: SharedState, other: SharedState) -> None:
    """The next call may come in elsewhere."""
    here, there = memory(shared), memory(other)
    here.prefer(NUMBER, "slow", on=True)
    here.prefer(NUMBER, "keys", on=True)
    here.prefer(NUMBER, "keys", on=False)
    here.put_through(NUMBER, "cards", NOON)
    await shared.flush()
    assert await there.recall(NUMBER) == Remembered(("slow",), "cards")
    assert await there.recall("+48600100201") == Remembered()


async def test_the_queue_is_forgotten_at_local_midnight(shared: SharedState) -> None:
    """ "The same day" is the caller's day, not UTC's."""
    clock = Clock(NOON)
    keeper = memory(shared, clock)
    keeper.put_through(NUMBER, "cards", NOON)
    await shared.flush()
    clock.at = NOON.replace(hour=23, minute=59)
    assert (await keeper.recall(NUMBER)).last_queue == "cards"
    clock.at = NOON.replace(day=24, hour=0, minute=0)
    assert (await keeper.recall(NUMBER)).last_queue is None


async def test_a_preference_taken_back_elsewhere_is_gone_here(shared: SharedState, other: SharedState) -> None:
    """What others wrote later counts."""
    here, there = memory(shared), memory(other)
    here.prefer(NUMBER, "slow", on=True)
    await shared.flush()
    there.prefer(NUMBER, "slow", on=False)
    await other.flush()
    assert await here.recall(NUMBER) == Remembered()


async def test_while_the_server_is_away_a_process_knows_what_it_remembered_itself(
    server: StateServer, shared: SharedState
) -> None:
    """The caller need not say it twice."""
    keeper = memory(shared)
    server.kill()
    keeper.prefer(NUMBER, "slow", on=True)
    keeper.put_through(NUMBER, "cards", NOON)
    assert await keeper.recall(NUMBER) == Remembered(("slow",), "cards")


async def test_a_withheld_number_is_not_remembered(shared: SharedState) -> None:
    """There is nothing to file it under."""
    keeper = memory(shared)
    keeper.prefer(None, "slow", on=True)
    keeper.put_through(None, "cards", NOON)
    assert (shared.pending, await keeper.recall(None)) == (0, Remembered())


async def test_the_server_does_not_learn_the_number(shared: SharedState) -> None:
    """Names are keyed hashes."""
    keeper = memory(shared)
    keeper.prefer(NUMBER, "slow", on=True)
    await shared.flush()

    async def names(redis: Redis) -> list[Any]:
        return cast("list[Any]", await redis.keys("*"))

    stored = await shared.ask(names)
    assert len(stored) == 1
    assert "600100200" not in str(stored)
