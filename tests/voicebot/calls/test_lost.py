"""Calls whose process was killed: others with the same state server close their records, each once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.voicebot.state.servers import StateServer, connect, other, server, shared
from voicebot.calls.lost import LOST, LostCalls
from voicebot.errors import RecordsError, StateError
from voicebot.metrics.registry import Metrics
from voicebot.records import CallSummary, RecordStore
from voicebot.state.live_calls import LEASE_S, LOST_AFTER_S, LiveCall, LiveCalls
from voicebot.state.shared import SharedState

__all__ = ["other", "server", "shared"]

STARTED = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
CALL = LiveCall("20261127-100000-abc123", STARTED, "main", "pl", "sme", "+48600100123", "handing over", "card_block", "cards")

# a process with a call, on another machine: nothing of its disk is left
SERVING = """
import asyncio, sys
from datetime import UTC, datetime
from voicebot.state.live_calls import LiveCall, LiveCalls
from voicebot.state.shared import SharedState

async def main(url):
    shared = SharedState(url, deadline_s=20.0)
    await shared.start()
    live = LiveCalls(shared)
    await live.start()
    live.began(LiveCall("killed", datetime.now(UTC), "main", "pl", "sme", "+48600100123"))
    live.changed("killed", phase="handing over", queue="cards", intent="card_block")
    await shared.flush()
    print("serving", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1]))
"""


class Clock:
    def __init__(self) -> None:
        self.now = STARTED.timestamp()

    def __call__(self) -> float:
        return self.now


def store_in(folder: Path) -> RecordStore:
    return RecordStore(f"sqlite:///{folder / 'calls.db'}", spool_dir=folder / "spool", number_key=b"key")


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[RecordStore]:
    store = store_in(tmp_path)
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def killed(server: StateServer) -> str:
    """The id of a call whose process was killed."""
    with subprocess.Popen([sys.executable, "-c", SERVING, server.url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while (line := process.stdout.readline()) != "serving\n":
            assert line, "the process ended"
        process.kill()
    return "killed"


def lost_in(metrics: Metrics) -> float:
    (line,) = (line for line in metrics.render().splitlines() if line.startswith("voicebot_calls_lost_total"))
    return float(line.rpartition(" ")[2])


async def test_the_call_of_a_killed_process_is_closed_once_by_four_that_look(
    server: StateServer, killed: str, records: RecordStore
) -> None:
    """At the time when it was last heard of, with what was known; and counted once."""
    metrics, later = Metrics(), datetime.now(UTC).timestamp() + LEASE_S + LOST_AFTER_S + 5
    async with AsyncExitStack() as stack:
        looking = []
        for _ in range(4):
            state = connect(server)
            await state.start()
            stack.push_async_callback(state.close)
            looking.append(LostCalls(LiveCalls(state, clock=lambda: later), records, metrics))
        for _ in range(2):
            closed = await asyncio.gather(*(each.look() for each in looking))
        assert sum(closed) == 0, "the second time there is nothing left"
    assert lost_in(metrics) == 1
    (found,) = await records.calls()
    assert (found.call_id, found.outcome, found.line, found.segment) == (killed, LOST, "main", "sme")
    assert (found.queue, found.intent, found.number) == ("cards", "card_block", "+48…123")
    assert abs((found.ended - datetime.now(UTC)).total_seconds()) < 120
    record = await records.call(killed)
    assert record is not None
    assert record.lines[-1]["outcome"] == LOST


async def test_a_call_whose_process_lives_is_not_lost(shared: SharedState, other: SharedState, records: RecordStore) -> None:
    """Nor one whose lease has only just ended: whoever shares the disk writes a better record."""
    clock = Clock()
    here, there = LiveCalls(shared, clock=clock), LiveCalls(other, clock=clock)
    here.began(CALL)
    await shared.flush()
    looking, own = LostCalls(there, records, Metrics()), LostCalls(here, records, Metrics())
    clock.now += LEASE_S + LOST_AFTER_S - 1
    assert await looking.look() == 0
    clock.now += 2
    assert await own.look() == 0, "it is its own"
    here.changed(CALL.call_id, phase="listening")  # the state server was away for long, and is back
    await shared.flush()
    assert await looking.look() == 0
    assert await records.calls() == []


async def test_what_died_with_a_record_gets_no_other(shared: SharedState, other: SharedState, records: RecordStore) -> None:
    """The next start of the dead process was quicker."""
    clock = Clock()
    LiveCalls(shared, clock=clock).began(CALL)
    await shared.flush()
    records.save(CallSummary(CALL.call_id, STARTED, STARTED, "died"), [])
    assert await records.flush()
    clock.now += LEASE_S + LOST_AFTER_S + 1
    metrics = Metrics()
    assert await LostCalls(LiveCalls(other, clock=clock), records, metrics).look() == 0
    (found,) = await records.calls()
    assert (found.outcome, lost_in(metrics)) == ("died", 0)


async def test_while_a_store_is_away_lost_calls_wait(
    server: StateServer, shared: SharedState, other: SharedState, records: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are closed when whoever took them gave up, or died."""
    clock = Clock()
    LiveCalls(shared, clock=clock).began(CALL)
    await shared.flush()
    clock.now += LEASE_S + LOST_AFTER_S + 1
    looking = LostCalls(LiveCalls(other, clock=clock), records, Metrics())

    async def away(call_id: str) -> None:
        raise RecordsError("the database does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(records, "call", away)
        with pytest.raises(RecordsError):
            await looking.look()
    assert await looking.look() == 0, "another one may have it for two minutes"
    await shared.ask(lambda redis: redis.delete(f"voicebot:lost:{CALL.call_id}"))  # they are over
    assert await looking.look() == 1
    server.kill()
    with pytest.raises(StateError):
        await looking.look()
