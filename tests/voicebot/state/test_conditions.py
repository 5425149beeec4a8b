"""Live switches and waits."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.voicebot.state.servers import StateServer, connect
from tests.voicebot.state.stepping import Stepping
from voicebot.state.conditions import WAIT_HOLDS_S, LiveConditionsStore, SwitchKind, SwitchSetting, switch_codec
from voicebot.state.shared import SharedState

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def surge(*, on: bool = True, until: datetime | None = None, when: datetime = NOW) -> SwitchSetting:
    return SwitchSetting(SwitchKind.SURGE, on, "anna", when, why="outage", until=until)


def closure(queue: str, *, on: bool = True, when: datetime = NOW) -> SwitchSetting:
    return SwitchSetting(SwitchKind.CLOSURE, on, "anna", when, queue=queue)


async def test_a_switch_holds_here_at_once_and_elsewhere_after_a_reading(shared: SharedState, other: SharedState) -> None:
    """Every process steers by the same switches."""
    here, there = LiveConditionsStore(shared), LiveConditionsStore(other)
    here.set_switch(surge())
    assert here.snapshot.holding(NOW) == [surge()]
    await shared.flush()
    assert await there.refresh()
    assert there.snapshot.holding(NOW) == [surge()]


async def test_switches_of_different_places_stand_beside_each_other(shared: SharedState) -> None:
    """A surge, and two queues closed; one is opened again."""
    store = LiveConditionsStore(shared)
    for setting in (surge(), closure("cards"), closure("loans"), closure("cards", on=False)):
        store.set_switch(setting)
    await shared.flush()
    await store.refresh()
    assert {(each.kind.value, each.queue) for each in store.snapshot.holding(NOW)} == {("surge", ""), ("closure", "loans")}


async def test_a_switch_with_an_end_takes_itself_back(shared: SharedState) -> None:
    """Nobody has to remember in the evening."""
    store = LiveConditionsStore(shared)
    store.set_switch(surge(until=NOW + timedelta(hours=1)))
    assert store.snapshot.holding(NOW + timedelta(minutes=59))
    assert not store.snapshot.holding(NOW + timedelta(hours=1))


async def test_only_fresh_waits_are_told(shared: SharedState, other: SharedState) -> None:
    """An announced wait must have a figure behind it."""
    store, there = LiveConditionsStore(shared), LiveConditionsStore(other)
    store.set_wait("cards", 240.0, NOW)
    store.set_wait("loans", 60.0, NOW - timedelta(minutes=10))
    assert store.snapshot.waits(NOW) == {"cards": 240.0}
    await shared.flush()
    await there.refresh()
    assert there.snapshot.waits(NOW) == {"cards": 240.0}


async def test_a_wait_grows_old_by_the_servers_clock(
    shared: SharedState, other: SharedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by a machine whose clock is right, and read by one that is three minutes ahead, or behind."""
    real = time.time

    def now() -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    store, there = LiveConditionsStore(shared), LiveConditionsStore(other)
    store.set_wait("cards", 240.0, now())
    store.set_wait("loans", 60.0, now() - timedelta(seconds=WAIT_HOLDS_S + 5))
    await shared.flush()
    for wrong_s in (180.0, -180.0):
        monkeypatch.setattr(time, "time", lambda wrong_s=wrong_s: real() + wrong_s)
        assert await there.refresh()
        assert there.snapshot.waits(now()) == {"cards": 240.0}


async def test_the_dialogue_is_told_in_its_own_words(shared: SharedState) -> None:
    """Waits by queue, switches with who and since when."""
    store = LiveConditionsStore(shared)
    store.set_switch(closure("cards"))
    store.set_wait("loans", 60.0, NOW)
    told = store.snapshot.for_dialogue(NOW)
    assert told.waits == (("loans", 60.0),)
    assert [(each.name, each.queue, each.who, each.since) for each in told.switches] == [
        ("closure", "cards", "anna", NOW.isoformat())
    ]


