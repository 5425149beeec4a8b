"""A child process of ours: started, told its settings by standard input, watched, started again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence

import structlog

from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

READY = b"ready"
"""The first word of the line by which a child says that it serves."""
ALIVE = b"alive"
"""The line by which its event loop gives a sign of life."""
SILENT_S = 30.0
"""A child that serves and gives no sign of life for so long stands still, and is replaced."""
_LOOKS = 3  # within that time: after a pause of our own, what it said meanwhile is read before the time is up
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_STAYED_UP_S = 60.0


class ChildProcess:
    """Keeps one child running. It reads its orders line by line, and ends when its standard input does: with us at the latest."""

    ended = "a child process ended and is started again"
    """What the log says when it ends by itself."""
    code = "child.ended"

    def __init__(self, name: str, program: Sequence[str], *, silent_s: float = SILENT_S) -> None:
        self.name = name
        self.restarts = 0
        self._program = program
        self._silent_s = silent_s
        self._child: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopping = False
        self._ready = asyncio.Event()
        self.failed = asyncio.Event()
        """Set once it has ended by itself."""

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    def start(self) -> None:
        """Start the child, and watch it."""
        self._watching = asyncio.create_task(self._watch(), name=f"{self.name}-process")

    def trouble(self) -> str | None:
        """Why nobody is served, for health; None while somebody is."""
        if self._ready.is_set():
            return None
        return (
            "has not started yet"
            if not self.restarts
            else f"ended, and is started again: see {self.code.partition('.')[0]}.* in the log"
        )

    async def ready(self, within_s: float) -> bool:
        """Wait until it serves; False when it does not in time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), within_s)
        return self._ready.is_set()

    async def terminate(self, within_s: float) -> None:
        """Tell it to stop (SIGTERM), and wait so long at most. It is not started again."""
        self._stopping = True
        child = self._child
        if child is not None and child.returncode is None:
            child.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), within_s)

    async def close(self) -> None:
        """End the child, if it has not ended."""
        self._stopping = True
        await cancelled(self._watching)
        child = self._child
        if child is not None and child.returncode is None:
            child.kill()
            await child.wait()

    def first_orders(self) -> Sequence[str]:
        """The lines that a child gets when it starts."""
        raise NotImplementedError

    def passed_fds(self) -> Sequence[int]:
        """Sockets of ours that the child serves."""
        return ()

    def told(self, line: bytes) -> None:
        """A line that the child wrote to its standard output."""

    def lost(self) -> None:
        """It has ended by itself, and is started again after a pause."""

    async def tell(self, *lines: str) -> None:
        """Write to its standard input. A child that is gone is started anew, and gets its first orders then."""
        if self._child is not None and self._child.returncode is None:
            await _write(self._child, *lines)

    async def _watch(self) -> None:
        pause = _FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while not self._stopping:
            began = loop.time()
            try:
                code: object = await self._run()
            except OSError as error:  # no memory, no process
                code = error.strerror
            self._ready.clear()
            if self._stopping:
                return
            pause = _FIRST_PAUSE_S if loop.time() - began > _STAYED_UP_S else min(pause * 2, _LONGEST_PAUSE_S)
            self.restarts += 1
            self.failed.set()
            self.lost()
            log.error(self.ended, code=self.code, worker=self.name, exit=code, pause_s=pause)
            await asyncio.sleep(pause)

    async def _run(self) -> int:
        self._child = child = await asyncio.create_subprocess_exec(
            *self._program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=tuple(self.passed_fds()),
            start_new_session=True,  # Ctrl-C is for us; the child is told in order
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            await _write(child, *self.first_orders())
            if child.stdout is not None:
                await self._listen(child, child.stdout)
            return await child.wait()
        except asyncio.CancelledError:
            child.kill()
            await child.wait()
            raise

    async def _listen(self, child: asyncio.subprocess.Process, said: asyncio.StreamReader) -> None:
        """Until it ends, or stands still: then it is killed, since whoever it serves waits in vain."""
        silent = 0
        while True:
            try:
                line = await asyncio.wait_for(said.readline(), self._silent_s / _LOOKS if self._ready.is_set() else None)
            except TimeoutError:
                silent += 1
                if silent == _LOOKS:
                    log.error(
                        "a process of ours stands still and is replaced; whom it served is lost",
                        code=self.code,
                        worker=self.name,
                        seconds=self._silent_s,
                    )
                    child.kill()
                    return
                continue
            except ValueError:  # a library's print, too long for a line
                continue
            silent = 0
            if not line:
                return
            self.told(line)
            if line.split(maxsplit=1)[:1] == [READY]:
                self._ready.set()


async def _write(child: asyncio.subprocess.Process, *lines: str) -> None:
    if child.stdin is not None:
        with contextlib.suppress(OSError):
            child.stdin.writelines(f"{line}\n".encode() for line in lines)
            await child.stdin.drain()
