"""Live calls and admission over several processes."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from tests.voicebot.state.servers import StateServer, connect
from tests.voicebot.state.stepping import Stepping
from voicebot.state.admission import LEASE_S, Admission, Admitted
from voicebot.state.live_calls import LiveCall, LiveCalls
from voicebot.state.renewal import Renewal
from voicebot.state.shared import SharedState
from voicebot.tasks import cancelled

STARTED = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def call(call_id: str, minute: int = 0) -> LiveCall:
    return LiveCall(call_id, STARTED.replace(minute=minute), number="+48600100123")


async def test_calls_of_all_processes_are_seen_everywhere_oldest_first(shared: SharedState, other: SharedState) -> None:
    """With what has changed since they began."""
    here, there = LiveCalls(shared), LiveCalls(other)
    here.began(call("b", minute=1))
    there.began(call("a"))
    here.changed("b", phase="listening", intent="blik")
    await shared.flush()
    await other.flush()
    seen = await there.everywhere()
    assert [(each.call_id, each.phase, each.intent) for each in seen] == [("a", "", None), ("b", "listening", "blik")]


async def test_other_processes_see_a_shortened_number(shared: SharedState, other: SharedState) -> None:
    """No whole number leaves the process for a screen."""
    here, there = LiveCalls(shared), LiveCalls(other)
    here.began(call("a"))
    await shared.flush()
    assert [each.number for each in await there.everywhere()] == ["+48…123"]


async def test_an_ended_call_is_gone_and_a_late_change_does_not_bring_it_back(shared: SharedState, other: SharedState) -> None:
    """Facts may arrive after the end."""
    here, there = LiveCalls(shared), LiveCalls(other)
    here.began(call("a"))
    here.ended("a")
    here.changed("a", phase="late")
    await shared.flush()
    assert (len(here), await there.everywhere()) == (0, [])


async def test_the_calls_of_a_crashed_process_fade_away(shared: SharedState, other: SharedState) -> None:
    """Nobody renews their lease."""
    clock = Clock()
    here, there = LiveCalls(shared, clock=clock), LiveCalls(other, clock=clock)
    here.began(call("a"))
    await shared.flush()
    assert len(await there.everywhere()) == 1
    clock.now += LEASE_S + 1
    assert await there.everywhere() == []


async def test_while_the_server_is_away_a_process_still_sees_its_own_calls(server: StateServer, shared: SharedState) -> None:
    """And the others' again when it is back."""
    here = LiveCalls(shared)
    here.began(call("a"))
    server.kill()
    assert [each.call_id for each in await here.everywhere()] == ["a"]


async def test_a_process_admits_no_more_than_its_limit(shared: SharedState) -> None:
    """A released slot is free again; releasing twice is harmless."""
    admission = Admission(shared, max_calls=2)
    assert [await admission.admit(name) for name in "abc"] == [Admitted.YES, Admitted.YES, Admitted.PROCESS_FULL]
    admission.release("a")
    admission.release("a")
    assert (admission.taken, await admission.admit("c")) == (1, Admitted.YES)


async def test_all_processes_together_admit_no_more_than_the_shared_limit(shared: SharedState, other: SharedState) -> None:
    """And what one releases another may take."""
    for state in (shared, other):
        state._deadline = 5.0  # a busy machine must not look like a server that is away
    here, there = (Admission(state, max_calls=10, max_shared_calls=3) for state in (shared, other))
    answers = await asyncio.gather(*(admission.admit(f"{at}{n}") for n in range(4) for at, admission in enumerate((here, there))))
    assert answers.count(Admitted.YES) == 3
    assert answers.count(Admitted.SHARED_FULL) == 5
    assert here.taken + there.taken == 3
    taken, free = (here, there) if here.taken else (there, here)
    for n in range(4):
        taken.release(f"{0 if taken is here else 1}{n}")
    await shared.flush()
    await other.flush()
    assert await free.admit("next") is Admitted.YES


async def test_slots_of_a_crashed_process_are_free_again_after_their_lease(shared: SharedState, other: SharedState) -> None:
    """A crash must not shut the hotline."""
    clock = Clock()
    here, there = (Admission(state, max_calls=10, max_shared_calls=1, clock=clock) for state in (shared, other))
    assert await here.admit("a") is Admitted.YES
    assert await there.admit("b") is Admitted.SHARED_FULL
    clock.now += LEASE_S + 1
    assert await there.admit("b") is Admitted.YES


