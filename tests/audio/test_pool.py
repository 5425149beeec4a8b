"""The pool of decoding workers: bounded, and no hang or error of an engine reaches further than its own utterance."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from audio.errors import RecogniserBusy, RecogniserError
from audio.recognisers.pool import DecodePool, started_behind


@pytest.fixture
async def gate() -> AsyncIterator[threading.Event]:
    """What a stuck engine waits for; opened at the end of the test, so that no thread is left."""
    event = threading.Event()
    yield event
    event.set()


def waiting_for(gate: threading.Event, started: threading.Event | None = None) -> Callable[[], str]:
    def work() -> str:
        if started is not None:
            started.set()
        gate.wait(30)
        return "late"

    return work


async def test_work_runs_in_a_worker_and_its_result_comes_back() -> None:
    pool = DecodePool(1, 1, 5)
    assert await pool.run(lambda: threading.current_thread().name) == "decode"
    pool.close()


async def test_what_an_engine_raises_becomes_a_recogniser_error() -> None:
    pool = DecodePool(1, 1, 5)

    def broken() -> None:
        raise RuntimeError("tensor shape")

    with pytest.raises(RecogniserError, match="RuntimeError: tensor shape"):
        await pool.run(broken)
    assert await pool.run(lambda: "still works") == "still works"
    pool.close()


async def test_a_hang_is_given_up_at_the_deadline_and_the_next_job_runs(gate: threading.Event) -> None:
    pool = DecodePool(1, 1, 0.5)
    with pytest.raises(RecogniserError, match=r"no result within 0\.5 s"):
        await pool.run(waiting_for(gate))
    assert await pool.run(lambda: "next") == "next"
    pool.close()


async def test_a_hang_nobody_waits_for_any_more_is_given_up_too(gate: threading.Event) -> None:
    pool = DecodePool(1, 4, 0.1)
    started = threading.Event()
    task = asyncio.create_task(pool.run(waiting_for(gate, started)))
    await asyncio.to_thread(started.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not pool.idle, "the worker is still busy with it"
    with pytest.raises(RecogniserError):
        await pool.run(waiting_for(gate))
    pool.deadline_s = 5
    assert await pool.run(lambda: "next") == "next"
    pool.close()


async def test_an_engine_that_hangs_again_and_again_is_taken_for_broken(gate: threading.Event) -> None:
    pool = DecodePool(1, 1, 0.3)
    for _ in range(8):
        with pytest.raises(RecogniserError, match="no result"):
            await pool.run(waiting_for(gate))
    with pytest.raises(RecogniserError, match="8 decodes hang: restart"):
        await pool.run(lambda: "never run")
    pool.close()


async def test_over_its_capacity_it_refuses_at_once(gate: threading.Event) -> None:
    pool = DecodePool(1, 1, 5)
    running = [asyncio.create_task(pool.run(waiting_for(gate))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(RecogniserBusy, match="overloaded: 2"):
        await pool.run(lambda: "too many")
    gate.set()
    assert await asyncio.gather(*running) == ["late", "late"]
    assert pool.idle
    pool.close()


async def test_a_job_that_never_got_a_worker_says_busy_not_broken(gate: threading.Event) -> None:
    """Its own decode has not failed: the caller may speak again. The one that hangs is broken."""
    pool = DecodePool(1, 1, 0.1)
    started = threading.Event()
    hanging = asyncio.create_task(pool.run(waiting_for(gate, started)))
    await asyncio.to_thread(started.wait)
    pool.deadline_s = 0.01
    with pytest.raises(RecogniserBusy, match="waited"):
        await pool.run(lambda: "never run")
    with pytest.raises(RecogniserError) as broken:
        await hanging
    assert not isinstance(broken.value, RecogniserBusy)
    assert {RecogniserBusy.code, RecogniserError.code} == {"audio.recogniser_busy", "audio.recogniser"}
    pool.close()


async def test_a_decode_that_only_began_late_is_no_hang(gate: threading.Event) -> None:
    """No thread more for an overload, and its caller may speak again."""
    pool, first = DecodePool(1, 2, 1.0), threading.Event()
    threads = []

    def note_thread() -> None:
        threads.append(threading.current_thread())

    holding = asyncio.create_task(pool.run(waiting_for(first)))
    await asyncio.sleep(0)
    late = asyncio.create_task(pool.run(waiting_for(gate)))
    asyncio.get_running_loop().call_later(0.8, first.set)
    with pytest.raises(RecogniserBusy, match="waited"):
        await late
    assert await holding == "late"
    assert not pool.idle, "the worker is still busy with it"
    gate.set()
    await pool.run(note_thread)
    await pool.run(note_thread)
    assert threads[0] is threads[1], "nobody was hired"
    pool.close()


async def test_a_waiting_job_that_is_cancelled_never_runs(gate: threading.Event) -> None:
    pool = DecodePool(1, 2, 5)
    ran = []
    first = asyncio.create_task(pool.run(waiting_for(gate)))
    second = asyncio.create_task(pool.run(lambda: ran.append("second")))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    await first
    await pool.run(lambda: ran.append("third"))
    assert ran == ["third"]
    pool.close()


async def test_closing_drops_what_waits_and_refuses_what_comes(gate: threading.Event) -> None:
    pool = DecodePool(1, 2, 5)
    started = threading.Event()
    running = asyncio.create_task(pool.run(waiting_for(gate, started)))
    waiting = asyncio.create_task(pool.run(lambda: "never"))
    await asyncio.to_thread(started.wait)
    pool.close()
    with pytest.raises(RecogniserError, match="closed"):
        await waiting
    gate.set()
    assert await running == "late", "what runs is heard out"
    with pytest.raises(RecogniserError, match="closed"):
        await pool.run(lambda: "no")


def test_an_engine_is_made_in_a_thread_that_lets_others_go_first() -> None:
    names = started_behind(lambda: threading.current_thread().name)
    assert names == "load"
    with pytest.raises(ZeroDivisionError):
        started_behind(lambda: 1 // 0)


def test_at_the_end_of_the_process_a_decode_under_way_is_waited_for() -> None:
    """A thread that comes back from C++ code when Python is gone would end it by SIGABRT: Ctrl-C, or a stop in the middle."""
    program = (
        "import asyncio, time; from audio.recognisers.pool import DecodePool\n"
        "async def main():\n"
        "    pool = DecodePool(1, 1, 5); began = asyncio.Event(); loop = asyncio.get_running_loop()\n"
        "    def work(): loop.call_soon_threadsafe(began.set); time.sleep(0.3); print('decoded', flush=True)\n"
        "    decode = asyncio.create_task(pool.run(work)); await began.wait(); decode.cancel(); pool.close()\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "decoded\n"