async def test_the_last_snapshot_holds_while_the_server_is_away(server: StateServer, shared: SharedState) -> None:
    """And a switch set meanwhile holds here, survives readings, and is everybody's when the server is back."""
    store = LiveConditionsStore(shared)
    store.set_switch(surge())
    await shared.flush()
    server.kill()
    assert not await store.refresh()
    assert store.snapshot.holding(NOW) == [surge()]
    store.set_switch(closure("cards"))
    assert len(store.snapshot.holding(NOW)) == 2
    server.start_again()
    await shared.flush()
    assert await store.refresh()
    # the restarted server had lost the surge; what was written meanwhile is there
    assert closure("cards") in store.snapshot.holding(NOW)


async def test_a_reading_does_not_undo_what_was_set_here_and_is_not_written_yet(server: StateServer, shared: SharedState) -> None:
    """The reading may overtake the writing."""
    never_writes = connect(server)  # not started
    store = LiveConditionsStore(never_writes)
    store.set_switch(surge())
    assert await store.refresh()
    assert store.snapshot.holding(NOW) == [surge()]
    await never_writes.close()


async def test_a_newer_setting_of_another_process_wins_over_an_older_one_of_ours(shared: SharedState, other: SharedState) -> None:
    """Who set it last decides."""
    here, there = LiveConditionsStore(shared), LiveConditionsStore(other)
    here.set_switch(surge())
    await shared.flush()
    there.set_switch(surge(on=False, when=NOW + timedelta(minutes=5)))
    await other.flush()
    await here.refresh()
    assert here.snapshot.holding(NOW + timedelta(minutes=6)) == []


async def test_an_entry_that_cannot_be_read_does_not_hide_the_others(shared: SharedState) -> None:
    """Another version's, or a person's with a console."""
    store = LiveConditionsStore(shared)
    store.set_switch(surge())
    await shared.flush()
    newer = json.loads(switch_codec.to_text(replace(surge(), kind=SwitchKind.CLOSURE, queue="loans"))) | {"added_later": 1}
    zoneless = json.loads(switch_codec.to_text(closure("cards"))) | {"until": "2099-01-01T00:00:00"}
    bad = {
        "closure:x": "{}",
        "closure:y": "no json",
        "closure:cards": json.dumps(zoneless),
        "closure:loans": json.dumps(newer),
    }
    waits = {"cards": "[]", "mortgage": json.dumps({"seconds": float("nan"), "when": NOW.isoformat()})}
    shared.write_later("bad", lambda pipeline: pipeline.hset("voicebot:switches", mapping=bad))  # type: ignore[arg-type]
    shared.write_later("worse", lambda pipeline: pipeline.hset("voicebot:waits", mapping=waits))  # type: ignore[arg-type]
    store.set_wait("loans", 60.0, NOW)
    await shared.flush()
    assert await store.refresh()
    assert [setting.name for setting in store.snapshot.holding(NOW)] == ["surge:", "closure:loans"]
    assert store.snapshot.waits(NOW) == {"loans": 60.0}


async def test_it_reads_in_the_background_and_a_reading_that_fails_is_not_the_last(
    shared: SharedState, other: SharedState
) -> None:
    """A call only looks at the snapshot, and the snapshot never freezes."""
    stepping = Stepping()
    here, there = LiveConditionsStore(shared), LiveConditionsStore(other, pause=stepping.pause)
    await there.start()
    here.set_switch(surge())
    await shared.flush()
    other.ask = failing_once(other.ask)  # type: ignore[method-assign,assignment]
    await stepping.step()
    assert not there.snapshot.holding(NOW)
    await stepping.step()
    assert there.snapshot.holding(NOW)
    await there.close()


def failing_once(ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A question whose first answer cannot be read in a way that nobody foresaw."""
    failed: list[bool] = []

    async def asked(question: object) -> object:
        if not failed:
            failed.append(True)
            raise RecursionError
        return await ask(question)

    return asked