async def test_a_machine_whose_clock_is_stepped_takes_no_slots_of_others(
    shared: SharedState, other: SharedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour ahead, every lease of the others would have ended."""
    real = time.time
    for state in (shared, other):
        async with asyncio.timeout(20):
            while abs(state.now() - real()) > 1 or not state.knows_time:
                await asyncio.sleep(0.01)
    here, there = (Admission(state, max_calls=10, max_shared_calls=1) for state in (shared, other))
    assert await here.admit("a") is Admitted.YES
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    assert await there.admit("b") is Admitted.SHARED_FULL
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    here.release("a")
    await shared.flush()
    assert await there.admit("b") is Admitted.YES


async def test_a_process_that_begins_with_a_wrong_clock_takes_nothing_of_others(
    server: StateServer, shared: SharedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor gives its own away: also in its first question, and in its first write."""
    real, ahead, behind = time.time, connect(server), connect(server)
    here, slot = LiveCalls(shared), Admission(shared, max_calls=10, max_shared_calls=1)
    here.began(call("right"))
    assert await slot.admit("right") is Admitted.YES
    await shared.flush()
    monkeypatch.setattr(time, "time", lambda: real() + 1000)
    there = LiveCalls(ahead)
    assert await there.take_lost() == []
    assert [each.call_id for each in await there.everywhere()] == ["right"]
    assert await Admission(ahead, max_calls=10, max_shared_calls=1).admit("another") is Admitted.SHARED_FULL
    monkeypatch.setattr(time, "time", lambda: real() - 1000)
    LiveCalls(behind).began(call("wrong", minute=1))
    await behind.start()
    await behind.flush()
    monkeypatch.setattr(time, "time", real)
    assert await here.take_lost() == []
    assert [each.call_id for each in await here.everywhere()] == ["right", "wrong"]
    for state in (ahead, behind):
        await state.close()


@pytest.mark.parametrize("trouble", ["kill", "freeze"])
async def test_while_the_server_is_away_the_processs_own_limit_holds(
    server: StateServer, shared: SharedState, trouble: str
) -> None:
    """A caller is not refused because a counter is away, nor let in without bound."""
    admission = Admission(shared, max_calls=2, max_shared_calls=1)
    getattr(server, trouble)()
    assert [await admission.admit(name) for name in "abc"] == [Admitted.YES, Admitted.YES, Admitted.PROCESS_FULL]
    if trouble == "freeze":
        server.thaw()


async def test_calls_admitted_without_the_server_count_when_it_is_back(
    server: StateServer, shared: SharedState, other: SharedState
) -> None:
    """The shared limit is true again."""
    here, there = (Admission(state, max_calls=10, max_shared_calls=1) for state in (shared, other))
    server.kill()
    assert await here.admit("a") is Admitted.YES
    server.start_again()
    await shared.flush()
    assert await there.admit("b") is Admitted.SHARED_FULL
    assert there.taken == 0


async def test_draining_admits_nobody(shared: SharedState) -> None:
    """Before a deploy; calls under way go on."""
    admission = Admission(shared, max_calls=5)
    await admission.admit("a")
    assert admission.open
    admission.drain()
    assert (await admission.admit("b"), admission.taken) == (Admitted.DRAINING, 1)
    assert not admission.open


async def test_a_caller_who_hangs_up_while_a_slot_is_asked_for_leaves_none_behind(
    server: StateServer, shared: SharedState
) -> None:
    """A few of them must not fill the process for ever."""
    shared._deadline = 60.0
    admission = Admission(shared, max_calls=1, max_shared_calls=1)
    server.freeze()
    asking = asyncio.create_task(admission.admit("a"))
    await asyncio.sleep(0)  # it has begun
    assert admission.taken == 1
    await cancelled(asking)
    server.thaw()
    assert (admission.taken, admission.open) == (0, True)


async def test_leases_are_renewed_though_one_call_cannot_be_written(shared: SharedState, other: SharedState) -> None:
    """The others stay on every screen."""
    clock, stepping = Clock(), Stepping()
    here = LiveCalls(shared, clock=clock, renewal=Renewal("live-calls", pause=stepping.pause))
    there = LiveCalls(other, clock=clock)
    await here.start()
    here.began(call("odd"))
    here.changed("odd", phase=object())
    here.began(call("good"))
    clock.now += LEASE_S - 1
    await stepping.step()
    await shared.flush()
    clock.now += LEASE_S - 1
    assert [each.call_id for each in await there.everywhere()] == ["good"]
    await here.close()
