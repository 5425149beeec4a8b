"""Live switches and waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from tests.voicebot.state.servers import StateServer, connect
from voicebot.state.conditions import ConditionsBoard, SwitchKind, SwitchSetting
from voicebot.state.shared import SharedState

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def surge(*, on: bool = True, until: datetime | None = None, when: datetime = NOW) -> SwitchSetting:
    return SwitchSetting(SwitchKind.SURGE, on, "anna", when, why="outage", until=until)


def closure(queue: str, *, on: bool = True, when: datetime = NOW) -> SwitchSetting:
    return SwitchSetting(SwitchKind.CLOSURE, on, "anna", when, queue=queue)


async def test_a_switch_holds_here_at_once_and_elsewhere_after_a_reading(shared: SharedState, other: SharedState) -> None:
    """Every process steers by the same switches."""
    here, there = ConditionsBoard(shared), ConditionsBoard(other)
    here.set_switch(surge())
    assert here.snapshot.holding(NOW) == [surge()]
    await shared.flush()
    assert await there.refresh()
    assert there.snapshot.holding(NOW) == [surge()]


async def test_switches_of_different_places_stand_beside_each_other(shared: SharedState) -> None:
    """A surge, and two queues closed; one is opened again."""
    board = ConditionsBoard(shared)
    for setting in (surge(), closure("cards"), closure("loans"), closure("cards", on=False)):
        board.set_switch(setting)
    await shared.flush()
    await board.refresh()
    assert {(each.kind.value, each.queue) for each in board.snapshot.holding(NOW)} == {("surge", ""), ("closure", "loans")}


async def test_a_switch_with_an_end_takes_itself_back(shared: SharedState) -> None:
    """Nobody has to remember in the evening."""
    board = ConditionsBoard(shared)
    board.set_switch(surge(until=NOW + timedelta(hours=1)))
    assert board.snapshot.holding(NOW + timedelta(minutes=59))
    assert not board.snapshot.holding(NOW + timedelta(hours=1))


async def test_only_fresh_waits_are_told(shared: SharedState, other: SharedState) -> None:
    """An announced wait must have a figure behind it."""
    board, there = ConditionsBoard(shared), ConditionsBoard(other)
    board.set_wait("cards", 240.0, NOW)
    board.set_wait("loans", 60.0, NOW - timedelta(minutes=10))
    assert board.snapshot.waits(NOW) == {"cards": 240.0}
    await shared.flush()
    await there.refresh()
    assert there.snapshot.waits(NOW) == {"cards": 240.0}


async def test_the_dialogue_is_told_in_its_own_words(shared: SharedState) -> None:
    """Waits by queue, switches with who and since when."""
    board = ConditionsBoard(shared)
    board.set_switch(closure("cards"))
    board.set_wait("loans", 60.0, NOW)
    told = board.snapshot.for_dialogue(NOW)
    assert told.waits == (("loans", 60.0),)
    assert [(each.name, each.queue, each.who, each.since) for each in told.switches] == [
        ("closure", "cards", "anna", NOW.isoformat())
    ]


async def test_the_last_snapshot_holds_while_the_server_is_away(server: StateServer, shared: SharedState) -> None:
    """And a switch set meanwhile holds here, survives readings, and is everybody's when the server is back."""
    board = ConditionsBoard(shared)
    board.set_switch(surge())
    await shared.flush()
    server.kill()
    assert not await board.refresh()
    assert board.snapshot.holding(NOW) == [surge()]
    board.set_switch(closure("cards"))
    assert len(board.snapshot.holding(NOW)) == 2
    server.start_again()
    await shared.flush()
    async with asyncio.timeout(10):
        while not await board.refresh():
            await asyncio.sleep(0.005)
    # the restarted server had lost the surge; what was written meanwhile is there
    assert closure("cards") in board.snapshot.holding(NOW)


async def test_a_reading_does_not_undo_what_was_set_here_and_is_not_written_yet(server: StateServer, shared: SharedState) -> None:
    """The reading may overtake the writing."""
    never_writes = connect(server)  # not started
    board = ConditionsBoard(never_writes)
    board.set_switch(surge())
    assert await board.refresh()
    assert board.snapshot.holding(NOW) == [surge()]
    await never_writes.close()


async def test_a_newer_setting_of_another_process_wins_over_an_older_one_of_ours(shared: SharedState, other: SharedState) -> None:
    """Who set it last decides."""
    here, there = ConditionsBoard(shared), ConditionsBoard(other)
    here.set_switch(surge())
    await shared.flush()
    there.set_switch(surge(on=False, when=NOW + timedelta(minutes=5)))
    await other.flush()
    await here.refresh()
    assert here.snapshot.holding(NOW + timedelta(minutes=6)) == []


async def test_the_history_says_who_set_what_newest_first(shared: SharedState) -> None:
    """For the morning after."""
    board = ConditionsBoard(shared)
    first, second = surge(), surge(on=False, when=NOW + timedelta(hours=1))
    board.set_switch(first)
    await shared.flush()
    board.set_switch(second)
    await shared.flush()
    assert await board.history() == [second, first]


async def test_data_that_cannot_be_read_leave_the_last_snapshot(shared: SharedState) -> None:
    """Another version's, or a person's with a console."""
    board = ConditionsBoard(shared)
    board.set_switch(surge())
    await shared.flush()
    shared.write_later("bad", lambda pipeline: pipeline.hset("voicebot:switches", "closure:x", "{}"))
    await shared.flush()
    assert not await board.refresh()
    assert board.snapshot.holding(NOW) == [surge()]


async def test_it_reads_in_the_background(shared: SharedState, other: SharedState) -> None:
    """A call only looks at the snapshot."""
    here, there = ConditionsBoard(shared), ConditionsBoard(other)
    await there.start()
    here.set_switch(surge())
    async with asyncio.timeout(10):
        while not there.snapshot.holding(NOW):
            await asyncio.sleep(0.01)
    await there.close()
