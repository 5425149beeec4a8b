"""How a parent keeps a child running: programs of a few lines stand for the child."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.voicebot.logged import line_with
from voicebot.children.child import ChildProcess

PATIENT_S = 30.0
BEATS = "import time\nprint('ready', flush=True)\nwhile True:\n print('alive', flush=True)\n time.sleep(0.05)\n"
STANDS_STILL_ONCE = """
import pathlib, sys, time
first = pathlib.Path(sys.argv[1])
print("ready", flush=True)
if not first.exists():
    first.touch()
    time.sleep(600)
while True:
    print("alive", flush=True)
    time.sleep(0.05)
"""
PRINTS_ON_AND_ON = "import time\nprint('x' * 300_000)\nprint('ready', flush=True)\ntime.sleep(600)\n"


class Child(ChildProcess):
    """Gets no orders."""

    def first_orders(self) -> Sequence[str]:
        return ()


@asynccontextmanager
async def started(program: str, *arguments: str, silent_s: float) -> AsyncIterator[Child]:
    child = Child("child", (sys.executable, "-c", program, *arguments), silent_s=silent_s)
    child.start()
    try:
        yield child
    finally:
        await child.close()


async def test_a_child_that_stands_still_is_replaced(tmp_path: Path) -> None:
    with line_with("stands still and is replaced", worker="child") as line:
        async with started(STANDS_STILL_ONCE, str(tmp_path / "first"), silent_s=3) as child:
            assert await child.ready(PATIENT_S)
            still = child.pid
            await asyncio.wait_for(child.failed.wait(), PATIENT_S)
            await line.written()
            assert await child.ready(PATIENT_S)
            assert child.pid != still
            assert child.restarts == 1


async def test_a_pause_of_the_parent_costs_no_child_its_life() -> None:
    """What they said meanwhile waits in the pipe: stopped and continued, suspended, or just late."""
    async with started(BEATS, silent_s=1.5) as child:
        assert await child.ready(PATIENT_S)
        before = child.pid
        time.sleep(2)
        await asyncio.sleep(0.2)
        assert (child.pid, child.restarts) == (before, 0)


async def test_a_line_without_end_does_not_cost_the_parent_its_watch() -> None:
    """A library in the child may print whatever it likes."""
    async with started(PRINTS_ON_AND_ON, silent_s=60) as child:
        assert await child.ready(PATIENT_S)
