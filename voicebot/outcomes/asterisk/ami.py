"""Listens to the manager interface and writes what it tells into a log of our own, which is then read as queue_log is: an API
that is away, and a restart of ours, lose nothing that was heard. What Asterisk tells while the connection is away is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog

from voicebot.ami.connection import FAULTS, manager
from voicebot.ami.settings import AmiSettings
from voicebot.files import FILE_MODE
from voicebot.handoff.webhook import backoff
from voicebot.outcomes.asterisk.ami_events import Journal

EVENTS = "agent,call"
_MOST_OCTETS = 16 << 20
_LONGEST_TRY = 6

log = structlog.get_logger(__name__)


class EventLog:
    """Lines at the end of a file that only its owner reads. A full one gets the ending `.1`, and the one before it is deleted."""

    def __init__(self, path: Path, *, most_octets: int = _MOST_OCTETS) -> None:
        """`most_octets` of one file: 16 MB are some 50,000 calls."""
        self._path = path
        self._full = path.with_name(path.name + ".1")
        self._most = most_octets

    def lines(self) -> list[str]:
        """All that is kept, whole lines. Raises OSError."""
        kept = [path.read_text(encoding="utf-8", errors="replace") for path in (self._full, self._path) if path.exists()]
        return [line for line in "".join(kept).splitlines(keepends=True) if line.endswith("\n")]

    def append(self, lines: list[str]) -> None:
        """Raises OSError."""
        if self._path.exists() and self._path.stat().st_size >= self._most:
            self._path.replace(self._full)
        with self._path.open("a", encoding="utf-8") as file:
            self._path.chmod(FILE_MODE)
            file.writelines(lines)


class Listener:
    """`run` listens until it is cancelled, and connects again after ever longer pauses."""

    def __init__(
        self,
        settings: AmiSettings,
        queues: Mapping[str, str],
        written: EventLog,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`queues`: ours by what Asterisk calls them, or by the extension. Raises OSError."""
        self._settings = settings
        self._written = written
        self._pause = pause
        self._clock = clock
        self._journal = Journal(queues.keys())
        for line in written.lines():
            self._journal.replay(line)

    async def run(self) -> None:
        """Listen, and write."""
        attempt = 0
        while True:
            try:
                async with manager(self._settings, events=EVENTS) as opened:
                    log.info("listening to Asterisk", code="queue_events.listening")
                    while True:
                        told = await opened.event()
                        attempt = 0
                        self._take(told)
            except FAULTS as error:
                why = str(error) or type(error).__name__
                log.warning("Asterisk tells nothing; trying again", code="queue_events.ami", why=why)
            await self._pause(backoff(min(attempt, _LONGEST_TRY)))
            attempt += 1

    def _take(self, told: Mapping[str, str]) -> None:
        lines = self._journal.lines(told, self._clock())
        if not lines:
            return
        try:
            self._written.append(lines)
        except OSError as error:
            log.error("events cannot be written and are lost", code="queue_events.lost", why=error.strerror)
