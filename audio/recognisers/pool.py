"""Worker threads for decoding: bounded in number, in what waits, and in how long anything may take.

An engine's C code cannot be interrupted. A worker that decodes for all of the deadline is abandoned and replaced: one hang costs
one thread and one answer, and the jobs behind it still run. A decode that only began late is no hang: more threads would make an
overload worse. At the end of the process decodes under way are waited for: a thread that comes back from C++ code when Python is
gone takes the process down with SIGABRT.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from audio.errors import RecogniserBusy, RecogniserError

T = TypeVar("T")

_NICE = 5  # media threads go first: a late packet is heard, a result 20 ms later is not
_LOST_LIMIT = 8  # hung workers after which the engine is taken for broken
_HANGS_AFTER = 0.5  # of the deadline spent in the decode itself; of others the rest went by before a free worker took them
_LAST_S = 8.0  # for decodes under way at the end of the process: longer than any that does not hang
_running: set[threading.Thread] = set()
_ran = threading.Condition()


@atexit.register
def _let_decodes_end() -> None:
    with _ran:
        _ran.wait_for(lambda: not _running, _LAST_S)


def started_behind(make: Callable[[], T]) -> T:
    """The result of `make`, called in a thread of lower priority: the threads that an engine starts inherit that priority."""
    made: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        _step_back()
        try:
            made.append(make())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="load")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def _step_back() -> None:
    """Lower this thread's priority: on Linux niceness is a thread's own, elsewhere nothing happens."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[], Any]
    answer: asyncio.Future[Any]
    deadline_s: float
    timer: asyncio.TimerHandle | None = None
    worker: threading.Thread | None = None
    began: float = 0.0  # when the worker took it, by the monotonic clock
    over: bool = False  # no longer counted: done, dropped, or given up


class DecodePool:
    """Runs decoding off the event loop. All methods are called on the one event loop."""

    def __init__(self, workers: int, waiting: int, deadline_s: float) -> None:
        """At most `waiting` jobs queue behind `workers` running ones; each must be done `deadline_s` after it was submitted."""
        self.deadline_s = deadline_s
        self._workers = workers
        self._capacity = workers + waiting
        self._open: set[_Job] = set()
        self._given_up: set[threading.Thread] = set()
        self._closed = False
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._claim = threading.Lock()
        for _ in range(workers):
            self._hire()

    @property
    def idle(self) -> bool:
        """Whether a job submitted now would start at once."""
        return len(self._open) < self._workers

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, called in a worker. A cancelled job that has not started never will.

        Raises RecogniserBusy when too much waits already, or no worker was free in time; RecogniserError when the pool is closed,
        `work` takes all of the deadline, or `work` raises.
        """
        self._check_open()
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future(), self.deadline_s)
        job.timer = loop.call_later(job.deadline_s, self._expire, job)
        self._open.add(job)
        self._queue.put(job)
        try:
            result: T = await job.answer
        except asyncio.CancelledError:
            self._drop(job)
            raise
        except RecogniserError:
            raise
        except Exception as error:
            raise RecogniserError(f"the recogniser failed: {type(error).__name__}: {error}") from error
        return result

    def close(self) -> None:
        """Stop the workers when they are done with what they run; whatever waits is dropped."""
        self._closed = True
        for job in list(self._open):
            if self._drop(job) and not job.answer.done():
                job.answer.set_exception(RecogniserError("the recogniser is closed"))
        for _ in range(self._workers):
            self._queue.put(None)

    def _check_open(self) -> None:
        if self._closed:
            raise RecogniserError("the recogniser is closed")
        if len(self._given_up) >= _LOST_LIMIT:
            raise RecogniserError(f"{len(self._given_up)} decodes hang: restart the service, and check the model and the engine")
        if len(self._open) >= self._capacity:
            raise RecogniserBusy(f"the recogniser is overloaded: {len(self._open)} utterances are being decoded or wait")

    def _drop(self, job: _Job) -> bool:
        """Take a job back that no worker has begun."""
        with self._claim:
            if job.worker is not None:
                return False
            self._release(job)
            return True

    def _release(self, job: _Job) -> None:
        job.over = True
        if job.timer is not None:
            job.timer.cancel()
        self._open.discard(job)

    def _expire(self, job: _Job) -> None:
        with self._claim:
            if job.over:
                return
            ran_s = 0.0 if job.worker is None else time.monotonic() - job.began
            hangs = ran_s >= _HANGS_AFTER * job.deadline_s
            if job.worker is None:
                self._release(job)
            elif hangs:
                self._release(job)
                self._given_up.add(job.worker)
                self._hire()
            else:  # nobody waits for it any more, but its worker is not free
                job.timer = asyncio.get_running_loop().call_later(job.deadline_s - ran_s, self._expire, job)
        if job.answer.done():
            return
        if not hangs:  # other decodes took its time: nothing is known to be broken
            waited = f"the recogniser is overloaded: a decode waited {job.deadline_s - ran_s:.1f} s for a worker"
            job.answer.set_exception(RecogniserBusy(waited))
        else:
            job.answer.set_exception(RecogniserError(f"the recogniser gave no result within {job.deadline_s:g} s"))

    def _conclude(self, job: _Job, result: Any, error: BaseException | None) -> None:
        if job.over:
            return
        self._release(job)
        if job.answer.done():
            return
        if error is not None:
            job.answer.set_exception(error)
        else:
            job.answer.set_result(result)

    def _hire(self) -> None:
        threading.Thread(target=self._serve, name="decode", daemon=True).start()

    def _serve(self) -> None:
        me = threading.current_thread()
        _step_back()
        while (job := self._queue.get()) is not None:
            with self._claim:
                if job.over:
                    continue
                job.worker, job.began = me, time.monotonic()
            with _ran:
                _running.add(me)
            try:
                self._perform(job)
            finally:
                with _ran:
                    _running.discard(me)
                    _ran.notify_all()
            del job
            with self._claim:
                if me in self._given_up:
                    self._given_up.discard(me)
                    return

    def _perform(self, job: _Job) -> None:
        result, failure = None, None
        try:
            result = job.work()
        except Exception as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            job.answer.get_loop().call_soon_threadsafe(self._conclude, job, result, failure)
