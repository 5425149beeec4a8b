"""Switches outlive whatever dies: either store suffices, and what one has lost it is told by the other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from tests.voicebot.state.servers import StateServer, back
from voicebot.identity.audit_table import AuditTable
from voicebot.records.engine import open_engine
from voicebot.state.conditions import LiveConditionsStore, SwitchKind, SwitchSetting
from voicebot.state.shared import SharedState
from voicebot.switches.board import Kept, SwitchBoard

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
CLOSED = SwitchSetting(SwitchKind.CLOSURE, True, "anna", NOW, queue="cards", why="flood")
OPEN = replace(CLOSED, on=False, who="jan", when=NOW + timedelta(minutes=5), why="")
ENDED = replace(CLOSED, queue="loans", until=NOW + timedelta(minutes=1))


def in_audit(engine: Engine) -> list[str]:
    table = AuditTable(engine.url.render_as_string(hide_password=False))
    try:
        return [line.note.what for line in table.latest(100, what="switch.")]
    finally:
        table.close()


async def forget(shared: SharedState, conditions: LiveConditionsStore) -> None:
    await shared.flush()
    await conditions.refresh()
    await shared.ask(lambda redis: cast("Any", redis.flushall()))


async def test_a_state_server_that_came_back_empty_is_told_by_whichever_process_is_there(
    engine: Engine, shared: SharedState, other: SharedState
) -> None:
    here, there = LiveConditionsStore(shared), LiveConditionsStore(other)
    console, calls = SwitchBoard(engine, here), SwitchBoard(engine, there)
    for setting in (CLOSED, ENDED):
        assert await console.order(setting) is Kept.WHOLLY
    await forget(shared, here)
    for conditions in (here, there):
        assert await conditions.refresh()
        assert conditions.snapshot.holding(NOW) == []
    later = NOW + timedelta(minutes=2)
    assert await calls.agree(later) == 1
    assert await calls.agree(later) == 0
    await other.flush()
    await here.refresh()
    assert [here.snapshot.holding(later), there.snapshot.holding(later)] == [[CLOSED], [CLOSED]]
    assert in_audit(engine) == ["switch.set"] * 2, "nobody ordered anything again"


async def test_a_state_server_that_comes_back_with_old_data_closes_nothing_again(
    engine: Engine, shared: SharedState, other: SharedState
) -> None:
    here, there = LiveConditionsStore(shared), LiveConditionsStore(other)
    console, calls = SwitchBoard(engine, here), SwitchBoard(engine, there)
    await console.order(CLOSED)
    await console.order(OPEN)
    await shared.flush()
    LiveConditionsStore(other).know(CLOSED)
    await other.flush()
    await there.refresh()
    assert there.snapshot.holding(NOW) == [CLOSED]
    assert await calls.agree(NOW) == 1
    await other.flush()
    await here.refresh()
    assert here.snapshot.holding(NOW) == there.snapshot.holding(NOW) == []


async def test_what_a_dying_process_told_the_state_server_alone_is_in_the_history_and_the_audit_trail_once(
    engine: Engine, shared: SharedState, other: SharedState
) -> None:
    LiveConditionsStore(shared).set_switch(CLOSED)
    await shared.flush()
    there = LiveConditionsStore(other)
    await there.refresh()
    boards = [SwitchBoard(engine, there) for _ in range(4)]
    await asyncio.gather(*(each.agree(NOW) for each in boards))
    assert await boards[0].history() == [CLOSED]
    assert in_audit(engine) == ["switch.set"]


async def test_of_two_orders_at_once_all_processes_and_both_stores_keep_the_later(
    engine: Engine, shared: SharedState, other: SharedState
) -> None:
    """They arrive in one store in this order, and in the other in that."""
    here, there = LiveConditionsStore(shared), LiveConditionsStore(other)
    console, web = SwitchBoard(engine, here), SwitchBoard(engine, there)
    await console.order(OPEN)
    await web.order(CLOSED)
    await asyncio.gather(shared.flush(), other.flush())
    for board, conditions in ((console, here), (web, there)):
        await conditions.refresh()
        await board.agree(NOW)
    await asyncio.gather(shared.flush(), other.flush())
    for conditions in (here, there):
        await conditions.refresh()
        assert conditions.snapshot.holding(NOW) == []
    assert await console.agree(NOW) == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_with_the_state_server_away_the_database_tells_and_with_both_away_nobody_is_told_that_it_holds(
    engine: Engine, server: StateServer, shared: SharedState, other: SharedState
) -> None:
    server.kill()
    here, there = LiveConditionsStore(shared), LiveConditionsStore(other)
    console, calls = SwitchBoard(engine, here), SwitchBoard(engine, there)
    assert await console.order(replace(CLOSED, why="601 234 567 told us")) is Kept.WHOLLY
    assert await calls.agree(NOW) == 1
    assert there.snapshot.holding(NOW) == [replace(CLOSED, why="<phone> told us")], "nobody keeps what the reason has of a person"
    away = open_engine("sqlite:////dev/null/calls.db")
    without = SwitchBoard(away, LiveConditionsStore(shared))
    assert await without.order(replace(CLOSED, queue="loans")) is Kept.NOWHERE
    server.start_again()
    await back(shared)
    assert await without.order(replace(CLOSED, queue="loans")) is Kept.HOLDS
    away.dispose()
