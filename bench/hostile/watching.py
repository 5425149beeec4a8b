"""What an attack costs: the processes' figures, the log, and a well-behaved client that asks all the while."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.hostile.clients import TEXT, Target, answer, frame, read_message, request, upgrade

WELL_BEHAVED = "127.0.0.99"
_ASK_EVERY_S = 0.25
_CHAT_EVERY_S = 1.0
_PATIENCE_S = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used."""

    cpu_s: float
    rss_mb: float
    handles: int


def usage(pid: int) -> Usage:
    """Now. Raises OSError when there is no such process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, pages * _PAGE / 1e6, len(os.listdir(f"/proc/{pid}/fd")))


def children(pid: int) -> list[int]:
    """Its child processes."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, listed.read_text(encoding="ascii").split())
    return found


def child_named(pid: int, module: str) -> int | None:
    """The child of this process that runs `python -m module`."""
    for child in children(pid):
        with contextlib.suppress(OSError):
            if module.encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
                return child
    return None


def tree_cpu_s(pid: int) -> float:
    """Processor seconds of this process and all below it that live."""
    own = 0.0
    with contextlib.suppress(OSError):
        own = usage(pid).cpu_s
    return own + sum(tree_cpu_s(child) for child in children(pid))


@dataclass(slots=True)
class Asked:
    """One kind of question of the well-behaved client: how often, and the seconds of those that were answered."""

    times: int = 0
    seconds: list[float] = field(default_factory=list)

    async def ask(self, question: Callable[[], Awaitable[None]]) -> None:
        """Once. One that is not answered in five seconds is not answered."""
        self.times += 1
        began = time.perf_counter()
        with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE_S):
                await question()
            self.seconds.append(time.perf_counter() - began)


class GoodClient:
    """Asks GET /health/live on a new connection and on a kept one, and opens a chat every second."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.live, self.kept, self.chat = Asked(), Asked(), Asked()

    async def ask_for(self, seconds: float) -> None:
        """Go on for so long."""
        end = time.monotonic() + seconds
        await asyncio.gather(
            self._every(_ASK_EVERY_S, end, self.live, self._live),
            self._every(_ASK_EVERY_S, end, self.kept, self._on_kept),
            self._every(_CHAT_EVERY_S, end, self.chat, self._chat),
        )
        self._drop()

    async def _every(self, pause_s: float, end: float, asked: Asked, question: Callable[[], Awaitable[None]]) -> None:
        while time.monotonic() < end:
            await asked.ask(question)
            await asyncio.sleep(pause_s)

    async def _live(self) -> None:
        reader, writer = await self._target.opened(WELL_BEHAVED)
        try:
            writer.write(request("GET", "/health/live"))
            _expect((await answer(reader)).status)
        finally:
            writer.close()

    async def _on_kept(self) -> None:
        if self._kept is None:
            self._kept = await self._target.opened(WELL_BEHAVED)
        reader, writer = self._kept
        try:
            writer.write(request("GET", "/health/live"))
            _expect((await answer(reader)).status)
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None

    async def _chat(self) -> None:
        """To the bot's first words."""
        reader, writer = await self._target.opened(WELL_BEHAVED)
        try:
            writer.write(upgrade(self._target.web))
            head = await reader.readuntil(b"\r\n\r\n")
            _expect(int(head.split(b" ", 2)[1]), 101)
            while b'"bot"' not in (message := await read_message(reader)):
                if b'"error"' in message:
                    raise ConnectionError
            writer.write(frame(TEXT, b'{"type": "bye"}'))
        finally:
            writer.close()


def _expect(status: int, wanted: int = 200) -> None:
    if status != wanted:
        raise ConnectionError(str(status))


class Watch:
    """A process and its log over the time of an attack; samples twice a second."""

    def __init__(self, pid: Callable[[], int | None]) -> None:
        self._pid = pid
        self._first: Usage | None = None
        self._began = 0.0
        self.cpu_share = 0.0
        self.rss_growth_mb = 0.0
        self.handles_growth = 0
        self.replaced = False
        """It ended meanwhile and another took its place."""

    async def watch(self, seconds: float) -> None:
        """Go on for so long; the growth is the largest seen."""
        pid = self._pid()
        began = time.monotonic()
        first = last = usage(pid) if pid is not None else None
        while first is not None and time.monotonic() - began < seconds:
            await asyncio.sleep(0.5)
            try:
                last = usage(pid or 0)
            except OSError:
                break
            self.rss_growth_mb = max(self.rss_growth_mb, last.rss_mb - first.rss_mb)
            self.handles_growth = max(self.handles_growth, last.handles - first.handles)
        if first is not None and last is not None:
            self.cpu_share = (last.cpu_s - first.cpu_s) / max(0.001, time.monotonic() - began)
        self.replaced = self._pid() != pid
